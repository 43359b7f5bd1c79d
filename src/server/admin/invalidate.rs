//! Says what holds no more: by tag, model, namespace, entry, age or version of the prompt.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::entries::{entry_id, must_be_read, no_entry};
use super::{Door, Reply, audit, blocking, body, caller, finish, must_see, sees};
use crate::cache::invalidation::{MarkError, Realm, What};
use crate::cache::policy::PolicyDraft;
use crate::cache::tags::is_tag;
use crate::chat::{RequestId, unix_ms};
use crate::gateway::error::{ApiError, Code};
use crate::identity::{Caller, Role};

/// What is to be invalidated: one of the first five, or all of a namespace or tenant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    tag: Option<String>,
    model: Option<String>,
    entry: Option<String>,
    older_than_s: Option<u64>,
    prompt_version_prefix: Option<String>,
    namespace: Option<String>,
    tenant: Option<String>,
    reason: Option<String>,
}

/// Bytes of a model's name.
const MODEL_BYTES: usize = 256;

impl Wanted {
    fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let wanted: Self = body::object(body).map_err(|e| {
            ApiError::new(Code::InvalidRequest, format!("Not an invalidation: {e}"))
        })?;
        let said = PolicyDraft {
            reason: wanted.reason.clone(),
            ..PolicyDraft::default()
        };
        said.check_reason()?;
        Ok(wanted)
    }

    /// Which entries of its realm; none where it names a single one.
    fn what(&self, now_ms: u64) -> Result<Option<What>, ApiError> {
        let by = |name: &Option<String>, what: fn(String) -> What| name.clone().map(what);
        let named = [
            by(&self.tag, What::Tag),
            by(&self.model, What::Model),
            by(&self.prompt_version_prefix, What::PromptVersionPrefix),
            self.older_than_s
                .map(|s| What::MadeBefore(now_ms.saturating_sub(s.saturating_mul(1000)))),
        ];
        let named: Vec<What> = named.into_iter().flatten().collect();
        match (named.as_slice(), &self.entry) {
            ([], Some(_)) if self.namespace.is_none() && self.tenant.is_none() => Ok(None),
            ([], None) if self.namespace.is_some() || self.tenant.is_some() => Ok(Some(What::All)),
            ([what], None) => fitting(what.clone()).map(Some),
            _ => Err(ApiError::new(
                Code::InvalidRequest,
                "Say one of `tag`, `model`, `older_than_s` and `prompt_version_prefix`, in a `namespace` or `tenant` or \
                 not; or one of these two alone; or an `entry` alone.",
            )),
        }
    }

    /// Whose entries; an analyst's never reach beyond the own tenant.
    fn realm(&self, caller: &Caller) -> Result<Realm, ApiError> {
        match (&self.namespace, &self.tenant) {
            (Some(_), Some(_)) => Err(ApiError {
                param: Some("tenant".into()),
                ..ApiError::new(
                    Code::InvalidRequest,
                    "Say `namespace` or `tenant`: a namespace has one already.",
                )
            }),
            (Some(namespace), None) => {
                must_see(caller, namespace)?;
                Ok(Realm::Namespace(namespace.clone()))
            }
            (None, Some(tenant)) => {
                must_see(caller, tenant)?;
                if tenant.contains(['/', '@']) {
                    return Err(ApiError {
                        param: Some("tenant".into()),
                        ..ApiError::new(Code::InvalidRequest, "That is the name of a namespace.")
                    });
                }
                Ok(Realm::Tenant(tenant.clone()))
            }
            (None, None) if caller.role.allows(Role::Admin) => Ok(Realm::Everywhere),
            (None, None) => Ok(Realm::Tenant(caller.tenant.as_str().to_owned())),
        }
    }
}

