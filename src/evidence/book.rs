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

/// Replaced labels that are kept in any case, so that few labels are not sorted out each time.
const SPARE: usize = 64;

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
    /// Those of them that are.
    current: usize,
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

    /// Takes a label down, and with it the `others` of its request that it changed; they are on disk when this
    /// returns. Blocks.
    ///
    /// # Errors
    /// What the file system refuses; nothing changed then.
    pub fn add(&self, label: Label, others: Vec<Label>) -> io::Result<Turned> {
        let mut pages = self.pages.lock();
        let request = label.request_id;
        let mut labels = others;
        labels.push(label);
        if let Some(journal) = &self.journal {
            let lines: Result<Vec<_>, _> = labels.iter().map(serde_json::to_vec).collect();
            // At once: a crash must not leave what is changed by a label without that one.
            journal.append_synced(&lines?)?;
        }
        let before = pages.counts(request);
        for label in labels {
            pages.add(Arc::new(label));
        }
        let after = pages.counts(request);
        let gone = pages.shrink(self.capacity);
        if let Err(error) = self.tidy(&pages) {
            // The label is kept all the same; the next one tries again.
            tracing::warn!(%error, "the file of labels could not be written anew");
        }
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
    /// What the file system refuses; what is on disk may be there until the next try.
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
        // What memory has no room for any more lies in the file still, and nobody can tell whose texts it has.
        let lines = self.journal.as_ref().map_or(0, Journal::len);
        if forgot || lines > pages.current {
            return self.rewrite(&pages);
        }
        Ok(())
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

    /// Gives the one whose place it takes.
    fn put(&mut self, label: &Arc<Label>) -> Option<Arc<Label>> {
        let said = self.by_request.entry(label.request_id).or_default();
        said.insert(label.source, label.clone())
    }

    fn add(&mut self, label: Arc<Label>) {
        if self.put(&label).is_none() {
            self.current += 1;
        }
        self.order.push_back(label);
        // Somebody who says the same again and again must not push out what others said.
        if self.order.len() > 2 * self.current + SPARE {
            let all = std::mem::take(&mut self.order);
            self.order = all.into_iter().filter(|l| self.is_current(l)).collect();
        }
    }

    /// Forgets the oldest; gives those that counted.
    fn shrink(&mut self, capacity: usize) -> Vec<Arc<Label>> {
        let mut gone = Vec::new();
        while self.current > capacity
            && let Some(oldest) = self.order.pop_front()
        {
            if !self.is_current(&oldest) {
                continue;
            }
            self.current -= 1;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::decision::{Decision, sample};
    use crate::evidence::label::{Opined, Opinion};

    fn label(decision: &Decision, source: Source, verdict: Opinion) -> Label {
        let opined = Opined {
            time_ms: 1,
            verdict,
            source,
            by: None,
            note: Some("a note".into()),
            sampled: false,
            share: None,
        };
        Label::of(decision, opined).unwrap()
    }

    fn book(folder: &tempfile::TempDir, capacity: usize) -> Book {
        Book::open(Some(folder.path()), capacity).unwrap()
    }

    #[test]
    fn the_last_word_of_each_and_of_all_the_most_trusted_counts_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let decision = sample("who?");
        let kept = book(&folder, 10);
        let said = [
            (Source::App, Opinion::Right),
            (Source::Analyst, Opinion::Wrong),
            (Source::App, Opinion::Wrong),
            (Source::Analyst, Opinion::Right),
            (Source::Refresh, Opinion::Wrong),
        ];
        for (source, verdict) in said {
            kept.add(label(&decision, source, verdict), Vec::new())
                .unwrap();
        }
        for kept in [kept, book(&folder, 10)] {
            let counts = kept.of(decision.request_id).unwrap();
            assert_eq!(
                (counts.source, counts.verdict),
                (Source::Analyst, Opinion::Right)
            );
            assert_eq!(kept.all_of(decision.request_id).len(), 3);
            assert_eq!(kept.list(9, |_| true).len(), 3);
        }
    }

    #[test]
    fn what_changed_is_told_and_so_is_what_was_forgotten_for_room() {
        let folder = tempfile::tempdir().unwrap();
        let kept = book(&folder, 2);
        let decisions = [(); 3].map(|()| Decision {
            request_id: RequestId::fresh(),
            ..sample("who?")
        });
        let add = |d, verdict| {
            kept.add(label(d, Source::App, verdict), Vec::new())
                .unwrap()
        };
        assert_eq!(add(&decisions[0], Opinion::Wrong).before, None);
        let turned = add(&decisions[0], Opinion::Right);
        assert_eq!(turned.before.unwrap().verdict, Opinion::Wrong);
        assert_eq!(turned.after.unwrap().verdict, Opinion::Right);
        add(&decisions[1], Opinion::Right);
        let turned = add(&decisions[2], Opinion::Right);
        assert_eq!(turned.gone.len(), 1);
        assert_eq!(kept.of(decisions[0].request_id), None);
        for _ in 0..9 {
            add(&decisions[2], Opinion::Right);
        }
        let again = book(&folder, 2);
        assert_eq!(again.list(9, |_| true).len(), kept.list(9, |_| true).len());
        assert!(
            again.journal.unwrap().len() <= 5,
            "the file does not grow for ever"
        );
    }

    #[test]
    fn a_forgotten_text_is_gone_from_memory_and_disk_and_the_verdict_stays() {
        let folder = tempfile::tempdir().unwrap();
        let kept = book(&folder, 9);
        let decision = sample("who?");
        kept.add(label(&decision, Source::App, Opinion::Wrong), Vec::new())
            .unwrap();
        kept.forget_texts(|_| true).unwrap();
        let bytes = std::fs::read(folder.path().join("labels.log")).unwrap();
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|w| w == text);
        assert!(!holds(b"who?") && !holds(b"a note") && holds(b"wrong"));
        let counts = kept.of(decision.request_id).unwrap();
        assert_eq!((&counts.question, counts.verdict), (&None, Opinion::Wrong));
    }

    #[test]
    fn texts_of_labels_that_memory_has_no_room_for_leave_the_file_with_any_that_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let kept = book(&folder, 2);
        for question in ["whose?", "who?", "why?"] {
            let decision = Decision {
                request_id: RequestId::fresh(),
                ..sample(question)
            };
            kept.add(label(&decision, Source::App, Opinion::Wrong), Vec::new())
                .unwrap();
        }
        let holds = |text: &[u8]| {
            let bytes = std::fs::read(folder.path().join("labels.log")).unwrap();
            bytes.windows(text.len()).any(|w| w == text)
        };
        assert!(holds(b"whose?"));
        kept.forget_texts(|_| false).unwrap();
        assert!(!holds(b"whose?") && holds(b"why?"));
    }
}
