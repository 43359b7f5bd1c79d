//! Finished responses, for whoever continues, reads or deletes them by id. A tenant finds its own alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chat::unix_ms;
use crate::store::{Table, WorkChange, WorkError, WorkStore};

/// Time between two removals of what has ended.
const SWEEP_MS: u64 = 3_600_000;

/// One response and what a next request needs of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The response object as the client got it.
    pub response: Value,
    /// The items of its input.
    pub input: Vec<Value>,
    /// All messages of the conversation up to its answer, in the canonical form, without instructions.
    pub turns: Vec<Value>,
}

/// All kept responses.
pub struct Responses {
    store: Arc<WorkStore>,
    ttl: Duration,
    /// Bytes on the disk above which no more are kept.
    most_bytes: u64,
    /// Unix milliseconds of the last time that ended ones were removed.
    swept_ms: AtomicU64,
    /// Those that are being written: they are found from the moment their client has them.
    writing: Mutex<Vec<(Vec<u8>, Arc<Kept>)>>,
}

impl Responses {
    /// Keeps them in `store`, each for `ttl`, as long as that takes less than `most_bytes`.
    #[must_use]
    pub fn new(store: Arc<WorkStore>, ttl: Duration, most_bytes: u64) -> Self {
        Self {
            store,
            ttl,
            most_bytes,
            swept_ms: AtomicU64::new(0),
            writing: Mutex::default(),
        }
    }

    /// Keeps a response: it is found when this returns, and on disk a little later. Needs a tokio runtime.
    pub fn keep(self: &Arc<Self>, tenant: &str, id: &str, kept: Kept) {
        let (key, kept) = (key(tenant, id), Arc::new(kept));
        self.writing.lock().push((key.clone(), kept.clone()));
        let all = self.clone();
        tokio::task::spawn_blocking(move || {
            let ttl = u64::try_from(all.ttl.as_millis()).unwrap_or(u64::MAX);
            let row = WorkChange {
                table: Table::Responses,
                key: key.clone(),
                value: serde_json::to_vec(&*kept).ok(),
                ends_ms: unix_ms().saturating_add(ttl),
            };
            all.sweep();
            if !all.has_room() {
                tracing::warn!("a response is not kept: all room for them is taken");
            } else if let Err(error) = all.store.apply(&[row]) {
                tracing::warn!(%error, "a response could not be kept");
            }
            let mut writing = all.writing.lock();
            let before = writing.len();
            writing.retain(|(k, _)| *k != key);
            if writing.len() == before {
                // It was deleted meanwhile.
                drop(all.store.apply(&[removed(key)]));
            }
        });
    }

    /// Removes those that have ended, once an hour.
    fn sweep(&self) {
        let now = unix_ms();
        let last = self.swept_ms.load(Ordering::Relaxed);
        let due = now.saturating_sub(last) >= SWEEP_MS;
        let mine = due
            && self
                .swept_ms
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if mine && let Err(error) = self.store.sweep(&[Table::Responses], now) {
            tracing::warn!(%error, "ended responses could not be removed");
        }
    }

    fn has_room(&self) -> bool {
        self.store
            .bytes()
            .is_ok_and(|bytes| bytes < self.most_bytes)
    }

    /// One of `tenant`'s. Blocks.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn find(&self, tenant: &str, id: &str) -> Result<Option<Arc<Kept>>, WorkError> {
        let key = key(tenant, id);
        let writing = self.writing.lock();
        if let Some((_, kept)) = writing.iter().find(|(k, _)| *k == key) {
            return Ok(Some(kept.clone()));
        }
        drop(writing);
        let row = self.store.get(Table::Responses, &key, unix_ms())?;
        Ok(row
            .and_then(|row| serde_json::from_slice(&row).ok())
            .map(Arc::new))
    }

    /// Forgets one of `tenant`'s; says whether there was one. Blocks.
    ///
    /// # Errors
    /// The store does not do it.
    pub fn delete(&self, tenant: &str, id: &str) -> Result<bool, WorkError> {
        let found = self.find(tenant, id)?.is_some();
        let key = key(tenant, id);
        self.writing.lock().retain(|(k, _)| *k != key);
        self.store.apply(&[removed(key)])?;
        Ok(found)
    }
}

fn removed(key: Vec<u8>) -> WorkChange {
    WorkChange {
        table: Table::Responses,
        key,
        value: None,
        ends_ms: 0,
    }
}

/// No tenant's name holds a slash.
fn key(tenant: &str, id: &str) -> Vec<u8> {
    format!("{tenant}/{id}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DataFolder;
    use serde_json::json;

    fn kept(text: &str) -> Kept {
        Kept {
            response: json!({"output": text}),
            input: vec![],
            turns: vec![json!({"role": "user", "content": "hi"})],
        }
    }

    #[tokio::test]
    async fn a_response_is_found_at_once_by_its_own_tenant_until_it_is_deleted() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temp.path()).unwrap();
        let store = Arc::new(WorkStore::open(&folder).unwrap());
        let all = Arc::new(Responses::new(store, Duration::from_secs(60), 1 << 30));
        all.keep("a", "resp_1", kept("x"));
        assert_eq!(*all.find("a", "resp_1").unwrap().unwrap(), kept("x"));
        assert!(all.find("b", "resp_1").unwrap().is_none());
        while !all.writing.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(*all.find("a", "resp_1").unwrap().unwrap(), kept("x"));
        assert!(all.delete("a", "resp_1").unwrap());
        assert!(!all.delete("a", "resp_1").unwrap());
    }

    #[tokio::test]
    async fn what_finds_no_room_is_not_kept() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temp.path()).unwrap();
        let store = Arc::new(WorkStore::open(&folder).unwrap());
        let all = Arc::new(Responses::new(store, Duration::from_secs(60), 0));
        all.keep("a", "resp_1", kept("x"));
        while !all.writing.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(all.find("a", "resp_1").unwrap().is_none());
    }
}
