//! Who is asking: tenant, role, and the two together. Does not know how a
//! caller proved it.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

/// Text that cannot name a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tenant's name is 1 to 64 of the characters A-Z a-z 0-9 . _ -")]
pub struct BadTenant;

/// The name of a tenant, `[A-Za-z0-9._-]{1,64}`. Cloning it allocates nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// Whose requests those without a key are.
    #[must_use]
    pub fn default_tenant() -> Self {
        static DEFAULT: LazyLock<TenantId> = LazyLock::new(|| TenantId("default".into()));
        DEFAULT.clone()
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantId {
    type Err = BadTenant;

    fn from_str(text: &str) -> Result<Self, BadTenant> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(plain);
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(BadTenant)
        }
    }
}

impl TryFrom<String> for TenantId {
    type Error = BadTenant;

    fn try_from(text: String) -> Result<Self, BadTenant> {
        text.parse()
    }
}

impl From<TenantId> for String {
    fn from(tenant: TenantId) -> Self {
        tenant.0.as_ref().to_owned()
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of app, analyst, admin")]
pub struct BadRole;

/// What a key may do; a later one may do all that an earlier one may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Ask models.
    App,
    /// Also read decisions and set policies.
    Analyst,
    /// Everything.
    Admin,
}

impl Role {
    /// Whether this role suffices where `needed` is asked for.
    #[must_use]
    pub fn allows(self, needed: Self) -> bool {
        self >= needed
    }

    /// Its name, as it is written and stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = BadRole;

    fn from_str(text: &str) -> Result<Self, BadRole> {
        let known = [Self::App, Self::Analyst, Self::Admin];
        known
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(BadRole)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Someone whose request is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose data it reads and writes.
    pub tenant: TenantId,
    /// What it may do.
    pub role: Role,
    /// The public id of its key; `None` only without keys.
    pub key_id: Option<Arc<str>>,
}

impl Caller {
    /// The caller of a gateway without keys, reachable from this machine only.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            tenant: TenantId::default_tenant(),
            role: Role::Admin,
            key_id: None,
        }
    }

    /// Whether no key was shown.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.key_id.is_none()
    }

    /// Whether it may look at what `needed` guards.
    #[must_use]
    pub fn may_read(&self, needed: Role) -> bool {
        self.role.allows(needed)
    }

    /// Whether it may change what `needed` guards. Without a key nobody may:
    /// any program on the machine can send such a request.
    #[must_use]
    pub fn may_change(&self, needed: Role) -> bool {
        !self.is_anonymous() && self.role.allows(needed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_well_formed_name_is_a_tenant(name in "[A-Za-z0-9._-]{1,64}") {
            let tenant: TenantId = name.parse().unwrap();
            prop_assert_eq!(tenant.as_str(), name);
        }

        #[test]
        fn nothing_with_another_character_is_a_tenant(
            before in "[a-z]{0,5}", bad in "[^A-Za-z0-9._-]", after in "[a-z]{0,5}"
        ) {
            let name = format!("{before}{bad}{after}");
            prop_assert!(name.parse::<TenantId>().is_err());
        }
    }

    #[test]
    fn a_tenant_has_1_to_64_characters_when_read_from_json_too() {
        assert!("".parse::<TenantId>().is_err());
        assert!("a".repeat(65).parse::<TenantId>().is_err());
        assert!(serde_json::from_str::<TenantId>("\"a b\"").is_err());
        assert_eq!(
            serde_json::from_str::<TenantId>("\"a-b\"")
                .unwrap()
                .as_str(),
            "a-b"
        );
    }

    #[test]
    fn a_role_allows_itself_and_what_is_below_it() {
        assert!(Role::Admin.allows(Role::App) && Role::Analyst.allows(Role::Analyst));
        assert!(!Role::App.allows(Role::Analyst) && !Role::Analyst.allows(Role::Admin));
        assert_eq!("analyst".parse(), Ok(Role::Analyst));
        assert_eq!("Admin".parse::<Role>(), Err(BadRole));
    }

    #[test]
    fn without_a_key_everything_may_be_read_and_nothing_changed() {
        let anyone = Caller::anonymous();
        assert!(anyone.may_read(Role::Admin) && !anyone.may_change(Role::App));
        let analyst = Caller {
            role: Role::Analyst,
            key_id: Some("k".into()),
            ..anyone
        };
        assert!(analyst.may_change(Role::Analyst) && !analyst.may_read(Role::Admin));
    }
}
