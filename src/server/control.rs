//! The operator's socket in the data folder: keys, and requests in any tenant's
//! name. It asks for no key, because whoever can open it owns the folder.

use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::address::Address;
use super::talk::talk;
use super::{Door, body, reply};
use crate::chat::{Dialect, RequestId};
use crate::gateway::error::{ApiError, Code};
use crate::identity::{Caller, RegistryError, Role, TenantId, shown};

/// Who the audit log says it was.
const OPERATOR: &str = "operator";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKeyRequest {
    tenant: TenantId,
    role: Role,
    #[serde(default)]
    label: Option<String>,
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            Address::at("/control/keys")
                .get(web::to(list))
                .post(web::to(create)),
        )
        .service(Address::at("/control/keys/{id}").delete(web::to(revoke)))
        .service(Address::at("/v1/chat/completions").post(web::to(chat)));
}

async fn create(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let wanted = body::read(&request, payload, door.limits).await;
    let wanted = wanted.and_then(|body| {
        body::object::<NewKeyRequest>(&body)
            .map_err(|e| ApiError::new(Code::InvalidRequest, e.to_string()))
    });
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(error) => return reply::error(id, &error),
    };
    if door.gateway.shares(wanted.tenant.as_str()) {
        let message = format!("`{}` is the name of a shared namespace", wanted.tenant);
        return reply::error(id, &ApiError::new(Code::InvalidRequest, message));
    }
    let made = blocking(move || {
        let made = door
            .registry
            .create(OPERATOR, wanted.tenant, wanted.role, wanted.label)?;
        let mut key = shown(&made.record);
        key["key"] = json!(made.secret.expose_secret());
        Ok(key)
    });
    finish(id, made.await)
}

async fn list(door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let listed = blocking(move || {
        let keys: Vec<_> = door.registry.list()?.iter().map(shown).collect();
        Ok(json!({"object": "list", "data": keys}))
    });
    finish(id, listed.await)
}

async fn revoke(key: web::Path<String>, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let revoked = blocking(move || Ok(shown(&door.registry.revoke(OPERATOR, &key)?)));
    finish(id, revoked.await)
}

async fn chat(request: HttpRequest, payload: web::Payload, door: web::Data<Door>) -> HttpResponse {
    let tenant = request.headers().get("x-reprise-tenant");
    let tenant = tenant.and_then(|t| t.to_str().ok()).unwrap_or("default");
    let who = tenant
        .parse()
        .map(|tenant| Caller {
            tenant,
            role: Role::App,
            key_id: Some(OPERATOR.into()),
        })
        .map_err(|_| ApiError::new(Code::InvalidHeader, "`x-reprise-tenant` is no tenant."));
    talk(Dialect::Chat, who, request, payload, door).await
}

fn finish(id: RequestId, outcome: Result<Value, RegistryError>) -> HttpResponse {
    match outcome {
        Ok(value) => reply::json(id, &value),
        Err(cause) => {
            let code = match cause {
                RegistryError::Unknown(_) => Code::NotFound,
                RegistryError::Key(_) => Code::InvalidRequest,
                _ => Code::StorageFailed,
            };
            reply::error(id, &ApiError::new(code, cause.to_string()))
        }
    }
}

async fn blocking(
    work: impl FnOnce() -> Result<Value, RegistryError> + Send + 'static,
) -> Result<Value, RegistryError> {
    let gone = |_| Err(RegistryError::Unreadable("unknown".into()));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(gone)
}
