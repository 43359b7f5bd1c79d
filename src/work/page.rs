//! Ids that sort by the time they were made, the keys made of them, and pages of the rows under such keys.

use serde::Deserialize;
use uuid::Uuid;

use crate::chat::unix_ms;
use crate::gateway::error::{ApiError, Code};
use crate::store::{Table, WorkStore};

use super::ask::unavailable;

/// Which rows of a list are asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// At most so many.
    pub limit: Option<usize>,
    /// The id behind which the page begins.
    pub after: Option<String>,
    /// The newest first, unless said.
    #[serde(default)]
    pub order: Order,
}

/// In which order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The oldest first.
    Asc,
    /// The newest first.
    #[default]
    Desc,
}

impl Page {
    /// The rows of `tenant` that `read` makes something of, and whether there are more behind them. Blocks.
    ///
    /// # Errors
    /// A limit out of range, or the store does not answer.
    pub(super) fn read<T>(
        &self,
        (store, table, tenant): (&WorkStore, Table, &str),
        most: usize,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<(Vec<T>, bool), ApiError> {
        let limit = self.limit.unwrap_or(most.min(100));
        if !(1..=most).contains(&limit) {
            return Err(ApiError {
                param: Some("limit".into()),
                ..ApiError::new(
                    Code::InvalidRequest,
                    format!("`limit` must be from 1 to {most}."),
                )
            });
        }
        let keys = store.keys(table, key(tenant, "").as_slice());
        let mut keys = keys.map_err(|_| unavailable())?;
        if self.order == Order::Desc {
            keys.reverse();
        }
        let after = self.after.as_ref().map(|id| key(tenant, id));
        let behind = |found: &Vec<u8>| match (&after, self.order) {
            (None, _) => true,
            (Some(after), Order::Asc) => found > after,
            (Some(after), Order::Desc) => found < after,
        };
        let (mut rows, now) = (Vec::new(), unix_ms());
        for key in keys.iter().filter(|key| behind(key)) {
            let row = store.get(table, key, now).map_err(|_| unavailable())?;
            if let Some(row) = row.and_then(|row| read(&row)) {
                if rows.len() == limit {
                    return Ok((rows, true));
                }
                rows.push(row);
            }
        }
        Ok((rows, false))
    }
}

/// A fresh id. Those made later sort behind.
pub(super) fn fresh(prefix: &str) -> String {
    let random = Uuid::new_v4().as_simple().to_string();
    format!("{prefix}{:012x}{}", unix_ms(), &random[..20])
}

/// Whether a client's text could be such an id; nothing else becomes a key.
pub(super) fn is_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// The key of a tenant's row. No tenant's name holds a slash, so that none begins like another's.
pub(super) fn key(tenant: &str, id: &str) -> Vec<u8> {
    format!("{tenant}/{id}").into_bytes()
}

/// Tenant and id out of a key.
pub(super) fn parts(key: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(key).ok()?.split_once('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{DataFolder, WorkChange};

    #[test]
    fn pages_follow_each_other_in_either_order_and_show_one_tenant_alone() {
        let temp = tempfile::tempdir().unwrap();
        let store = WorkStore::open(&DataFolder::open(temp.path()).unwrap()).unwrap();
        let put = |tenant: &str, id: &str| {
            let (key, value) = (key(tenant, id), Some(id.as_bytes().to_vec()));
            let row = WorkChange {
                table: Table::Files,
                key,
                value,
                ends_ms: u64::MAX,
            };
            store.apply(&[row]).unwrap();
        };
        for id in ["f1", "f2", "f3", "f4"] {
            put("a", id);
        }
        put("ab", "f9");
        let page = |limit, after: Option<&str>, order| {
            let page = Page {
                limit: Some(limit),
                after: after.map(str::to_owned),
                order,
            };
            let row = |row: &[u8]| Some(String::from_utf8_lossy(row).into_owned());
            page.read((&store, Table::Files, "a"), 10, row)
        };
        assert_eq!(
            page(3, None, Order::Desc).unwrap(),
            (["f4", "f3", "f2"].map(Into::into).to_vec(), true)
        );
        assert_eq!(
            page(3, Some("f2"), Order::Desc).unwrap(),
            (vec!["f1".into()], false)
        );
        assert_eq!(
            page(2, Some("f2"), Order::Asc).unwrap(),
            (["f3", "f4"].map(Into::into).to_vec(), false)
        );
        assert!(page(0, None, Order::Asc).is_err() && page(11, None, Order::Asc).is_err());
    }

    #[test]
    fn later_ids_sort_behind_and_only_plain_ones_are_ids() {
        let first = fresh("job_");
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(first < fresh("job_") && is_id(&first));
        for odd in ["", "a/b", "a\0", "ä", &"x".repeat(65)] {
            assert!(!is_id(odd), "{odd:?}");
        }
    }
}
