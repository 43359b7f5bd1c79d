//! Finished responses, for whoever continues, reads or deletes them by id. A tenant finds its own alone.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chat::unix_ms;
use crate::store::{Table, WorkChange, WorkError, WorkStore};

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
    /// Those that are being written: they are found from the moment their client has them.
    writing: Mutex<Vec<(Vec<u8>, Arc<Kept>)>>,
}

impl Responses {
    /// Keeps them in `store`, each for `ttl`.
    #[must_use]
    pub fn new(store: Arc<WorkStore>, ttl: Duration) -> Self {
        Self {
            store,
            ttl,
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
            if let Err(error) = all.store.apply(&[row]) {
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
        let all = Arc::new(Responses::new(store, Duration::from_secs(60)));
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
}
