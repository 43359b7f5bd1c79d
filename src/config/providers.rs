//! Who answers: the configured providers with their keys taken from the
//! environment, or what a start without any configuration talks to.

use std::net::IpAddr;

use secrecy::SecretString;

use super::Config;
use super::faults::{Faults, Origin};
use super::lists::{Provider, ProviderKind};
use super::pattern::Pattern;
use super::presets::{KeyHeader, Preset, preset, preset_at};

/// A provider ready to be called. Its `Debug` hides the key.
#[derive(Clone, Debug)]
pub struct ResolvedProvider {
    /// Unique name.
    pub name: String,
    /// Its dialect.
    pub kind: ProviderKind,
    /// What is known of such servers, if anything: by the preset's name, else by the address.
    pub preset: Option<&'static Preset>,
    /// Without a trailing slash; empty for `demo`.
    pub base_url: String,
    /// Sent as its credential; `None` for servers that ask for none.
    pub key: Option<SecretString>,
    /// Model names it answers.
    pub models: Vec<Pattern>,
}

impl ResolvedProvider {
    fn new(written: Provider, key: Option<String>) -> Self {
        let base_url = written.base_url.trim_end_matches('/').to_owned();
        let named = written.preset.as_deref().and_then(preset);
        Self {
            name: written.name,
            kind: written.kind,
            preset: named.or_else(|| preset_at(written.kind, &base_url)),
            base_url,
            key: key.map(SecretString::from),
            models: written.models,
        }
    }

    /// The header in which its key goes.
    #[must_use]
    pub fn key_header(&self) -> KeyHeader {
        self.preset
            .map_or_else(|| KeyHeader::of(self.kind), |preset| preset.key_header)
    }

    /// The family of its models in the catalogue; `None` where nothing tells, and that of a name that is not in the
    /// catalogue where they are none of its models.
    #[must_use]
    pub fn family(&self) -> Option<&str> {
        let preset = self.preset?;
        Some(preset.catalogue.as_deref().unwrap_or(&preset.name))
    }
}

impl Config {
    /// The providers to call, in order. Without `[[providers]]`: OpenAI (or the
    /// server at `OPENAI_BASE_URL`) when `OPENAI_API_KEY` is set, Anthropic (or
    /// the server at `ANTHROPIC_BASE_URL`) for `claude-*` when
    /// `ANTHROPIC_API_KEY` is, and the demo when neither is.
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
            [] => undeclared(&env, &mut faults),
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
                resolved.push(ResolvedProvider::new(provider, key));
            }
        }
        (resolved, faults)
    }
}

/// The models that are Anthropic's where nobody says whose they are.
const CLAUDE: &str = "claude-";

/// What a start without `[[providers]]` talks to: never two for one name, so that no failure at the one is answered
/// by the other's not knowing the model.
fn undeclared(env: &impl Fn(&str) -> Option<String>, faults: &mut Faults) -> Vec<Provider> {
    let anthropic = anthropic(env, faults);
    let rest = match anthropic {
        Some(_) => all_but(CLAUDE),
        None => Pattern::any(),
    };
    let mut providers: Vec<_> = openai(env, rest, faults).into_iter().collect();
    providers.extend(anthropic);
    if providers.is_empty() {
        providers.push(Provider {
            preset: None,
            name: "demo".into(),
            kind: ProviderKind::Demo,
            base_url: String::new(),
            api_key_env: String::new(),
            models: vec![Pattern::any()],
            max_concurrency: None,
            requests_per_minute: None,
            tokens_per_minute: None,
        });
    }
    providers
}

fn openai(
    env: &impl Fn(&str) -> Option<String>,
    models: Pattern,
    faults: &mut Faults,
) -> Option<Provider> {
    let (key, base_url) = (env("OPENAI_API_KEY"), env("OPENAI_BASE_URL"));
    if key.is_none() && base_url.is_none() {
        return None;
    }
    // A server of one's own may want no key.
    let api_key_env = key.map_or("", |_| "OPENAI_API_KEY");
    let base_url = checked(base_url, "OPENAI_BASE_URL", faults);
    Some(of_preset("openai", base_url, api_key_env, models))
}

/// Only its key adds it: others set the address alone, for tools that are to ask this gateway.
fn anthropic(env: &impl Fn(&str) -> Option<String>, faults: &mut Faults) -> Option<Provider> {
    env("ANTHROPIC_API_KEY")?;
    let base_url = checked(env("ANTHROPIC_BASE_URL"), "ANTHROPIC_BASE_URL", faults);
    let models = Pattern::parse(&format!("{CLAUDE}*")).ok()?;
    Some(of_preset(
        "anthropic",
        base_url,
        "ANTHROPIC_API_KEY",
        models,
    ))
}

