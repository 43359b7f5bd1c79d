//! Remembered vectors of texts, each by all that it depends on: whose it is, who made it, how, and the text itself.
//! They are in memory, bounded in bytes; on disk they lie only to be there again after a start.

use std::io;
use std::sync::Arc;

use moka::sync::Cache as Moka;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::freshness::{Dates, Freshness};
use super::invalidation::{Features, Marks};
use super::scope::{Namespace, changes_answer};
use crate::chat::{CanonicalHasher, unix_ms};
use crate::dialect::embeddings::Request;
use crate::store::{EntryFilter, RowKey, RowLog, RowLogConfig};

/// Bytes of a vector's place in memory besides its numbers.
const OVERHEAD: usize = 192;

/// What the vectors of one request share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// Whose request it was.
    pub tenant: String,
    /// Label of the namespace that they live in.
    pub namespace: String,
    /// The model that was asked for.
    pub model: String,
    /// The model as the provider's answer names it.
    pub told: String,
    /// Tags of the request.
    pub tags: Vec<String>,
    /// Version of its prompt.
    pub prompt_version: Option<String>,
    /// The newest invalidation that there was when they were asked for.
    pub generation: u64,
}

/// One vector.
#[derive(Debug)]
pub struct Kept {
    /// Its numbers.
    pub numbers: Arc<[f32]>,
    /// Tokens of its text: counted by the provider for this text alone, or its share of a call's.
    pub tokens: u64,
    created_ms: u64,
    ends_ms: u64,
    home: Arc<Home>,
}

/// A vector that was just made.
#[derive(Debug)]
pub struct Fresh {
    /// Its key.
    pub key: RowKey,
    /// Its numbers.
    pub numbers: Arc<[f32]>,
    /// Tokens of its text.
    pub tokens: u64,
}

/// All remembered vectors.
pub struct Embeddings {
    hot: Moka<RowKey, Arc<Kept>>,
    log: RowLog,
    marks: Arc<Marks>,
}

/// What the keys of one request's items have in common.
#[must_use]
pub fn ground(
    namespace: &Namespace,
    origin: &str,
    headers: &[(String, String)],
    request: &Request,
) -> [u8; 32] {
    let mut hasher = CanonicalHasher::new("reprise embedding 1");
    match &namespace.tenant {
        Some(tenant) => hasher.text("tenant").text(tenant),
        None => hasher.text("shared"),
    };
    hasher.text(&namespace.label).text(origin);
    for (name, value) in headers.iter().filter(|(name, _)| changes_answer(name)) {
        hasher.text(name).text(value);
    }
    request.hash_settings(&mut hasher);
    hasher.finish()
}

/// The key of one item.
#[must_use]
pub fn key(ground: &[u8; 32], item: &Value) -> RowKey {
    let mut hasher = CanonicalHasher::new("reprise embedded item 1");
    hasher.bytes(ground).value(item);
    hasher.finish()
}

impl Embeddings {
    /// Keeps up to `config.bytes` in memory and as many on disk, where those of earlier runs are read meanwhile.
    ///
    /// # Errors
    /// No place on disk.
    pub fn open(config: RowLogConfig, marks: Arc<Marks>) -> io::Result<Self> {
        let hot = Moka::builder()
            .max_capacity(config.bytes)
            .weigher(|_, kept: &Arc<Kept>| weight(kept))
            .build();
        let (loaded, hidden) = (hot.clone(), marks.clone());
        let mut homes = Homes::default();
        let now_ms = unix_ms();
        let log = RowLog::start(config, move |key: RowKey, row: &[u8]| {
            let kept = homes.kept(row).filter(|kept| now_ms < kept.ends_ms);
            if let Some(kept) = kept.filter(|kept| !hidden.hide(&kept.features())) {
                // Of what came since the start nothing is older than what lies on disk.
                let newest = loaded
                    .get(&key)
                    .is_none_or(|known: Arc<Kept>| known.created_ms <= kept.created_ms);
                if newest {
                    loaded.insert(key, Arc::new(kept));
                }
            }
        })?;
        Ok(Self { hot, log, marks })
    }

    /// The vector of a key, if it may serve. Quick enough for any thread.
    #[must_use]
    pub fn find(&self, key: &RowKey, freshness: &Freshness, now_ms: u64) -> Option<Arc<Kept>> {
        let kept = self.hot.get(key)?;
        let serves = freshness.admits(kept.dates(), now_ms) && !self.marks.hide(&kept.features());
        serves.then_some(kept)
    }

