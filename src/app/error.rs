//! Why the gateway does not start: what each part says of it, in lines to be read as they are.

use std::fmt;

use super::data::DataError;
use crate::config::{Faults, ModelDirError};
use crate::embed::EmbedError;
use crate::identity::{BootstrapError, StartRefused};
use crate::ledger::CatalogueFault;
use crate::provider::{BadOutbound, ProviderError, WebhookError};
use crate::router::RouterError;
use crate::store::StoreError;
use crate::telemetry::{LogError, RecorderError};

/// Why the gateway does not start; one line each.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is its source's own line")]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] Faults),
    #[error(transparent)]
    Catalogue(#[from] CatalogueFault),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    #[error(transparent)]
    Refused(#[from] StartRefused),
    #[error(
        "the shared namespace `{0}` has the name of a tenant, who could never reach it: rename it in \
         [[namespaces]], or revoke that tenant's keys"
    )]
    NamespaceIsTenant(String),
    #[error(transparent)]
    Model(#[from] ModelDirError),
    #[error(transparent)]
    Embed(#[from] EmbedError),
    #[error("embedding.next_model_dir: {0}")]
    Next(Box<StartError>),
    #[error(transparent)]
    Provider(#[from] Lines<ProviderError>),
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    #[error(transparent)]
    Router(#[from] Lines<RouterError>),
    #[error("{0}: {1}")]
    Outbound(&'static str, BadOutbound),
    #[error("outbound.ca_file cannot be read: {0}")]
    CaFile(std::io::Error),
    #[error(transparent)]
    Several(#[from] Box<Lines<StartError>>),
    #[error(transparent)]
    Recorder(#[from] RecorderError),
    #[error("server.bind is no address")]
    Address,
    #[error("cannot listen on {address}: {source}")]
    Bind {
        address: std::net::SocketAddr,
        source: std::io::Error,
    },
    #[error("cannot serve: {0}")]
    Socket(#[from] std::io::Error),
    #[error("the system gives no randomness: {0}")]
    Random(#[from] getrandom::Error),
    #[error("a stored policy cannot be read: {0}")]
    Policy(String),
    #[error("a stored invalidation cannot be read: {0}")]
    Invalidation(String),
}

/// Faults that are told together, one a line.
#[derive(Debug)]
pub struct Lines<E>(pub Vec<E>);

impl<E: fmt::Debug + fmt::Display> std::error::Error for Lines<E> {}

impl<E: fmt::Display> fmt::Display for Lines<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            let line = if i == 0 { "" } else { "\n" };
            write!(f, "{line}{fault}")?;
        }
        Ok(())
    }
}