/// A base URL from the environment; without a sound one the usual stands in, so that the key is still looked at.
fn checked(base_url: Option<String>, variable: &str, faults: &mut Faults) -> Option<String> {
    let base_url = base_url?;
    match url_fault(&base_url) {
        None => Some(base_url),
        Some(message) => {
            faults.add("", Origin::Env(variable.into()), message);
            None
        }
    }
}

fn of_preset(name: &str, base_url: Option<String>, api_key_env: &str, models: Pattern) -> Provider {
    let preset = preset(name);
    let usual = || preset.map_or_else(String::new, |preset| preset.base_url.clone());
    Provider {
        preset: Some(name.into()),
        name: name.into(),
        kind: preset.map_or_else(ProviderKind::default, |preset| preset.kind),
        base_url: base_url.unwrap_or_else(usual),
        api_key_env: api_key_env.into(),
        models: vec![models],
        max_concurrency: None,
        requests_per_minute: None,
        tokens_per_minute: None,
    }
}

/// Every name that does not begin with `prefix`: patterns have no other way to say so than by the first letter that
/// differs, or by a name that ends before it could.
fn all_but(prefix: &str) -> Pattern {
    let differing = prefix
        .char_indices()
        .map(|(i, letter)| format!("{}[!{letter}]*", &prefix[..i]));
    let ending = prefix.char_indices().skip(1);
    let ending = ending.map(|(i, _)| prefix[..i].to_owned());
    let ways: Vec<_> = differing.chain(ending).collect();
    Pattern::parse(&format!("{{{}}}", ways.join(","))).unwrap_or_else(|_| Pattern::any())
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
    fn an_anthropic_key_alone_means_anthropic_for_claude_and_nobody_for_the_rest() {
        let providers = resolve("", &[("ANTHROPIC_API_KEY", "sk-ant")]).unwrap();
        assert_eq!(providers.len(), 1);
        let anthropic = &providers[0];
        assert_eq!(
            (anthropic.name.as_str(), anthropic.kind),
            ("anthropic", ProviderKind::Anthropic)
        );
        assert_eq!(anthropic.base_url, "https://api.anthropic.com");
        assert_eq!(anthropic.key.as_ref().unwrap().expose_secret(), "sk-ant");
        assert_eq!(claiming(&providers, "claude-opus-5"), ["anthropic"]);
        assert!(claiming(&providers, "gpt-4o").is_empty());
    }

    /// The names of the providers that answer `model`.
    fn claiming<'a>(providers: &'a [ResolvedProvider], model: &str) -> Vec<&'a str> {
        let claims = |p: &&ResolvedProvider| p.models.iter().any(|m| m.matches(model));
        let names = providers.iter().filter(claims);
        names.map(|p| p.name.as_str()).collect()
    }

    #[test]
    fn with_both_keys_each_name_has_one_provider() {
        let env = [("ANTHROPIC_API_KEY", "a"), ("OPENAI_API_KEY", "o")];
        let providers = resolve("", &env).unwrap();
        assert_eq!(providers.len(), 2);
        for name in ["claude-opus-5", "claude-", "claude-/x"] {
            assert_eq!(claiming(&providers, name), ["anthropic"], "{name}");
        }
        for name in [
            "gpt-4o",
            "c",
            "cl",
            "clau",
            "claude",
            "claudex",
            "clause-1",
            "Claude-opus-5",
            "x/claude-y",
            "ä",
        ] {
            assert_eq!(claiming(&providers, name), ["openai"], "{name}");
        }
    }

    #[test]
    fn anthropic_base_url_points_at_a_server_of_ones_own_where_there_is_a_key() {
        let url = ("ANTHROPIC_BASE_URL", "http://127.0.0.1:1/");
        let with_key = resolve("", &[url, ("ANTHROPIC_API_KEY", "k")]).unwrap();
        assert_eq!(with_key[0].base_url, "http://127.0.0.1:1");
        assert_eq!(resolve("", &[url]).unwrap()[0].kind, ProviderKind::Demo);
        let env = [
            ("ANTHROPIC_API_KEY", "k"),
            ("ANTHROPIC_BASE_URL", "ftp://x"),
        ];
        assert_eq!(
            resolve("", &env).unwrap_err(),
            "environment ANTHROPIC_BASE_URL: must start with http:// or https://"
        );
    }

    #[test]
    fn what_is_known_of_a_server_is_found_by_preset_or_address() {
        let file = "[[providers]]\npreset='groq'\nbase_url='http://127.0.0.1:1'\n\
                    [[providers]]\nname='x'\nbase_url='https://api.x.ai/v1/'\n\
                    [[providers]]\npreset='vllm'\n\
                    [[providers]]\nname='own'\nkind='gemini'\nbase_url='http://10.0.0.9'";
        let providers = resolve(file, &[]).unwrap();
        let family = |i: usize| providers[i].family();
        assert_eq!((family(0), family(1)), (Some("groq"), Some("xai")));
        assert_eq!((family(2), family(3)), (Some("vllm"), None));
        assert_eq!(providers[3].key_header(), KeyHeader::Google);
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
