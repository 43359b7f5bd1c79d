//! Who answers: the configured providers with their keys taken from the
//! environment, or what a start without any configuration talks to.

use std::net::IpAddr;

use secrecy::SecretString;

use super::Config;
use super::faults::{Faults, Origin};
use super::pattern::Pattern;
use super::sections::{Provider, ProviderKind};

/// A provider ready to be called. Its `Debug` hides the key.
#[derive(Clone, Debug)]
pub struct ResolvedProvider {
    /// Unique name.
    pub name: String,
    /// Its dialect.
    pub kind: ProviderKind,
    /// Without a trailing slash; empty for `demo`.
    pub base_url: String,
    /// Sent as its credential; `None` for servers that ask for none.
    pub key: Option<SecretString>,
    /// Model names it answers.
    pub models: Vec<Pattern>,
}

impl Config {
    /// The providers to call, in order. Without `[[providers]]`: OpenAI (or the
    /// server at `OPENAI_BASE_URL`) when `OPENAI_API_KEY` is set, else the demo.
    /// `env` looks up an environment variable.
    ///
    /// # Errors
    /// Names every provider whose key is not in the environment though its
    /// server is not on this machine.
    pub fn providers_or_default(
        &self,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<ResolvedProvider>, Faults> {
        let (resolved, faults) = self.resolve_providers(env, |_| true);
        faults.or(resolved)
    }

    /// As [`Self::providers_or_default`], each provider that can be called beside the faults of the
    /// others. `knows` tells of a path like `providers[0].base_url` whether it may be relied on;
    /// nothing is said of a provider that rests on what may not.
    pub fn resolve_providers(
        &self,
        env: impl Fn(&str) -> Option<String>,
        knows: impl Fn(&str) -> bool,
    ) -> (Vec<ResolvedProvider>, Faults) {
        let env = |name: &str| {
            env(name)
                .map(|v| v.trim().to_owned())
                .filter(|v| !v.is_empty())
        };
        let mut faults = Faults::default();
        let written = match self.providers.as_slice() {
            [] if !knows("providers[0]") => Vec::new(),
            [] => vec![undeclared(&env, &mut faults)],
            written => written.to_vec(),
        };
        let mut resolved = Vec::with_capacity(written.len());
        for (i, provider) in written.into_iter().enumerate() {
            let key = match provider.api_key_env.as_str() {
                "" => None,
                name => env(name),
            };
            let place = format!("providers[{i}]");
            let needs_key = !provider.api_key_env.is_empty() && !is_loopback(&provider.base_url);
            if needs_key && key.is_none() && provider.kind != ProviderKind::Demo {
                let message = "this variable is not set in the environment";
                let path = format!("{place}.api_key_env");
                // A name that is at fault may be the key itself: it is not repeated.
                if knows(&path) && knows(&format!("{place}.base_url")) {
                    faults.add(&path, Origin::Env(provider.api_key_env.clone()), message);
                }
            } else if knows(&place) {
                resolved.push(ResolvedProvider {
                    name: provider.name,
                    kind: provider.kind,
                    base_url: provider.base_url.trim_end_matches('/').to_owned(),
                    key: key.map(SecretString::from),
                    models: provider.models,
                });
            }
        }
        (resolved, faults)
    }
}

/// What a start without `[[providers]]` talks to.
fn undeclared(env: &impl Fn(&str) -> Option<String>, faults: &mut Faults) -> Provider {
    let models = vec![Pattern::any()];
    let (key, base_url) = (env("OPENAI_API_KEY"), env("OPENAI_BASE_URL"));
    if key.is_none() && base_url.is_none() {
        let (base_url, api_key_env) = (String::new(), String::new());
        return Provider {
            name: "demo".into(),
            kind: ProviderKind::Demo,
            base_url,
            api_key_env,
            models,
        };
    }
    let usual = || "https://api.openai.com/v1".to_owned();
    let mut base_url = base_url.unwrap_or_else(usual);
    if let Some(message) = url_fault(&base_url) {
        faults.add("", Origin::Env("OPENAI_BASE_URL".into()), message);
        // The key is still looked at.
        base_url = usual();
    }
    let (name, kind) = ("openai".into(), ProviderKind::Openai);
    Provider {
        name,
        kind,
        base_url,
        // A server of one's own may want none.
        api_key_env: key.map_or_else(String::new, |_| "OPENAI_API_KEY".into()),
        models,
    }
}

/// Why `url` cannot be a base URL. The URL is not repeated: people put keys in them.
pub(super) fn url_fault(url: &str) -> Option<&'static str> {
    let Some(rest) = after_scheme(url) else {
        return Some("must start with http:// or https://");
    };
    let authority = authority(rest);
    if authority.contains('@') {
        return Some("must not hold credentials");
    }
    let unusable = host_of(authority).is_empty() || url.contains(char::is_whitespace);
    if unusable {
        return Some("must name a host");
    }
    rest.contains(['?', '#'])
        .then_some("must not hold a query or a fragment")
}

