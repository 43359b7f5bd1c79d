//! The entries of each bound in the order in which they go. Pure: knows neither store nor policies.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Serialize;

use super::split::{Bound, Split};

/// Names a line; never used again for another one.
pub(super) type Number = u32;

/// Ids that have left and may stand in a line, however few live in it: tidying sooner would not be worth it.
const SLACK: usize = 64;

/// How much is taken of a bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// The namespace.
    pub namespace: String,
    /// The pattern of models whose room it is; none: all others'.
    pub models: Option<String>,
    /// Entries that are remembered in it, as far as they are counted.
    pub entries: usize,
    /// How many those may be.
    pub capacity_entries: u64,
    /// Whether what was remembered before this was known is counted.
    pub counted: bool,
}

/// How far the counting of what was there before has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counting {
    Waits,
    UnderWay,
    Done,
}

/// The entries of a bound.
#[derive(Debug)]
struct Line {
    namespace: String,
    models: Option<String>,
    capacity: u64,
    /// Who goes first is in front. Some have left already, which is found out when they get there.
    order: VecDeque<u64>,
    /// How many have not left.
    entries: usize,
    counting: Counting,
}

impl Line {
    /// Whether there are too many once `more` have come; not before it is known who the oldest are.
    fn is_over(&self, more: usize) -> bool {
        self.counting == Counting::Done && (self.entries + more) as u64 > self.capacity
    }

    fn taken(&self) -> Taken {
        Taken {
            namespace: self.namespace.clone(),
            models: self.models.clone(),
            entries: self.entries,
            capacity_entries: self.capacity,
            counted: self.counting == Counting::Done,
        }
    }
}

/// What is left of a line whose bound is there no more.
#[derive(Debug)]
pub(super) struct Closed {
    number: Number,
    order: VecDeque<u64>,
}

/// All lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Of namespaces with a bound.
    splits: HashMap<String, Split>,
    lines: BTreeMap<Number, Line>,
    /// In which line an entry stands; what has left stands in none.
    places: HashMap<u64, Number>,
    last: Number,
    /// The last id that was read for those that are being counted.
    read: u64,
}

impl Lines {
    /// The line of a model in a namespace, if it has a bound.
    pub(super) fn of(&self, namespace: &str, model: &str) -> Option<Number> {
        self.splits.get(namespace)?.of(model)
    }

    /// Takes over the bounds by namespace; gives the lines that are there no more, for [`Lines::forget`].
    pub(super) fn follow(&mut self, bounds: HashMap<&str, Bound>) -> Vec<Closed> {
        let mut before = std::mem::take(&mut self.splits);
        let mut over = Vec::new();
        for (namespace, bound) in bounds {
            let entry = before.remove_entry(namespace);
            let (name, old) = entry.unwrap_or_else(|| (namespace.to_owned(), Split::default()));
            let split = match old.bound == bound {
                true => old,
                false => self.split(namespace, bound, old, &mut over),
            };
            self.splits.insert(name, split);
        }
        over.extend(
            before
                .into_values()
                .flat_map(|split| split.lines.into_values()),
        );
        over.iter()
            .filter_map(|number| self.close(*number))
            .collect()
    }

    /// Keeps the old lines that hold the same entries under another bound, and opens the others; what is left is over.
    fn split(
        &mut self,
        namespace: &str,
        bound: Bound,
        mut old: Split,
        over: &mut Vec<Number>,
    ) -> Split {
        if !old.bound.parts_as(&bound) {
            over.extend(std::mem::take(&mut old.lines).into_values());
        }
        let mut lines = BTreeMap::new();
        for (pattern, capacity) in bound.capacities() {
            let models = pattern.cloned();
            let kept = old.lines.remove(&models);
            let number = kept.unwrap_or_else(|| self.open(namespace, models.clone()));
            if let Some(line) = self.lines.get_mut(&number) {
                line.capacity = capacity;
            }
            lines.insert(models, number);
        }
        over.extend(old.lines.into_values());
        Split::new(bound, lines)
    }

    fn open(&mut self, namespace: &str, models: Option<String>) -> Number {
        self.last += 1;
        let line = Line {
            namespace: namespace.to_owned(),
            models,
            capacity: u64::MAX,
            order: VecDeque::new(),
            entries: 0,
            counting: Counting::Waits,
        };
        self.lines.insert(self.last, line);
        self.last
    }

    fn close(&mut self, number: Number) -> Option<Closed> {
        let order = self.lines.remove(&number)?.order;
        Some(Closed { number, order })
    }

    /// Forgets up to `limit` places of a closed line; says whether there are more.
    pub(super) fn forget(&mut self, closed: &mut Closed, limit: usize) -> bool {
        for id in closed.order.drain(..limit.min(closed.order.len())) {
            if self.places.get(&id) == Some(&closed.number) {
                self.places.remove(&id);
            }
        }
        !closed.order.is_empty()
    }

    /// Puts a new entry behind all others.
    pub(super) fn join(&mut self, number: Number, id: u64) {
        if let Some(line) = self.lines.get_mut(&number)
            // It may stand in a closed line that is not forgotten yet.
            && self.places.insert(id, number) != Some(number)
        {
            line.order.push_back(id);
            line.entries += 1;
        }
    }

