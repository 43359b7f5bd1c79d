//! Who may share an entry, and what must be equal before two questions are
//! compared at all. A scope is part of the storage key, never a filter.

use super::history::{History, LeftOut, is_system};
use crate::chat::{CanonicalHasher, ChatRequest, meaning};

/// Keyed hash of who asks; what the app called them cannot be read from it.
pub type AskerId = [u8; 16];

/// A namespace that the configuration shares between tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Its name.
    pub name: String,
    /// Tenants that may be answered from it; `*` means all.
    pub read: Vec<String>,
    /// Tenants whose answers it remembers; `*` means all.
    pub write: Vec<String>,
}

/// Where a request's answers live, and what this caller may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// `tenant`, `tenant/name`, or `@name` for a shared one: unique over the gateway.
    pub label: String,
    /// The tenant inside which it lives; none for a shared one.
    pub tenant: Option<String>,
    /// Whether this caller may be answered from it.
    pub read: bool,
    /// Whether this caller's answers are remembered in it.
    pub write: bool,
}

/// The caller named a namespace that is not theirs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamespaceError {
    /// Neither theirs nor shared with them.
    #[error("this key may not use that namespace")]
    Forbidden,
    /// A bare name that became a tenant's; the caller's own of that name has a longer one.
    #[error("that is the name of another tenant; your own namespace of that name is `{own}`")]
    Tenants {
        /// How the caller can always name it.
        own: String,
    },
    /// Not a name.
    #[error("a namespace is 1 to 64 characters out of A-Z a-z 0-9 . _ -")]
    BadName,
}

impl Namespace {
    /// Finds the namespace that `tenant` means by `wanted`. A tenant's own namespaces are
    /// `tenant` (the default), `name` and `tenant/name`; `is_tenant` tells names of others.
    ///
    /// # Errors
    /// [`NamespaceError`] if it is another tenant's, or a shared one closed to this tenant.
    pub fn resolve(
        tenant: &str,
        wanted: Option<&str>,
        shared: &[Shared],
        is_tenant: impl Fn(&str) -> bool,
    ) -> Result<Self, NamespaceError> {
        let Some(wanted) = wanted.filter(|w| *w != tenant) else {
            return Ok(Self::own(tenant, tenant.to_owned()));
        };
        if let Some(shared) = shared.iter().find(|s| s.name == wanted) {
            return Self::shared(tenant, shared);
        }
        let name = match wanted.split_once('/') {
            Some((owner, name)) if owner == tenant => name,
            Some(_) => return Err(NamespaceError::Forbidden),
            // A bare name that is another tenant's means that tenant's default.
            None if is_tenant(wanted) => {
                let own = format!("{tenant}/{wanted}");
                return Err(NamespaceError::Tenants { own });
            }
            None => wanted,
        };
        if !is_name(name) {
            return Err(NamespaceError::BadName);
        }
        Ok(Self::own(tenant, format!("{tenant}/{name}")))
    }

    fn own(tenant: &str, label: String) -> Self {
        Self {
            label,
            tenant: Some(tenant.to_owned()),
            read: true,
            write: true,
        }
    }

    fn shared(tenant: &str, shared: &Shared) -> Result<Self, NamespaceError> {
        let holds = |list: &[String]| list.iter().any(|t| t == "*" || t == tenant);
        let (read, write) = (holds(&shared.read), holds(&shared.write));
        if !read && !write {
            return Err(NamespaceError::Forbidden);
        }
        Ok(Self {
            label: format!("{SHARED}{}", shared.name),
            tenant: None,
            read,
            write,
        })
    }
}

/// Names one request in the cache: the scope it may be compared in, and itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheKey {
    /// Everything but the question.
    pub scope: [u8; 32],
    /// The whole canonical request.
    pub exact: [u8; 32],
}

/// What a request stands on besides its own body.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// Where its answers live.
    pub namespace: &'a Namespace,
    /// Provider, base URL and model that a miss would ask first.
    pub origin: &'a str,
    /// The client's headers that are forwarded.
    pub headers: &'a [(String, String)],
    /// What was said before.
    pub history: &'a History,
    /// Who asks, where only that person may be answered from what is remembered.
    pub asker: Option<&'a AskerId>,
    /// What of its system prompts need not be equal.
    pub left_out: LeftOut<'a>,
}

impl CacheKey {
    /// Hashes a request.
    #[must_use]
    pub fn of(ground: &Ground<'_>, request: &ChatRequest) -> Self {
        let mut hasher = CanonicalHasher::new("reprise scope 2");
        match &ground.namespace.tenant {
            Some(tenant) => hasher.text("tenant").text(tenant),
            None => hasher.text("shared"),
        };
        hasher.text(&ground.namespace.label).text(ground.origin);
        let headers = ground.headers.iter();
        for (name, value) in headers.filter(|(name, _)| changes_answer(name)) {
            hasher.text(name).text(value);
        }
        if let Some(asker) = ground.asker {
            hasher.text("asker").bytes(asker);
        }
        request.hash_settings(&mut hasher);
        ground.history.hash(request, &ground.left_out, &mut hasher);
        let scope = hasher.finish();
        let mut hasher = CanonicalHasher::new("reprise exact 2");
        hasher.bytes(&scope);
        hasher.bytes(&request.before().len().to_le_bytes());
        for message in request.before() {
            let message = &*meaning(message);
            if is_system(message) {
                ground.left_out.hash(message, &mut hasher);
            } else {
                hasher.value(message);
            }
        }
        request.hash_question(&mut hasher);
        Self {
            scope,
            exact: hasher.finish(),
        }
    }
}

/// Client telemetry headers do not change an answer, nor does the version in which a request is written; the rest of
/// the forwarded ones might.
pub(super) fn changes_answer(header: &str) -> bool {
    !header.starts_with("x-stainless-") && header != "anthropic-version"
}

