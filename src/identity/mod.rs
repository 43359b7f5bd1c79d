//! Who is asking and whether they may: keys, roles, and the rule for running
//! without keys. Knows neither HTTP nor where key records are kept.

mod access;
mod bootstrap;
mod key;
mod keyring;
mod names;

pub use access::{
    Access, KeyFacts, OpenRequest, Refusal, StartRefused, open_mode_guard, start_rule,
};
pub use bootstrap::{BootstrapError, bootstrap_key};
pub use key::{KeyError, KeyRecord, NewKey};
pub use keyring::Keyring;
pub use names::{BadRole, BadTenant, Caller, Role, TenantId};
