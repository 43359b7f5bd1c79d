//! A request on its way through the gateway: what came in, what was admitted,
//! and what the reply says about how it was answered.

use std::sync::Arc;
use std::time::Instant;

use super::Gateway;
use super::error::{ApiError, Code};
use super::serve::Body;
use crate::cache::Lookup;
use crate::cache::controls::{Controls, Read};
use crate::cache::policy::Policy;
use crate::cache::scope::{CacheKey, Namespace};
use crate::chat::{CanonicalHasher, ChatRequest, RequestId};
use crate::config::Ineligible;
use crate::identity::Caller;
use crate::provider::ClientHeaders;
use crate::router;
use crate::telemetry::Outcome;

/// One request, checked, with its caller.
#[derive(Debug)]
pub struct Ask {
    /// Its id.
    pub id: RequestId,
    /// Who asks.
    pub caller: Caller,
    /// What is asked.
    pub request: ChatRequest,
    /// How the cache may treat it.
    pub controls: Controls,
    /// The client's headers that a provider may see.
    pub headers: ClientHeaders,
    /// When its first byte was read.
    pub started: Instant,
}

/// A request that was admitted.
pub struct Plan {
    /// What came in.
    pub ask: Ask,
    /// Where its answers live.
    pub namespace: Namespace,
    /// What decides there.
    pub policy: Arc<Policy>,
    /// Who would answer a miss.
    pub route: router::Plan,
    /// Provider, base URL and model of the first of them.
    pub origin: String,
    /// What is looked up.
    pub lookup: Lookup,
    /// Whether the answer may be remembered, and for how many milliseconds.
    pub write_ms: Option<u64>,
    /// Whether it may be met by other wordings.
    pub write_semantic: bool,
    /// From memory or not at all.
    pub only: bool,
    /// What the reply calls it if nothing is read.
    pub unread: Option<(Outcome, &'static str)>,
}

impl Plan {
    /// Requests that may share one call. Where the caller may not write, an answer is only for
    /// the own tenant: what others may not find in memory they may not get in flight.
    pub(super) fn flight_key(&self) -> [u8; 32] {
        if self.namespace.tenant.is_some() || self.namespace.write {
            return self.lookup.key.exact;
        }
        let mut hasher = CanonicalHasher::new("reprise flight 1");
        hasher.bytes(&self.lookup.key.exact);
        hasher.text(self.ask.caller.tenant.as_str());
        hasher.finish()
    }
}

/// What the reply's headers tell.
#[derive(Debug, Clone)]
pub struct Via {
    /// How it was answered.
    pub outcome: Outcome,
    /// Why.
    pub reason: &'static str,
    /// Exact cosine to the entry served, or to the best that was not.
    pub similarity: Option<f32>,
    /// The entry served.
    pub entry: Option<u64>,
    /// Its age in seconds.
    pub age_s: Option<u64>,
    /// Seconds for which it will be served still.
    pub ttl_s: Option<u64>,
    /// Whether it came along with another request's call.
    pub collapsed: bool,
    /// The provider that answered.
    pub provider: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// The provider's headers that a client may see.
    pub headers: Vec<(String, String)>,
}

impl Via {
    /// How and why, nothing else known.
    #[must_use]
    pub fn new(outcome: Outcome, reason: &'static str) -> Self {
        Self {
            outcome,
            reason,
            similarity: None,
            entry: None,
            age_s: None,
            ttl_s: None,
            collapsed: false,
            provider: None,
            model: None,
            headers: Vec::new(),
        }
    }
}

/// An answer on its way to the client.
pub struct Served {
    /// How it was come by.
    pub via: Via,
    /// The answer.
    pub body: Body,
}

impl Gateway {
    /// Admits a request: where its answers live, what may be read and written, who would answer.
    pub(super) fn admit(&self, ask: Ask) -> Result<Plan, ApiError> {
        let tenant = ask.caller.tenant.as_str();
        let wanted = ask.controls.namespace.as_deref();
        let namespace = Namespace::resolve(tenant, wanted, &self.config.shared, |name| {
            self.keyring.knows_tenant(name)
        })?;
        let route = self.router.plan(ask.request.model()).map_err(|_| {
            let mut error = ApiError::new(
                Code::ModelNotFound,
                format!(
                    "No provider here answers to the model `{}`.",
                    ask.request.model()
                ),
            );
            error.param = Some("model".into());
            error
        })?;
        let policy = self.policies.of(&namespace.label);
        let origin = route.origin();
        let key = CacheKey::of(&namespace, &origin, &ask.headers, &ask.request);
        let access = self.access(&ask, &namespace, &policy);
        let controls = &ask.controls;
        let ttl_ms = controls.ttl.map_or(policy.ttl_s * 1000, |wish| {
            let wish = u64::try_from(wish.as_millis()).unwrap_or(u64::MAX);
            wish.min(policy.ttl_s.saturating_mul(1000))
        });
        let lookup = Lookup {
            key,
            read: access.read,
            question: access.question,
            threshold: controls
                .threshold
                .map_or(policy.threshold, |t| t.max(policy.threshold)),
            max_age_ms: controls
                .max_age
                .map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        };
        Ok(Plan {
            write_semantic: controls.read != Read::Exact && lookup.question.is_ok(),
            write_ms: (access.write && ttl_ms > 0).then_some(ttl_ms),
            only: controls.only,
            unread: access.unread,
            ask,
            namespace,
            policy,
            route,
            origin,
            lookup,
        })
    }

    fn access(&self, ask: &Ask, namespace: &Namespace, policy: &Policy) -> Access {
        let question = match ask.request.question() {
            Ok(question) if within(ask.request.temperature(), policy) => Ok(question.to_owned()),
            Ok(_) => Err("temperature"),
            Err(why) => Err(why.as_str()),
        };
        let bypass = match question {
            _ if !self.config.cache => Some("cache_off"),
            _ if ask.controls.off() => ask.controls.reason.or(Some("off")),
            Err(why) if self.config.ineligible == Ineligible::Bypass => Some(why),
            _ => None,
        };
        if let Some(reason) = bypass {
            return Access {
                read: Read::Nothing,
                write: false,
                unread: Some((Outcome::Bypass, reason)),
                question,
            };
        }
        let unread = match ask.controls.read {
            Read::Nothing => Some((Outcome::Refresh, ask.controls.reason.unwrap_or("refresh"))),
            _ if !namespace.read => Some((Outcome::Refresh, "write_only_namespace")),
            _ => None,
        };
        Access {
            read: unread.map_or(ask.controls.read, |_| Read::Nothing),
            write: ask.controls.write && namespace.write,
            unread,
            question,
        }
    }
}

struct Access {
    read: Read,
    write: bool,
    unread: Option<(Outcome, &'static str)>,
    question: Result<String, &'static str>,
}

/// No temperature means the provider's default, which is what the answer was written at before.
fn within(temperature: Option<f64>, policy: &Policy) -> bool {
    temperature.is_none_or(|t| t <= policy.temperature_max)
}