fn after_scheme(url: &str) -> Option<&str> {
    url.strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// The host of `host[:port]`, an IPv6 address without its brackets.
fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Whether the server runs on this machine, where keys are seldom asked for.
fn is_loopback(url: &str) -> bool {
    let host = host_of(authority(after_scheme(url).unwrap_or_default()));
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::tests::from_file;

    fn resolve(file: &str, env: &[(&str, &str)]) -> Result<Vec<ResolvedProvider>, String> {
        let lookup = |name: &str| {
            env.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        from_file(file)
            .unwrap()
            .providers_or_default(lookup)
            .map_err(|faults| faults.to_string())
    }

    #[test]
    fn without_providers_and_without_a_key_the_demo_answers() {
        let providers = resolve("", &[("OPENAI_API_KEY", " ")]).unwrap();
        assert_eq!(providers.len(), 1);
        assert_eq!(
            (providers[0].name.as_str(), providers[0].kind),
            ("demo", ProviderKind::Demo)
        );
    }

    #[test]
    fn openai_api_key_alone_means_openai_for_every_model() {
        let providers = resolve("", &[("OPENAI_API_KEY", "sk-1")]).unwrap();
        assert_eq!(providers[0].base_url, "https://api.openai.com/v1");
        assert_eq!(providers[0].key.as_ref().unwrap().expose_secret(), "sk-1");
        assert!(providers[0].models[0].matches("anything/at-all"));
    }

    #[test]
    fn openai_base_url_points_at_a_compatible_server() {
        let env = [
            ("OPENAI_API_KEY", "k"),
            ("OPENAI_BASE_URL", "http://10.0.0.1:8000/v1/"),
        ];
        assert_eq!(
            resolve("", &env).unwrap()[0].base_url,
            "http://10.0.0.1:8000/v1"
        );
        let keyless = resolve("", &[("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")]).unwrap();
        assert_eq!(keyless[0].kind, ProviderKind::Openai);
        assert!(keyless[0].key.is_none());
        let env = [("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "ftp://x")];
        let told = resolve("", &env).unwrap_err();
        assert_eq!(
            told,
            "environment OPENAI_BASE_URL: must start with http:// or https://"
        );
    }

    #[test]
    fn a_provider_whose_variable_is_unset_is_a_fault_unless_it_is_on_this_machine() {
        let file = "[[providers]]\nname='far'\nbase_url='https://a.example'\napi_key_env='FAR'\n\
                    [[providers]]\nname='near'\nbase_url='http://[::1]:1/v1'\napi_key_env='NEAR'\n\
                    [[providers]]\nname='open'\nbase_url='http://10.0.0.9'";
        let told = resolve(file, &[]).unwrap_err();
        assert_eq!(
            told,
            "providers[0].api_key_env (environment FAR): this variable is not set in the environment"
        );
        let providers = resolve(file, &[("FAR", "k")]).unwrap();
        assert!(providers[0].key.is_some() && providers[1].key.is_none());
    }

    #[test]
    fn a_key_is_never_in_debug() {
        let providers = resolve("", &[("OPENAI_API_KEY", "sk-very-secret")]).unwrap();
        assert!(!format!("{providers:?}").contains("very-secret"));
    }

    #[test]
    fn a_base_url_has_a_scheme_a_host_and_nothing_that_would_leak() {
        for good in ["http://a", "https://a.b:1/v1/", "http://[::1]:8080"] {
            assert_eq!(url_fault(good), None, "{good}");
        }
        for bad in [
            "",
            "a.b",
            "http://",
            "http://u:p@a/v1",
            "http://a b",
            "https://a/?k=1",
            "http://:1",
        ] {
            assert!(url_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn only_addresses_of_this_machine_are_loopback() {
        assert!(is_loopback("http://LOCALHOST:1") && is_loopback("http://127.9.9.9/v1"));
        assert!(!is_loopback("http://localhost.evil.example") && !is_loopback("http://10.0.0.1"));
    }
}
