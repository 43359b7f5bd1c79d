//! Who is asking and whether they may: keys, roles, and the rule for running
//! without keys. Knows no HTTP.

mod access;
mod bootstrap;
mod key;
mod keyring;
mod names;
mod registry;

pub use access::{
    Access, KeyFacts, OpenRequest, Refusal, StartRefused, open_mode_guard, start_rule,
};
pub use bootstrap::{BootstrapError, bootstrap_key};
pub use key::{KeyError, KeyRecord, NewKey};
pub use keyring::Keyring;
pub use names::{BadRole, BadTenant, Caller, Role, TenantId};
pub use registry::{KEY_CREATED, Registry, RegistryError, shown};