fn fitting(what: What) -> Result<What, ApiError> {
    let (param, fits) = match &what {
        What::Tag(tag) => ("tag", is_tag(tag)),
        What::PromptVersionPrefix(prefix) => ("prompt_version_prefix", is_tag(prefix)),
        What::Model(model) => ("model", (1..=MODEL_BYTES).contains(&model.len())),
        What::All | What::MadeBefore(_) => ("older_than_s", true),
    };
    match fits {
        true => Ok(what),
        false => Err(ApiError {
            param: Some(param.into()),
            ..ApiError::new(
                Code::InvalidRequest,
                format!("No entry can have that `{param}`."),
            )
        }),
    }
}

/// `POST /admin/v1/invalidate`
pub(super) async fn invalidate(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let done = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let body = body::read(&request, payload, door.limits).await?;
        let wanted = Wanted::parse(&body)?;
        let what = wanted.what(unix_ms())?;
        let door = door.clone();
        blocking(move || match what {
            Some(what) => mark(&door, &caller, &wanted, what),
            None => forget(&door, &caller, &wanted),
        })
        .await
    };
    finish(id, done.await)
}

fn mark(door: &Door, caller: &Caller, wanted: &Wanted, what: What) -> Reply {
    let realm = wanted.realm(caller)?;
    let by = match &what {
        What::All => "all",
        What::Tag(_) => "tag",
        What::Model(_) => "model",
        What::PromptVersionPrefix(_) => "prompt_version_prefix",
        What::MadeBefore(_) => "age",
    };
    let told = json!({"what": what, "in": realm});
    accounted(door, caller, wanted, &told)?;
    let marks = door.gateway.cache().memory().marks();
    let put = marks.put(realm, what, unix_ms());
    let generation = put.map_err(|cause| {
        // The trail already tells of it, and so it tells that it was not done.
        let failed = ("invalidate.failed", told.to_string());
        let nothing = (Value::Null, Value::Null);
        drop(audit(door, caller, (failed.0, &failed.1), nothing));
        refused(&cause)
    })?;
    door.gateway.metrics().invalidated(by);
    Ok(
        json!({"object": "invalidation", "what": told["what"], "in": told["in"], "generation": generation}),
    )
}

/// A single entry is deleted, which needs no mark. What was decided about it keeps its texts, unlike after a deletion
/// for the sake of those who are spoken of.
fn forget(door: &Door, caller: &Caller, wanted: &Wanted) -> Reply {
    must_be_read(door)?;
    let id = entry_id(wanted.entry.as_deref().unwrap_or_default())?;
    let cache = door.gateway.cache();
    let found = cache
        .memory()
        .load(id)
        .filter(|entry| sees(caller, &entry.namespace));
    let found = found.ok_or_else(no_entry)?;
    let told = json!({"what": {"entry": wanted.entry}, "in": {"namespace": found.namespace}});
    accounted(door, caller, wanted, &told)?;
    cache.forget(&[id]);
    cache.memory().store().flush().map_err(|cause| {
        tracing::error!(%cause, "an invalidation could not be written");
        let told = "It is not served any more, but that could not be written to disk.";
        ApiError::new(Code::StorageFailed, told)
    })?;
    door.gateway.metrics().invalidated("entry");
    Ok(json!({"object": "invalidation", "what": told["what"], "in": told["in"]}))
}

/// The trail comes first: what nobody could account for is not done.
fn accounted(door: &Door, caller: &Caller, wanted: &Wanted, told: &Value) -> Result<(), ApiError> {
    let target = told.to_string();
    let after = json!({"reason": wanted.reason});
    audit(door, caller, ("invalidate", &target), (Value::Null, after))
}

fn refused(cause: &MarkError) -> ApiError {
    tracing::error!(%cause, "nothing was invalidated");
    let told = match cause {
        MarkError::Full => {
            "Too many invalidations wait for their entries to be dropped; send it again later."
        }
        MarkError::Store(_) => "It could not be written down, and nothing was invalidated.",
    };
    ApiError::new(Code::StorageFailed, told)
}
