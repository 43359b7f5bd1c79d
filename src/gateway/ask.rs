//! A request on its way through the gateway: what came in, and what was admitted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Gateway;
use super::error::{ApiError, Code};
use super::head::Head;
use super::serve::Body;
use super::via::Via;
use super::voice::Voice;
use crate::cache::Lookup;
use crate::cache::controls::{Controls, Read};
use crate::cache::freshness::Freshness;
use crate::cache::freshness::class::classify;
use crate::cache::history::{History, LeftOut};
use crate::cache::policy::{Policy, Trial};
use crate::cache::scope::{AskerId, CacheKey, Ground, Namespace};
use crate::chat::{CanonicalHasher, ChatRequest, Dialect, RequestId, joined_text};
use crate::config::{Ineligible, TtlClass};
use crate::guard::Pass;
use crate::identity::{Caller, Role};
use crate::provider::ClientHeaders;
use crate::router;
use crate::router::forced::Forced;
use crate::telemetry::Outcome;

/// The header in which a request says where it goes.
pub const ROUTE: &str = "x-reprise-route";

/// What limits call the address at which requests of `dialect` come.
#[must_use]
pub fn endpoint(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Completions => "completions",
        Dialect::Responses => "responses",
        Dialect::Messages => "messages",
        _ => "chat/completions",
    }
}

/// One request, checked, with its caller.
#[derive(Debug)]
pub struct Ask {
    /// Its id.
    pub id: RequestId,
    /// Who asks.
    pub caller: Caller,
    /// The address that was asked, without its version.
    pub endpoint: &'static str,
    /// What is asked.
    pub request: ChatRequest,
    /// How its answer is put.
    pub voice: Voice,
    /// How the cache may treat it.
    pub controls: Controls,
    /// Whom it is asked for, where a header says so; it wins over what the body says.
    pub end_user: Option<String>,
    /// Where it is to go in place of its route.
    pub forced: Option<Forced>,
    /// Which conversation it is part of, where a header says so.
    pub conversation: Option<String>,
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
    /// What decides there for its model.
    pub policy: Arc<Policy>,
    /// The change under way in that namespace, whether it decides or not.
    pub trial: Option<Arc<Trial>>,
    /// The limits that apply to it.
    pub pass: Pass,
    /// Who would answer a miss.
    pub route: router::Plan,
    /// Provider, base URL and model of the first of them.
    pub origin: String,
    /// Whom it is asked for, by keyed hash.
    pub asker: Option<AskerId>,
    /// Whether only that person may be answered from what is remembered.
    pub personal: bool,
    /// What was said before.
    pub history: History,
    /// How long its answer lasts, by the route or by what is asked.
    pub class: TtlClass,
    /// What is looked up.
    pub lookup: Lookup,
    /// Milliseconds for which the answer may be remembered; 0: not at all.
    pub keep_ms: u64,
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
    /// Nor is one shared from before something was said to hold no more, which `generation` tells, or by
    /// those who write other tags on it.
    pub(super) fn flight_key(&self, generation: u64) -> [u8; 32] {
        let tags = &self.ask.controls.tags;
        let shared = self.namespace.tenant.is_some() || self.namespace.write;
        if shared && generation == 0 && tags.is_empty() {
            return self.lookup.key.exact;
        }
        let mut hasher = CanonicalHasher::new("reprise flight 2");
        hasher.bytes(&self.lookup.key.exact);
        hasher.bytes(&generation.to_le_bytes());
        for tag in &tags.tags {
            hasher.text(tag);
        }
        if let Some(version) = &tags.prompt_version {
            hasher.text("prompt version").text(version);
        }
        if !shared {
            hasher.text("tenant").text(self.ask.caller.tenant.as_str());
        }
        hasher.finish()
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
        let route = self.route(&ask)?;
        let decider = self.policy_for(&namespace.label, ask.request.model(), ask.id);
        let policy = decider.policy.clone();
        let origin = route.origin();
        let history = History::of(&ask.request);
        let asker = self.asker(&ask);
        let personal = history.personal && !policy.public;
        let open = !personal || asker.is_some();
        let ground = Ground {
            namespace: &namespace,
            origin: &origin,
            headers: &ask.headers,
            history: &history,
            asker: asker.as_ref().filter(|_| personal),
            left_out: left_out(&policy, open),
        };
        let key = CacheKey::of(&ground, &ask.request);
        let controls = &ask.controls;
        let class = route.keeping.ttl_class;
        let class = class.unwrap_or_else(|| classify(&asked_last(&ask.request)));
        let freshness = freshness(controls, policy.freshness(class, decider.forgotten_ms));
        let access = self.access(&ask, &namespace, &policy, open);
        let access = match freshness.ttl_ms {
            // Whoever asks for what is true for a moment wants it made for that moment.
            0 => access.without_memory("ttl_never"),
            _ => access,
        };
        let keep_ms = controls.ttl.map_or(u64::MAX, millis).min(freshness.ttl_ms);
        let lookup = Lookup {
            key,
            read: access.read,
            question: access.question,
            rule: self.cache.ruled(policy.rule(controls.threshold)),
            beside: decider.beside(&self.cache, ask.request.model(), controls.threshold),
            freshness,
            earlier: history.earlier.clone(),
        };
        Ok(Plan {
            write_semantic: controls.read != Read::Exact && lookup.question.is_ok(),
            keep_ms: if access.write { keep_ms } else { 0 },
            only: controls.only,
            pass: self.pass(&ask.caller, ask.request.model(), ask.endpoint),
            unread: access.unread,
            ask,
            namespace,
            policy,
            trial: decider.trial,
            route,
            origin,
            asker,
            personal,
            history,
            class,
            lookup,
        })
    }