    /// Takes an entry out, wherever it stands.
    pub(super) fn leave(&mut self, id: u64) {
        let Some(number) = self.places.remove(&id) else {
            return;
        };
        if let Some(line) = self.lines.get_mut(&number) {
            line.entries -= 1;
            if line.order.len() > 2 * line.entries + SLACK {
                line.order.retain(|id| self.places.get(id) == Some(&number));
            }
        }
    }

    /// Looks at up to `looks` entries of a line that has too many, or would have once `more` have come: one that is to
    /// be spared gets behind all others, another one leaves and is given back. `spare` says which, and nothing of one
    /// that has gone.
    pub(super) fn shorten(
        &mut self,
        number: Number,
        more: usize,
        looks: usize,
        spare: impl Fn(u64) -> Option<bool>,
    ) -> Vec<u64> {
        let mut goes = Vec::new();
        let Some(line) = self.lines.get_mut(&number) else {
            return goes;
        };
        for _ in 0..looks {
            let front = line.order.front().copied();
            let Some(id) = front.filter(|_| line.is_over(more)) else {
                break;
            };
            line.order.pop_front();
            if self.places.get(&id) != Some(&number) {
                continue;
            }
            let spared = spare(id);
            if spared == Some(true) {
                line.order.push_back(id);
                continue;
            }
            self.places.remove(&id);
            line.entries -= 1;
            goes.extend(spared.map(|_| id));
        }
        goes
    }

    /// Shortens a line that has too many; none: there is no such line.
    pub(super) fn shorten_any(
        &mut self,
        looks: usize,
        spare: impl Fn(u64) -> Option<bool>,
    ) -> Option<Vec<u64>> {
        let mut all = self.lines.iter();
        let (number, _) = all.find(|(_, line)| line.is_over(0))?;
        Some(self.shorten(*number, 0, looks, spare))
    }

    /// After which id the store is to be read next for what has to be counted, if anything has.
    pub(super) fn next_to_read(&mut self) -> Option<u64> {
        if !self
            .lines
            .values()
            .any(|l| l.counting == Counting::UnderWay)
        {
            let mut waiting = self
                .lines
                .values_mut()
                .filter(|line| line.counting == Counting::Waits)
                .peekable();
            waiting.peek()?;
            waiting.for_each(|line| line.counting = Counting::UnderWay);
            self.read = 0;
        }
        Some(self.read)
    }

    /// Counts an entry that was read.
    pub(super) fn found(&mut self, namespace: &str, model: &str, id: u64) {
        let number = self.of(namespace, model);
        let line = number.and_then(|number| Some((number, self.lines.get(&number)?)));
        if let Some((number, line)) = line
            && line.counting == Counting::UnderWay
        {
            self.join(number, id);
        }
    }

    /// Takes note of how far the store was read; none: to its end.
    pub(super) fn have_read(&mut self, upto: Option<u64>) {
        self.read = upto.unwrap_or(0);
        if upto.is_some() {
            return;
        }
        for line in self.lines.values_mut() {
            if line.counting == Counting::UnderWay {
                line.counting = Counting::Done;
                // Those that came meanwhile stand among older ones. Ids are given out in order.
                line.order.make_contiguous().sort();
            }
        }
    }

    /// How much is taken of each bound, by namespace.
    pub(super) fn taken(&self) -> Vec<Taken> {
        let mut all: Vec<Taken> = self.lines.values().map(Line::taken).collect();
        all.sort_unstable_by(|a, b| (&a.namespace, &a.models).cmp(&(&b.namespace, &b.models)));
        all
    }

