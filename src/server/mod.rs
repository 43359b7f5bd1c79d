//! The only module that knows the HTTP server: routes, what a request must be to
//! be heard at all, and how answers and errors look on the wire.

mod address;
mod admin;
mod batches;
mod body;
mod caller;
mod connection;
mod control;
mod drain;
mod endpoints;
mod feedback;
mod files;
mod head;
mod jobs;
mod listen;
mod models;
mod openai;
mod ops;
mod rates;
mod refusal;
mod reply;
mod responses;
mod stall;
mod talk;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;

use crate::cache::reembed::Reembedding;
use crate::cache::upkeep::Upkeep;
use crate::chat::RequestId;
use crate::gateway::Gateway;
use crate::gateway::Via;
use crate::identity::Registry;
use crate::store::{AuditLog, StateStore};
use crate::telemetry::Recorder;
use crate::work::{Responses, Work};
use address::Address;

pub use drain::Drain;
pub use listen::{Running, ServerConfig, block_on, serve, serve_control, serve_metrics};

/// What a handler needs: the gateway and everything around it.
pub struct Door {
    /// The line that answers.
    pub gateway: Arc<Gateway>,
    /// Who holds keys.
    pub registry: Arc<Registry>,
    /// Keys and policies on disk.
    pub state: Arc<StateStore>,
    /// What was changed by whom.
    pub audit: Arc<AuditLog>,
    /// Changes the embedding model, where that is asked for. Ends before what looks after the index.
    pub reembedding: Option<Reembedding>,
    /// Looks after the index.
    pub upkeep: Arc<Upkeep>,
    /// Finished responses; none where the disk has no room for them.
    pub responses: Option<Arc<Responses>>,
    /// Files, batches and jobs; none where the disk has no room for them.
    pub work: Option<Arc<Work>>,
    /// What was counted.
    pub recorder: Recorder,
    /// Whether the gateway is stopping.
    pub drain: Arc<Drain>,
    /// Limits on what comes in.
    pub limits: Limits,
    /// Whether the data folder may be used without a key: no key ever existed and only this
    /// machine can connect.
    pub open: bool,
    /// Held while a change goes on to another stage.
    pub changes: parking_lot::Mutex<()>,
    /// Whether `/metrics` is served beside the API.
    pub metrics_here: bool,
}

impl Door {
    /// Takes up what was under way when the process ended: budgets, texts to be wiped, and changes to policies. Blocks.
    pub fn resume(self: &Arc<Self>) {
        self.gateway.reckon_budgets();
        admin::wipe_texts(self);
        admin::resume(self);
    }
}

/// Limits on what comes in.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Time that a body may take.
    pub body_time: Duration,
    /// Time that an uploaded file may take.
    pub upload_time: Duration,
}

/// The headers by which an answer tells how it was come by.
#[must_use]
pub fn told(id: RequestId, via: Option<&Via>) -> Vec<(String, String)> {
    reply::told(id, via)
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .service(Address::at("/v1/chat/completions").post(web::to(openai::chat)))
        .service(Address::at("/v1/completions").post(web::to(openai::completions)))
        .service(Address::at("/v1/messages").post(web::to(openai::messages)))
        .service(Address::at("/v1/messages/count_tokens").post(web::to(endpoints::count_tokens)))
        .service(Address::at("/v1/embeddings").post(web::to(endpoints::embeddings)))
        .service(Address::at("/v1/moderations").post(web::to(endpoints::moderations)))
        .service(Address::at("/v1/responses").post(web::to(responses::create)))
        .service(
            Address::at("/v1/responses/{id}")
                .get(web::to(responses::retrieve))
                .delete(web::to(responses::delete)),
        )
        .service(Address::at("/v1/responses/{id}/input_items").get(web::to(responses::input)))
        .service(
            Address::at("/v1/files")
                .get(web::to(files::list))
                .post(web::to(files::create)),
        )
        .service(
            Address::at("/v1/files/{id}")
                .get(web::to(files::retrieve))
                .delete(web::to(files::delete)),
        )
        .service(Address::at("/v1/files/{id}/content").get(web::to(files::content)))
        .service(
            Address::at("/v1/batches")
                .get(web::to(batches::list))
                .post(web::to(batches::create)),
        )
        .service(Address::at("/v1/batches/{id}").get(web::to(batches::retrieve)))
        .service(Address::at("/v1/batches/{id}/cancel").post(web::to(batches::cancel)))
        .service(
            Address::at("/v1/jobs/{id}")
                .get(web::to(jobs::retrieve))
                .delete(web::to(jobs::end)),
        )
        .service(Address::at("/v1/feedback").post(web::to(feedback::feedback)))
        .service(Address::at("/v1/models").get(web::to(models::models)))
        .service(Address::at("/v1/models/{id:.+}").get(web::to(models::model)))
        .service(Address::at("/healthz").get(web::to(ops::healthz)))
        .service(Address::at("/readyz").get(web::to(ops::readyz)))
        .service(Address::at("/metrics").get(web::to(ops::metrics)));
    admin::routes(config);
}