    fn route(&self, ask: &Ask) -> Result<router::Plan, ApiError> {
        let mut plan = self.route_to(ask.request.model(), &ask.caller, ask.forced.as_ref())?;
        plan.conversation.clone_from(&ask.conversation);
        Ok(plan)
    }

    /// Where a request for a model goes: by its route, or where it says itself.
    pub(super) fn route_to(
        &self,
        model: &str,
        caller: &Caller,
        forced: Option<&Forced>,
    ) -> Result<router::Plan, ApiError> {
        match forced {
            Some(forced) => self.forced_route(model, caller, forced),
            None => self.usual_route(model),
        }
    }

    /// Where a request says itself that it goes, if its caller may say so.
    fn forced_route(
        &self,
        model: &str,
        caller: &Caller,
        forced: &Forced,
    ) -> Result<router::Plan, ApiError> {
        let may = self.config.may_route;
        // Who needs no key is nobody's admin.
        let allowed = match may {
            Some(Role::App) => true,
            Some(role) => !caller.is_anonymous() && caller.role.allows(role),
            None => false,
        };
        if !allowed {
            let told = "This key may not choose where its requests go.";
            return Err(ApiError::new(Code::Forbidden, told));
        }
        let nowhere = || ApiError {
            param: Some(ROUTE.into()),
            ..ApiError::new(
                Code::InvalidHeader,
                format!("`{ROUTE}` names no provider and no group that there is."),
            )
        };
        let plan = self.router.plan_forced(model, forced);
        plan.ok_or_else(nowhere)
    }

    /// What would become of where a head says that its requests go, whatever model they are for.
    ///
    /// # Errors
    /// Its caller may not say so, or it leads nowhere.
    pub fn vet_route(&self, caller: &Caller, head: &Head) -> Result<(), ApiError> {
        let forced = head.forced()?;
        forced.map_or(Ok(()), |to| self.forced_route("", caller, &to).map(drop))
    }

    fn usual_route(&self, model: &str) -> Result<router::Plan, ApiError> {
        let unknown = |_| ApiError {
            param: Some("model".into()),
            ..ApiError::new(
                Code::ModelNotFound,
                format!("No provider here answers to the model `{model}`."),
            )
        };
        self.router.plan(model).map_err(unknown)
    }

    /// Whom it is asked for; of another tenant the same name is somebody else.
    fn asker(&self, ask: &Ask) -> Option<AskerId> {
        let named = ask.end_user.as_deref().or_else(|| ask.request.end_user())?;
        Some(asker_id(
            &self.config.asker_key,
            ask.caller.tenant.as_str(),
            named,
        ))
    }

    fn access(&self, ask: &Ask, namespace: &Namespace, policy: &Policy, open: bool) -> Access {
        let question = match ask.request.question() {
            Ok(_) if !within(ask.request.temperature(), policy) => Err("temperature"),
            // Nobody knows whose it is: only the same words may be answered by it.
            Ok(_) if !open => Err("personal"),
            Ok(question) => Ok(question.to_owned()),
            Err(why) => Err(why.as_str()),
        };
        let bypass = match question {
            _ if !self.config.cache => Some("cache_off"),
            _ if ask.controls.off => ask.controls.reason.or(Some("off")),
            Err(why) if why != "personal" && self.config.ineligible == Ineligible::Bypass => {
                Some(why)
            }
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
            write: namespace.write,
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

impl Access {
    /// The same with memory left aside, unless it is already and for another reason.
    fn without_memory(self, reason: &'static str) -> Self {
        let bypassed = self
            .unread
            .filter(|(outcome, _)| *outcome == Outcome::Bypass);
        Self {
            read: Read::Nothing,
            write: false,
            unread: bypassed.or(Some((Outcome::Bypass, reason))),
            question: self.question,
        }
    }
}

/// What of a system prompt need not be equal.
fn left_out(policy: &Policy, open: bool) -> LeftOut<'_> {
    match &policy.system_ignore {
        // Where nothing but the prompt may tell who asks, all of it must be equal.
        ignored if open && !ignored.is_empty() => LeftOut::Found(ignored),
        _ => LeftOut::Nothing,
    }
}

/// The text that the request ends with, whether it may be compared by meaning or not.
pub(super) fn asked_last(request: &ChatRequest) -> String {
    let text = joined_text(request.last().and_then(|message| message.get("content")));
    match request.suffix() {
        Some(suffix) => format!("{text}\n{suffix}"),
        None => text,
    }
}

/// Who asks, as entries keep it: from it alone nobody can tell whom it stands for.
#[must_use]
pub fn asker_id(key: &[u8; 32], tenant: &str, end_user: &str) -> AskerId {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&tenant.len().to_le_bytes());
    hasher.update(tenant.as_bytes());
    hasher.update(end_user.as_bytes());
    let mut id = AskerId::default();
    hasher.finalize_xof().fill(&mut id);
    id
}

/// What both the policy and the request ask of an entry's age.
pub(super) fn freshness(controls: &Controls, of_policy: Freshness) -> Freshness {
    Freshness {
        max_age_ms: controls.max_age.map_or(u64::MAX, millis),
        min_fresh_ms: controls.min_fresh.map_or(0, millis),
        ..of_policy
    }
}

/// As many as fit: a number that is too large is no limit.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// No temperature means the provider's default, which is what the answer was written at before.
fn within(temperature: Option<f64>, policy: &Policy) -> bool {
    temperature.is_none_or(|t| t <= policy.temperature_max)
}
