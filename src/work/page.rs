//! Ids that sort by the time they were made, the keys made of them, and pages of the rows under such keys.

use uuid::Uuid;

use crate::chat::unix_ms;
use crate::gateway::error::{ApiError, Code};
use crate::store::{Table, WorkStore};

use super::ask::{shown, unavailable};

/// Which rows of a list are asked for.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// At most so many.
    pub limit: Option<usize>,
    /// The id behind which the page begins.
    pub after: Option<String>,
    /// The newest first, unless said.
    pub order: Order,
}

/// In which order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    Asc,
    /// The newest first.
    #[default]
    Desc,
}

/// A list: the rows of a tenant in a table, and how their ids begin.
#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    pub(super) store: &'a WorkStore,
    pub(super) table: Table,
    pub(super) tenant: &'a str,
    pub(super) prefix: &'a str,
}

impl Page {
    /// Reads what an address asks of a list that knows parameters of these names. Those that say nothing of a page are
    /// left to the list.
    ///
    /// # Errors
    /// A parameter that is not known, is there twice, or is not what it must be.
    pub fn asked(said: &[(String, String)], known: &[&str]) -> Result<Self, ApiError> {
        let mut page = Self::default();
        for (at, (name, value)) in said.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let known = known.join("`, `");
                let message = format!("`{}` is not known here: use `{known}`.", shown(name));
                return Err(wrong(&shown(name), message));
            }
            if said.iter().take(at).any(|(earlier, _)| earlier == name) {
                return Err(wrong(name, format!("`{name}` is there twice.")));
            }
            let must_be = |what: &str| wrong(name, format!("`{name}` must be {what}."));
            match name.as_str() {
                "limit" => {
                    let limit = value.parse().map_err(|_| must_be("a positive integer"))?;
                    page.limit = Some(limit);
                }
                "after" => page.after = Some(value.clone()).filter(|id| !id.is_empty()),
                "order" => {
                    let order = Order::parse(value);
                    page.order = order.ok_or_else(|| must_be("\"asc\" or \"desc\""))?;
                }
                _ => {}
            }
        }
        Ok(page)
    }

    /// The rows of a list that `read` makes something of, and whether there are more behind them. Blocks.
    ///
    /// # Errors
    /// A limit out of range, an id behind which nothing could be, or the store does not answer.
    pub(super) fn read<T>(
        &self,
        list: List<'_>,
        most: usize,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<(Vec<T>, bool), ApiError> {
        let limit = self.limit.unwrap_or(most.min(100));
        if !(1..=most).contains(&limit) {
            let message = format!("`limit` must be from 1 to {most}.");
            return Err(wrong("limit", message));
        }
        // Of one that is gone the place is still known: what is behind it can be told after it was deleted.
        if let Some(after) = &self.after
            && !is_fresh(after, list.prefix)
        {
            let message = "`after` is the id of nothing in this list.".to_owned();
            return Err(wrong("after", message));
        }
        let List {
            store,
            table,
            tenant,
            ..
        } = list;
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

impl Order {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "asc" => Some(Self::Asc),
            "desc" => Some(Self::Desc),
            _ => None,
        }
    }
}

fn wrong(param: &str, message: String) -> ApiError {
    ApiError {
        param: Some(param.into()),
        ..ApiError::new(Code::InvalidRequest, message)
    }
}

/// A fresh id. Those made later sort behind.
pub(super) fn fresh(prefix: &str) -> String {
    let random = Uuid::new_v4().as_simple().to_string();
    format!("{prefix}{:012x}{}", unix_ms(), &random[..20])
}

/// Whether a text is such an id.
fn is_fresh(text: &str, prefix: &str) -> bool {
    let behind = text.strip_prefix(prefix).map(str::as_bytes);
    behind.is_some_and(|b| b.len() == 32 && b.iter().all(u8::is_ascii_hexdigit))
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
        let id = |n: u8| format!("f-{n:032x}");
        for n in [1, 2, 4, 5] {
            put("a", &id(n));
        }
        put("ab", &id(9));
        let page = |limit, after: Option<&str>, order| {
            let page = Page {
                limit: Some(limit),
                after: after.map(str::to_owned),
                order,
            };
            let row = |row: &[u8]| Some(String::from_utf8_lossy(row).into_owned());
            let list = List {
                store: &store,
                table: Table::Files,
                tenant: "a",
                prefix: "f-",
            };
            page.read(list, 10, row)
        };
        let ids = |of: &[u8]| of.iter().map(|n| id(*n)).collect::<Vec<_>>();
        let cases = [
            (3, None, Order::Desc, (ids(&[5, 4, 2]), true)),
            (3, Some(2), Order::Desc, (ids(&[1]), false)),
            (2, Some(2), Order::Asc, (ids(&[4, 5]), false)),
            // The third is gone: what stood behind it is known all the same.
            (2, Some(3), Order::Asc, (ids(&[4, 5]), false)),
        ];
        for (limit, after, order, told) in cases {
            let after = after.map(id);
            assert_eq!(page(limit, after.as_deref(), order).unwrap(), told);
        }
        for odd in ["", "f-1", "zzz", &id(2).replace("f-", "b-")] {
            let fault = page(3, Some(odd), Order::Desc).unwrap_err();
            assert_eq!(fault.param.as_deref(), Some("after"), "{odd}");
        }
        assert!(page(0, None, Order::Asc).is_err() && page(11, None, Order::Asc).is_err());
    }

    #[test]
    fn a_parameter_that_is_wrong_is_named_with_what_it_must_be() {
        let known = ["limit", "after", "order", "purpose"];
        let asked = |said: &[(&str, &str)]| {
            let said: Vec<_> = said
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            Page::asked(&said, &known).map_err(|e| (e.param.unwrap(), e.message))
        };
        let page = asked(&[("order", "asc"), ("limit", "7"), ("purpose", "x")]).unwrap();
        assert_eq!((page.limit, page.order), (Some(7), Order::Asc));
        for (name, value, told) in [
            ("limit", "x", "a positive integer"),
            ("limit", "-1", "a positive integer"),
            ("order", "up", "\"asc\" or \"desc\""),
            ("before", "x", "not known"),
        ] {
            let (param, message) = asked(&[(name, value)]).unwrap_err();
            assert_eq!(param, name);
            assert!(message.contains(told), "{message}");
        }
        assert!(asked(&[("limit", "1"), ("limit", "2")]).is_err());
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