    /// The same of the models of a pattern in a namespace, or of those without room of their own.
    pub(super) fn taken_by(&self, namespace: &str, pattern: Option<&str>) -> Option<Taken> {
        let split = self.splits.get(namespace)?;
        let number = pattern.map_or_else(|| split.rest(), |p| split.of_pattern(p));
        self.lines.get(&number?).map(Line::taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bounds of namespaces as a whole.
    fn bounds<const N: usize>(all: [(&str, u64); N]) -> HashMap<&str, Bound> {
        let bound = |rest| Bound::new(rest, std::iter::empty()).unwrap();
        HashMap::from(all.map(|(namespace, rest)| (namespace, bound(rest))))
    }

    /// Lines of one namespace that holds these ids.
    fn held(capacity: u64, ids: impl IntoIterator<Item = u64>) -> (Lines, Number) {
        let mut lines = Lines::default();
        lines.follow(bounds([("a", capacity)]));
        assert_eq!(lines.next_to_read(), Some(0));
        ids.into_iter().for_each(|id| lines.found("a", "m", id));
        lines.have_read(None);
        let number = lines.of("a", "m").unwrap();
        (lines, number)
    }

    fn nobody(_: u64) -> Option<bool> {
        Some(false)
    }

    #[test]
    fn the_oldest_that_was_not_served_goes_and_never_the_one_that_comes() {
        let (mut lines, line) = held(3, 1..=3);
        let goes = lines.shorten(line, 1, 9, |id| Some(id == 1));
        assert_eq!(goes, [2]);
        lines.join(line, 4);
        assert_eq!(lines.shorten(line, 1, 9, nobody), [3]);
        lines.join(line, 5);
        assert_eq!(lines.shorten(line, 1, 9, nobody), [1], "it was served");
        assert_eq!(lines.taken_by("a", None).unwrap().entries, 2);
    }

    #[test]
    fn where_all_were_served_a_look_ends_and_the_next_finds_who_goes() {
        let (mut lines, line) = held(3, 1..=4);
        assert!(lines.shorten(line, 0, 4, |_| Some(true)).is_empty());
        assert_eq!(lines.shorten_any(4, nobody), Some(vec![1]));
        assert_eq!(lines.shorten_any(4, nobody), None);
    }

    #[test]
    fn what_has_gone_makes_room_and_is_not_given_back() {
        let (mut lines, line) = held(2, 1..=4);
        lines.leave(1);
        assert!(lines.shorten(line, 0, 9, |_| None).is_empty());
        assert_eq!(lines.taken_by("a", None).unwrap().entries, 2);
        (3..=4).for_each(|id| lines.leave(id));
        lines.leave(4);
        assert_eq!(lines.taken_by("a", None).unwrap().entries, 0);
    }

    #[test]
    fn a_line_does_not_keep_those_that_have_left() {
        let (mut lines, line) = held(1000, 1..=1000);
        (1..=990).for_each(|id| lines.leave(id));
        assert!(lines.lines[&line].order.len() <= 2 * 10 + SLACK);
        lines.follow(bounds([("a", 9)]));
        assert_eq!(lines.shorten(line, 0, 9000, nobody), [991]);
    }

    #[test]
    fn nothing_goes_before_all_are_counted_and_then_the_oldest_do() {
        let mut lines = Lines::default();
        lines.follow(bounds([("a", 2)]));
        let line = lines.of("a", "m").unwrap();
        lines.join(line, 7);
        assert_eq!(lines.next_to_read(), Some(0));
        for id in [3, 4] {
            lines.found("a", "m", id);
        }
        lines.have_read(Some(4));
        assert_eq!(
            (lines.next_to_read(), lines.shorten_any(9, nobody)),
            (Some(4), None)
        );
        lines.follow(bounds([("a", 2), ("b", 1)]));
        for id in [7, 8] {
            lines.found("a", "m", id);
        }
        lines.found("b", "m", 9);
        lines.have_read(None);
        assert_eq!(lines.shorten_any(9, nobody), Some(vec![3, 4]));
        let b = lines.taken_by("b", None).unwrap();
        assert!(!b.counted && b.entries == 0, "its turn comes next");
        assert_eq!(lines.next_to_read(), Some(0));
    }

    #[test]
    fn without_a_bound_nothing_is_known() {
        let (mut lines, _) = held(2, 1..=9);
        let mut closed = lines.follow(HashMap::new());
        assert!(lines.forget(&mut closed[0], 5) && !lines.forget(&mut closed[0], 5));
        assert!(lines.places.is_empty() && lines.taken().is_empty());
        assert_eq!(lines.next_to_read(), None);
    }

    /// Bounds of one namespace: of the rest, and of a pattern.
    fn parted(rest: u64, pattern: &str, own: Option<u64>) -> HashMap<&'static str, Bound> {
        let pattern = pattern.to_owned();
        let models = std::iter::once((&pattern, own));
        HashMap::from([("a", Bound::new(rest, models).unwrap())])
    }

    #[test]
    fn patterns_count_anew_only_where_they_tell_entries_apart_otherwise() {
        let (mut lines, line) = held(9, 1..=3);
        assert!(lines.follow(parted(8, "x*", None)).is_empty());
        assert_eq!(lines.taken_by("a", None).unwrap().capacity_entries, 8);
        assert_eq!(lines.of("a", "x1"), Some(line), "no pattern says anything");
        assert_eq!(lines.follow(parted(8, "x*", Some(0))).len(), 1);
        assert_eq!(lines.of("a", "x1"), None);
        let rest = lines.of("a", "m");
        assert!(rest.is_some() && rest != Some(line));
        assert!(lines.follow(parted(8, "x*", Some(5))).is_empty());
        assert_eq!(lines.of("a", "m"), rest, "the rest is the same");
        let own = lines.of("a", "x1");
        assert_eq!(lines.follow(parted(0, "x*", Some(6))).len(), 1);
        assert_eq!((lines.of("a", "x1"), lines.of("a", "m")), (own, None));
    }

    #[test]
    fn who_stands_in_a_closed_line_joins_another_one_at_once() {
        let (mut lines, _) = held(9, 1..=2);
        let mut closed = lines.follow(parted(9, "x*", Some(5)));
        let number = lines.of("a", "m").unwrap();
        lines.join(number, 2);
        assert!(!lines.forget(&mut closed[0], 9));
        assert_eq!(lines.taken_by("a", None).unwrap().entries, 1);
        lines.leave(2);
        assert_eq!(lines.taken_by("a", None).unwrap().entries, 0);
    }
}