/// Starts the label of a shared namespace; no tenant's name can hold it.
const SHARED: char = '@';

/// Whether a text can be the label of a namespace: `tenant`, `tenant/name` or `@name`.
#[must_use]
pub fn is_label(text: &str) -> bool {
    match text.split_once('/') {
        Some((tenant, name)) => is_name(tenant) && is_name(name),
        None => is_name(text.strip_prefix(SHARED).unwrap_or(text)),
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Dialect;

    fn resolve(tenant: &str, wanted: Option<&str>) -> Result<Namespace, NamespaceError> {
        let shared = [Shared {
            name: "faq".into(),
            read: vec!["*".into()],
            write: vec!["a".into()],
        }];
        Namespace::resolve(tenant, wanted, &shared, |t| ["a", "b"].contains(&t))
    }

    #[test]
    fn a_tenant_chooses_among_its_own() {
        assert_eq!(resolve("a", None).unwrap().label, "a");
        assert_eq!(resolve("a", Some("a")).unwrap().label, "a");
        assert_eq!(resolve("a", Some("x")).unwrap().label, "a/x");
        assert_eq!(resolve("a", Some("a/x")).unwrap().label, "a/x");
    }

    #[test]
    fn anothers_namespace_is_forbidden_and_ones_own_of_that_name_has_a_longer_one() {
        let own = "b/a".to_owned();
        assert_eq!(resolve("b", Some("b/a")).unwrap().label, own);
        assert_eq!(
            resolve("b", Some("a")),
            Err(NamespaceError::Tenants { own })
        );
        assert_eq!(resolve("b", Some("a/x")), Err(NamespaceError::Forbidden));
        assert_eq!(resolve("b", Some("")), Err(NamespaceError::BadName));
    }

    #[test]
    fn a_shared_one_has_its_own_rights() {
        let a = resolve("a", Some("faq")).unwrap();
        let b = resolve("b", Some("faq")).unwrap();
        assert!(a.read && a.write && b.read && !b.write);
        // A tenant of that name is somebody else.
        assert_eq!(
            (
                a.label.as_str(),
                resolve("faq", None).unwrap().label.as_str()
            ),
            ("@faq", "faq")
        );
        let closed = [Shared {
            name: "vip".into(),
            read: vec!["a".into()],
            write: vec![],
        }];
        let b = Namespace::resolve("b", Some("vip"), &closed, |_| false);
        assert_eq!(b, Err(NamespaceError::Forbidden));
    }

    #[test]
    fn tenant_namespace_origin_and_headers_part_the_scope() {
        let request =
            ChatRequest::parse(r#"{"model":"m","messages":[{"role":"user","content":"Hi?"}]}"#)
                .unwrap();
        let scope = |tenant, wanted, origin, headers: &[(String, String)]| {
            let ground = Ground {
                namespace: &resolve(tenant, wanted).unwrap(),
                origin,
                headers,
                history: &History::of(&request),
                asker: None,
                left_out: LeftOut::Nothing,
            };
            CacheKey::of(&ground, &request).scope
        };
        let base = scope("a", None, "o", &[]);
        let beta = [("openai-beta".to_owned(), "x=1".to_owned())];
        let noise = [("x-stainless-lang".to_owned(), "python".to_owned())];
        assert_ne!(base, scope("b", None, "o", &[]));
        assert_ne!(base, scope("a", Some("x"), "o", &[]));
        assert_ne!(base, scope("a", Some("faq"), "o", &[]));
        assert_ne!(base, scope("a", None, "p", &[]));
        assert_ne!(base, scope("a", None, "o", &beta));
        assert_eq!(base, scope("a", None, "o", &noise));
        assert_eq!(
            scope("a", Some("faq"), "o", &[]),
            scope("b", Some("faq"), "o", &[])
        );
    }

    fn key(request: &ChatRequest) -> CacheKey {
        let ground = Ground {
            namespace: &resolve("a", None).unwrap(),
            origin: "o",
            headers: &[],
            history: &History::of(request),
            asker: None,
            left_out: LeftOut::Nothing,
        };
        CacheKey::of(&ground, request)
    }

    #[test]
    fn a_completion_of_a_text_is_never_compared_with_a_chat_of_it() {
        let chat = r#"{"model":"m","messages":[{"role":"user","content":"Hi?"}],"max_completion_tokens":9}"#;
        let chat = ChatRequest::parse(chat).unwrap();
        let text = |more: &str| {
            let raw = format!(r#"{{"model":"m","prompt":"Hi?"{more}}}"#);
            let body = chat.body().clone();
            key(&ChatRequest::translated(Dialect::Completions, raw.into(), body).unwrap())
        };
        let (chat, text, open) = (key(&chat), text(r#","max_tokens":9"#), text(""));
        assert!(chat.scope != text.scope && chat.exact != text.exact);
        // A length that nobody said is whatever the provider makes of it.
        assert!(open.scope != text.scope && open.exact != text.exact);
    }

    #[test]
    fn parts_that_read_the_same_together_are_not_the_same_request() {
        let exact = |parts: &str| {
            let body =
                format!(r#"{{"model":"m","messages":[{{"role":"user","content":{parts}}}]}}"#);
            let request = ChatRequest::parse(body).unwrap();
            key(&request).exact
        };
        let part = |text: &str| format!(r#"{{"type":"text","text":"{text}"}}"#);
        let two = |a: &str, b: &str| exact(&format!("[{},{}]", part(a), part(b)));
        assert_ne!(two("a\\nb", "c"), two("a", "b\\nc"));
        assert_eq!(exact(&format!("[{}]", part("a"))), exact(r#""a""#));
    }
}
