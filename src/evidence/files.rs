//! The files of a log of decisions. Two take turns: when one is full the other, which holds the older half,
//! begins anew, so that neither grows without end nor is anything moved about.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::decision::Decision;
use crate::chat::RequestId;
use crate::store::Journal;

/// Two journals that take turns.
pub(super) struct Files {
    files: [Journal; 2],
    /// The requests in each.
    ids: [HashSet<RequestId>; 2],
    current: usize,
    capacity: usize,
}

impl Files {
    /// Opens those called `name`, each for up to `capacity` decisions; gives what they hold, oldest first.
    ///
    /// # Errors
    /// What the file system refuses.
    pub(super) fn open(
        folder: &Path,
        name: &str,
        capacity: usize,
    ) -> io::Result<(Self, Vec<Decision>)> {
        let open = |turn| Journal::open(&folder.join(format!("{name}.{turn}.log")));
        let ((first, a), (second, b)) = (open(0)?, open(1)?);
        let read = |lines: &[Vec<u8>]| -> Vec<Decision> {
            let decisions = lines.iter().map(|line| serde_json::from_slice(line));
            // A line of a build that knew other fields is as good as lost.
            decisions.filter_map(Result::ok).collect()
        };
        let (a_held, b_held) = (read(&a.lines), read(&b.lines));
        let newest = |held: &[Decision]| held.last().map_or(0, |d| d.time_ms);
        let current = usize::from(newest(&b_held) > newest(&a_held));
        let requests = [&a_held, &b_held].map(|held| held.iter().map(|d| d.request_id).collect());
        let mut held = [a_held, b_held].concat();
        held.sort_by_key(|d| d.time_ms);
        let files = Self {
            files: [first, second],
            ids: requests,
            current,
            capacity,
        };
        Ok((files, held))
    }

    /// Lines in both.
    pub(super) fn len(&self) -> usize {
        self.files.iter().map(Journal::len).sum()
    }

    /// Adds decisions.
    ///
    /// # Errors
    /// What the file system refuses; none of them is there then.
    pub(super) fn append(&mut self, decisions: &[Arc<Decision>]) -> io::Result<()> {
        if self.files[self.current].len() >= self.capacity {
            let next = 1 - self.current;
            self.files[next].rewrite(&[])?;
            self.ids[next].clear();
            self.current = next;
        }
        self.files[self.current].append(&lines(decisions))?;
        self.ids[self.current].extend(decisions.iter().map(|d| d.request_id));
        Ok(())
    }

    /// Puts these in the place of all. Each file keeps its own, so that a process that is killed after the first one
    /// has lost none.
    ///
    /// # Errors
    /// What the file system refuses; what was there may be there still.
    pub(super) fn rewrite(&mut self, decisions: &[Arc<Decision>]) -> io::Result<()> {
        let (current, other) = (self.current, 1 - self.current);
        let is_older = |d: &&Arc<Decision>| {
            self.ids[other].contains(&d.request_id) && !self.ids[current].contains(&d.request_id)
        };
        let (older, newer): (Vec<_>, Vec<_>) = decisions.iter().partition(is_older);
        // Both hold texts: the one is written whatever becomes of the other.
        let first = self.replace(other, older);
        self.replace(current, newer)?;
        first
    }

    fn replace(&mut self, file: usize, decisions: Vec<&Arc<Decision>>) -> io::Result<()> {
        self.files[file].rewrite(&lines(decisions.iter().copied()))?;
        self.ids[file] = decisions.iter().map(|d| d.request_id).collect();
        Ok(())
    }
}

fn lines<'a>(decisions: impl IntoIterator<Item = &'a Arc<Decision>>) -> Vec<Vec<u8>> {
    let lines = decisions.into_iter().map(|d| serde_json::to_vec(&**d));
    lines.filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::RequestId;
    use crate::evidence::decision::sample;

    fn some(times: std::ops::Range<u64>) -> Vec<Arc<Decision>> {
        let at = |time_ms| Decision {
            time_ms,
            request_id: RequestId::fresh(),
            ..sample("who?")
        };
        times.map(|time| Arc::new(at(time))).collect()
    }

    fn times(held: &[Decision]) -> Vec<u64> {
        held.iter().map(|d| d.time_ms).collect()
    }

    #[test]
    fn the_newest_are_there_after_a_restart_and_the_files_do_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Files::open(folder.path(), "x", 4).unwrap();
        let (mut files, held) = open();
        assert!(held.is_empty());
        for time in 1..=11 {
            files.append(&some(time..time + 1)).unwrap();
        }
        // 1 to 4 made room for 9 to 11.
        let (mut files, held) = open();
        assert_eq!(times(&held), [5, 6, 7, 8, 9, 10, 11]);
        for time in 12..=13 {
            files.append(&some(time..time + 1)).unwrap();
        }
        let (_, held) = open();
        assert_eq!(times(&held), [9, 10, 11, 12, 13], "it goes on where it was");
    }

    #[test]
    fn a_rewriting_leaves_nothing_else_in_either_file() {
        let folder = tempfile::tempdir().unwrap();
        let (mut files, _) = Files::open(folder.path(), "x", 2).unwrap();
        for time in 1..=3 {
            files.append(&some(time..time + 1)).unwrap();
        }
        files.rewrite(&some(9..10)).unwrap();
        let (_, held) = Files::open(folder.path(), "x", 2).unwrap();
        assert_eq!(times(&held), [9]);
    }

    #[test]
    fn a_rewriting_that_ends_after_the_first_file_has_lost_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (mut files, _) = Files::open(folder.path(), "x", 3).unwrap();
        let all = some(1..6);
        for one in &all {
            files.append(std::slice::from_ref(one)).unwrap();
        }
        for cut_off in ["x.0.log", "x.1.log"] {
            let before = std::fs::read(path(cut_off)).unwrap();
            files.rewrite(&all).unwrap();
            let after = std::fs::read(path(cut_off)).unwrap();
            // As if the process had been killed before it came to this one.
            std::fs::write(path(cut_off), before).unwrap();
            let (_, held) = Files::open(folder.path(), "x", 3).unwrap();
            assert_eq!(times(&held), [1, 2, 3, 4, 5], "{cut_off}");
            std::fs::write(path(cut_off), after).unwrap();
        }
    }
}
