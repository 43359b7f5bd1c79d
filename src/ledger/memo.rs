//! What names resolved to, remembered and read without a lock. Clients invent
//! names, so what they can make us keep is bounded.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

/// Names remembered, each up to [`MAX_NAME`] bytes.
const MAX_NAMES: usize = 512;
const MAX_NAME: usize = 128;

type Known<T> = HashMap<Box<str>, Option<T>>;

#[derive(Debug)]
pub(super) struct Memo<T>(ArcSwap<Known<T>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(Known::new()))
    }
}

impl<T: Copy> Memo<T> {
    /// What `name` resolved to before, or what `find` says now.
    pub(super) fn get(&self, name: &str, find: impl FnOnce() -> Option<T>) -> Option<T> {
        if let Some(known) = self.0.load().get(name) {
            return *known;
        }
        let found = find();
        self.remember(name, found);
        found
    }

    /// Copies the map to add to it: new names are rare and readers never wait.
    fn remember(&self, name: &str, found: Option<T>) {
        if name.len() > MAX_NAME || self.0.load().len() >= MAX_NAMES {
            return;
        }
        self.0.rcu(|known| {
            let mut known = Known::clone(known);
            known.insert(name.into(), found);
            Arc::new(known)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_once_whether_or_not_it_is_found() {
        let memo = Memo::default();
        assert_eq!(memo.get("a", || Some(1)), Some(1));
        assert_eq!(memo.get("a", || Some(2)), Some(1));
        assert_eq!(memo.get("b", || None), None);
        assert_eq!(memo.get("b", || Some(2)), None);
    }

    #[test]
    fn invented_names_do_not_fill_the_memory() {
        let memo = Memo::default();
        for i in 0..2 * MAX_NAMES {
            assert_eq!(memo.get(&format!("model-{i}"), || Some(i)), Some(i));
        }
        let long = "x".repeat(MAX_NAME + 1);
        let memo_of_long = Memo::default();
        assert_eq!(memo_of_long.get(&long, || Some(1)), Some(1));
        assert_eq!(memo.0.load().len(), MAX_NAMES);
        assert!(memo_of_long.0.load().is_empty());
    }
}