    /// Remembers vectors that one call made, for `ttl_ms`. Says why they would not outlive the process, if so.
    pub fn keep(&self, home: Home, fresh: Vec<Fresh>, ttl_ms: u64) -> Option<&'static str> {
        let (home, created_ms) = (Arc::new(home), unix_ms());
        let text = serde_json::to_vec(&*home).unwrap_or_default();
        let mut rows = Vec::with_capacity(fresh.len());
        for Fresh {
            key,
            numbers,
            tokens,
        } in fresh
        {
            let kept = Kept {
                numbers,
                tokens,
                created_ms,
                ends_ms: created_ms.saturating_add(ttl_ms),
                home: home.clone(),
            };
            if self.marks.hide(&kept.features()) {
                return Some("outdated");
            }
            rows.push((key, kept.row(&text)));
            self.hot.insert(key, Arc::new(kept));
        }
        (!self.log.put(rows)).then_some("store_queue_full")
    }

    /// Forgets what a filter names, on disk as well; says how many vectors of it were in memory. Whose text each is
    /// beside the tenant's is not known, so that a filter for one person names none. Blocks.
    pub fn forget(&self, filter: &EntryFilter) -> usize {
        if filter.asker.is_some() {
            return 0;
        }
        let filter = filter.clone();
        self.drop_if(move |home| names(&filter, home))
    }

    /// Drops what marks hide. Blocks.
    pub(super) fn sweep(&self) -> usize {
        let marks = self.marks.clone();
        self.drop_kept_if(move |kept| marks.hide(&kept.features()))
    }

    /// Waits until those of earlier runs are read and all is on disk that was remembered. Blocks.
    pub fn settle(&self) {
        self.log.settle();
    }

    fn drop_if(&self, goes: impl Fn(&Home) -> bool + Send + 'static) -> usize {
        self.drop_kept_if(move |kept| goes(&kept.home))
    }

    fn drop_kept_if(&self, goes: impl Fn(&Kept) -> bool + Send + 'static) -> usize {
        // What is being read would be there again a moment later.
        self.log.settle();
        let mut dropped = 0;
        for (key, kept) in &self.hot {
            if goes(&kept) {
                self.hot.invalidate(&*key);
                dropped += 1;
            }
        }
        self.log
            .retain(move |row| Homes::default().kept(row).is_some_and(|kept| !goes(&kept)));
        dropped
    }
}

impl Kept {
    /// The model as the provider's answer named it.
    #[must_use]
    pub fn told(&self) -> &str {
        &self.home.told
    }

    fn dates(&self) -> Dates {
        Dates {
            created_ms: self.created_ms,
            fresh_ms: self.ends_ms,
            expires_ms: self.ends_ms,
        }
    }

    fn features(&self) -> Features<'_> {
        Features {
            namespace: &self.home.namespace,
            model: &self.home.model,
            tags: &self.home.tags,
            prompt_version: self.home.prompt_version.as_deref(),
            generation: self.home.generation,
            created_ms: self.created_ms,
        }
    }

    /// As it lies on disk: three numbers, the length of its home and that, the vector.
    fn row(&self, home: &[u8]) -> Vec<u8> {
        let mut row = Vec::with_capacity(28 + home.len() + 4 * self.numbers.len());
        for number in [self.created_ms, self.ends_ms, self.tokens] {
            row.extend_from_slice(&number.to_le_bytes());
        }
        row.extend_from_slice(&u32::try_from(home.len()).unwrap_or(u32::MAX).to_le_bytes());
        row.extend_from_slice(home);
        row.extend(self.numbers.iter().flat_map(|n| n.to_le_bytes()));
        row
    }
}

/// Shares one home between rows that follow each other, as those of one request do.
#[derive(Default)]
struct Homes {
    last: Option<(Vec<u8>, Arc<Home>)>,
}

impl Homes {
    fn kept(&mut self, row: &[u8]) -> Option<Kept> {
        let (created, row) = row.split_first_chunk()?;
        let (ends, row) = row.split_first_chunk()?;
        let (tokens, row) = row.split_first_chunk()?;
        let (length, row) = row.split_first_chunk()?;
        let length = u32::from_le_bytes(*length) as usize;
        let (home, numbers) = row.split_at_checked(length)?;
        let (numbers, rest) = numbers.as_chunks::<4>();
        let home = self.home(home)?;
        rest.is_empty().then(|| Kept {
            numbers: numbers.iter().map(|n| f32::from_le_bytes(*n)).collect(),
            tokens: u64::from_le_bytes(*tokens),
            created_ms: u64::from_le_bytes(*created),
            ends_ms: u64::from_le_bytes(*ends),
            home,
        })
    }

    fn home(&mut self, text: &[u8]) -> Option<Arc<Home>> {
        if let Some((_, home)) = self.last.as_ref().filter(|(last, _)| last == text) {
            return Some(home.clone());
        }
        let home: Arc<Home> = Arc::new(serde_json::from_slice(text).ok()?);
        self.last = Some((text.to_owned(), home.clone()));
        Some(home)
    }
}

