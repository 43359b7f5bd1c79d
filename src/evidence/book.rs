//! All labels: kept in memory to be counted and in a file that is on disk before anybody is told that
//! it was taken down. Of what one source said of one request the last word counts.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::label::{Label, Source};
use crate::chat::RequestId;
use crate::store::Journal;

/// The labels.
pub struct Book {
    pages: Mutex<Pages>,
    journal: Option<Journal>,
    capacity: usize,
}

#[derive(Default)]
struct Pages {
    by_request: HashMap<RequestId, BTreeMap<Source, Arc<Label>>>,
    /// As they came; one that was replaced since is found to be no longer current.
    order: VecDeque<Arc<Label>>,
}

/// What taking a label down changed: what counts of its request before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct Turned {
    /// The most trusted label before.
    pub before: Option<Arc<Label>>,
    /// The most trusted label now.
    pub after: Option<Arc<Label>>,
    /// Labels that counted and were forgotten for room.
    pub gone: Vec<Arc<Label>>,
}

impl Book {
    /// The labels of a folder, up to `capacity`; without a folder in memory only.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn open(folder: Option<&Path>, capacity: usize) -> io::Result<Self> {
        let mut book = Self {
            pages: Mutex::default(),
            journal: None,
            capacity,
        };
        if let Some(folder) = folder {
            let (journal, held) = Journal::open(&folder.join("labels.log"))?;
            let labels = held.lines.iter().map(|line| serde_json::from_slice(line));
            let pages = book.pages.get_mut();
            for label in labels.filter_map(Result::ok) {
                pages.add(Arc::new(label));
            }
            pages.shrink(capacity);
            book.journal = Some(journal);
        }
        Ok(book)
    }

    /// Takes a label down; it is on disk when this returns. Blocks.
    ///
    /// # Errors
    /// What the file system refuses; nothing changed then.
    pub fn add(&self, label: Label) -> io::Result<Turned> {
        let mut pages = self.pages.lock();
        if let Some(journal) = &self.journal {
            journal.append(&[serde_json::to_vec(&label)?])?;
            journal.sync()?;
        }
        let request = label.request_id;
        let before = pages.counts(request);
        pages.add(Arc::new(label));
        let after = pages.counts(request);
        let gone = pages.shrink(self.capacity);
        self.tidy(&pages)?;
        Ok(Turned {
            before,
            after,
            gone,
        })
    }

    /// The label that counts of one request.
    #[must_use]
    pub fn of(&self, request: RequestId) -> Option<Arc<Label>> {
        self.pages.lock().counts(request)
    }

    /// All that was said of one request, the most trusted last.
    #[must_use]
    pub fn all_of(&self, request: RequestId) -> Vec<Arc<Label>> {
        let pages = self.pages.lock();
        let said = pages.by_request.get(&request);
        said.map(|said| said.values().cloned().collect())
            .unwrap_or_default()
    }

    /// Labels that count and pass `keep`, newest first.
    #[must_use]
    pub fn list(&self, limit: usize, keep: impl Fn(&Label) -> bool) -> Vec<Arc<Label>> {
        let pages = self.pages.lock();
        let current = pages.order.iter().rev().filter(|l| pages.is_current(l));
        current.filter(|l| keep(l)).take(limit).cloned().collect()
    }

    /// Drops the texts of those that `which` names, here and on disk. Blocks.
    ///
    /// # Errors
    /// What the file system refuses; what is on disk stays until the next try.
    pub fn forget_texts(&self, which: impl Fn(&Label) -> bool) -> io::Result<()> {
        let mut pages = self.pages.lock();
        let all: Vec<Arc<Label>> = pages.order.drain(..).collect();
        let mut forgot = false;
        for mut label in all {
            if which(&label) && pages.is_current(&label) {
                Arc::make_mut(&mut label).forget_texts();
                forgot = true;
                pages.put(&label);
            }
            pages.order.push_back(label);
        }
        if forgot { self.rewrite(&pages) } else { Ok(()) }
    }

    /// Writes the file anew when it holds much more than what counts.
    fn tidy(&self, pages: &Pages) -> io::Result<()> {
        let lines = self.journal.as_ref().map_or(0, Journal::len);
        if lines > 2 * self.capacity.max(1) {
            return self.rewrite(pages);
        }
        Ok(())
    }

    fn rewrite(&self, pages: &Pages) -> io::Result<()> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        let current = pages.order.iter().filter(|l| pages.is_current(l));
        let lines: Result<Vec<_>, _> = current.map(|l| serde_json::to_vec(&**l)).collect();
        journal.rewrite(&lines?)
    }
}

impl Pages {
    fn counts(&self, request: RequestId) -> Option<Arc<Label>> {
        let said = self.by_request.get(&request)?;
        said.last_key_value().map(|(_, label)| label.clone())
    }

    fn is_current(&self, label: &Arc<Label>) -> bool {
        let said = self.by_request.get(&label.request_id);
        said.and_then(|said| said.get(&label.source))
            .is_some_and(|current| Arc::ptr_eq(current, label))
    }

    fn put(&mut self, label: &Arc<Label>) {
        let said = self.by_request.entry(label.request_id).or_default();
        said.insert(label.source, label.clone());
    }

    fn add(&mut self, label: Arc<Label>) {
        self.put(&label);
        self.order.push_back(label);
    }

    /// Forgets the oldest; gives those that counted.
    fn shrink(&mut self, capacity: usize) -> Vec<Arc<Label>> {
        let mut gone = Vec::new();
        while self.order.len() > capacity
            && let Some(oldest) = self.order.pop_front()
        {
            if !self.is_current(&oldest) {
                continue;
            }
            let counted = self.counts(oldest.request_id);
            gone.extend(counted.filter(|counted| Arc::ptr_eq(counted, &oldest)));
            if let Some(said) = self.by_request.get_mut(&oldest.request_id) {
                said.remove(&oldest.source);
                if said.is_empty() {
                    self.by_request.remove(&oldest.request_id);
                }
            }
        }
        gone
    }
}
