//! Jobs in the order in which they are asked: tenants take turns. Knows keys, not what they stand for.

use std::collections::{HashMap, VecDeque};

/// Keys that wait, by tenant, and how many of each have not ended.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    turns: VecDeque<(String, VecDeque<Vec<u8>>)>,
    unfinished: HashMap<String, usize>,
    all: usize,
}

impl Waiting {
    /// Jobs of a tenant that have not ended, and of all.
    pub(super) fn unfinished(&self, tenant: &str) -> (usize, usize) {
        (self.unfinished.get(tenant).copied().unwrap_or(0), self.all)
    }

    /// One that has not ended comes in.
    pub(super) fn count(&mut self, tenant: &str) {
        *self.unfinished.entry(tenant.to_owned()).or_default() += 1;
        self.all += 1;
    }

    /// One has ended.
    pub(super) fn over(&mut self, tenant: &str) {
        if let Some(count) = self.unfinished.get_mut(tenant) {
            *count -= 1;
            self.all -= 1;
            if *count == 0 {
                self.unfinished.remove(tenant);
            }
        }
    }

    pub(super) fn push(&mut self, tenant: &str, key: Vec<u8>) {
        match self.turns.iter_mut().find(|(t, _)| t == tenant) {
            Some((_, keys)) => keys.push_back(key),
            None => self.turns.push_back((tenant.to_owned(), [key].into())),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        let (tenant, mut keys) = self.turns.pop_front()?;
        let key = keys.pop_front();
        if !keys.is_empty() {
            self.turns.push_back((tenant, keys));
        }
        key
    }

    /// Takes one out of its turn; says whether it waited.
    pub(super) fn take(&mut self, tenant: &str, key: &[u8]) -> bool {
        let Some(at) = self.turns.iter().position(|(t, _)| t == tenant) else {
            return false;
        };
        let Some((_, keys)) = self.turns.get_mut(at) else {
            return false;
        };
        let before = keys.len();
        keys.retain(|other| other != key);
        let (taken, empty) = (keys.len() < before, keys.is_empty());
        if empty {
            self.turns.remove(at);
        }
        taken
    }

    pub(super) fn len(&self) -> usize {
        self.turns.iter().map(|(_, keys)| keys.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_take_turns_however_much_one_sends() {
        let mut waiting = Waiting::default();
        for (tenant, key) in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1")] {
            waiting.push(tenant, key.into());
            waiting.count(tenant);
        }
        assert!(waiting.take("a", b"a2") && !waiting.take("a", b"a2"));
        assert_eq!(waiting.len(), 3);
        let order: Vec<_> = std::iter::from_fn(|| waiting.pop()).collect();
        assert_eq!(order, [b"a1", b"b1", b"a3"]);
        assert_eq!(waiting.unfinished("a"), (3, 4));
        waiting.over("b");
        assert_eq!(waiting.unfinished("b"), (0, 3));
    }
}