fn names(filter: &EntryFilter, home: &Home) -> bool {
    let fits = |asked: &Option<String>, has: &str| asked.as_deref().is_none_or(|a| a == has);
    fits(&filter.tenant, &home.tenant)
        && fits(&filter.namespace, &home.namespace)
        && fits(&filter.model, &home.model)
}

fn weight(kept: &Kept) -> u32 {
    u32::try_from(4 * kept.numbers.len() + OVERHEAD).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::invalidation::{Realm, What};
    use std::path::Path;

    const ANY: Freshness = Freshness {
        ttl_ms: u64::MAX,
        born_ms: 0,
        max_age_ms: u64::MAX,
        min_fresh_ms: 0,
        stale_ms: 0,
        gone_ms: u64::MAX,
        gone_before_ms: 0,
    };

    fn open(folder: &Path, marks: &Arc<Marks>) -> Embeddings {
        let config = RowLogConfig {
            folder: folder.to_owned(),
            bytes: 1 << 20,
            min_free_bytes: 0,
        };
        let opened = Embeddings::open(config, marks.clone()).unwrap();
        opened.settle();
        opened
    }

    fn home(tenant: &str, tag: &str) -> Home {
        Home {
            tenant: tenant.to_owned(),
            namespace: tenant.to_owned(),
            model: "m".into(),
            told: "m-1".into(),
            tags: vec![tag.to_owned()],
            prompt_version: None,
            generation: 0,
        }
    }

    fn fresh(n: u8) -> Vec<Fresh> {
        vec![Fresh {
            key: [n; 32],
            numbers: [f32::from(n), 0.5].into(),
            tokens: u64::from(n),
        }]
    }

    fn numbers(all: &Embeddings, n: u8) -> Option<Vec<f32>> {
        let kept = all.find(&[n; 32], &ANY, unix_ms())?;
        assert_eq!((kept.tokens, kept.told()), (u64::from(n), "m-1"));
        Some(kept.numbers.to_vec())
    }

    #[test]
    fn a_vector_is_there_again_after_a_start_until_its_end() {
        let (temp, marks) = (tempfile::tempdir().unwrap(), Arc::default());
        let first = open(temp.path(), &marks);
        assert_eq!(first.keep(home("a", "x"), fresh(1), 3_600_000), None);
        assert_eq!(first.keep(home("a", "x"), fresh(2), 0), None);
        let later = unix_ms() + 3_600_000;
        assert!(first.find(&[1; 32], &ANY, later - 1000).is_some());
        assert!(first.find(&[1; 32], &ANY, later).is_none(), "its end");
        drop(first);
        let second = open(temp.path(), &marks);
        assert_eq!(numbers(&second, 1), Some(vec![1.0, 0.5]));
        assert_eq!(numbers(&second, 2), None);
    }

    #[test]
    fn what_is_invalidated_is_hidden_at_once_and_swept_off_the_disk() {
        let (temp, marks) = (tempfile::tempdir().unwrap(), Arc::<Marks>::default());
        let all = open(temp.path(), &marks);
        all.keep(home("a", "x"), fresh(1), 3_600_000);
        all.keep(home("a", "y"), fresh(2), 3_600_000);
        let mark = (Realm::Namespace("a".into()), What::Tag("x".into()));
        marks.put(mark.0, mark.1, unix_ms()).unwrap();
        assert_eq!(numbers(&all, 1), None);
        assert!(numbers(&all, 2).is_some());
        let late = all.keep(home("a", "x"), fresh(3), 3_600_000);
        assert_eq!((late, numbers(&all, 3)), (Some("outdated"), None));
        assert_eq!(all.sweep(), 1);
        drop(all);
        let again = open(temp.path(), &Arc::default());
        assert!(numbers(&again, 1).is_none() && numbers(&again, 2).is_some());
    }

    #[test]
    fn what_a_filter_names_is_forgotten_and_nobody_elses() {
        let (temp, marks) = (tempfile::tempdir().unwrap(), Arc::default());
        let all = open(temp.path(), &marks);
        all.keep(home("a", "x"), fresh(1), 3_600_000);
        all.keep(home("b", "x"), fresh(2), 3_600_000);
        let of = |tenant: &str| EntryFilter {
            tenant: Some(tenant.to_owned()),
            ..EntryFilter::default()
        };
        let person = EntryFilter {
            asker: Some([0; 16]),
            ..of("a")
        };
        assert_eq!((all.forget(&person), all.forget(&of("a"))), (0, 1));
        drop(all);
        let again = open(temp.path(), &marks);
        assert!(numbers(&again, 1).is_none() && numbers(&again, 2).is_some());
    }
}
