//! How long the answer to a question stays true, by the question's words alone: English, careful with what only sounds
//! like a date. Where nothing is recognised the policy's own time holds. Pure.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::config::TtlClass;

/// Bytes above which a text holds material: what that speaks of is not what is asked.
const LONG: usize = 600;

/// The class of a question.
#[must_use]
pub fn classify(question: &str) -> TtlClass {
    if question.len() > LONG {
        return TtlClass::Default;
    }
    let text = plain(question);
    let said = Said::of(&text);
    if said.wants_another_each_time() {
        return TtlClass::Never;
    }
    if said.moves() {
        return TtlClass::TimeSensitive;
    }
    match said.is_settled() {
        true => TtlClass::Static,
        false => TtlClass::Default,
    }
}

/// A question as its words.
struct Said<'a> {
    words: Vec<&'a str>,
    /// Where the question itself begins.
    start: usize,
}

impl<'a> Said<'a> {
    fn of(text: &'a str) -> Self {
        let words: Vec<&str> = text.split(' ').filter(|w| !w.is_empty()).collect();
        let mut start = 0;
        let length = |at| match words.get(at) {
            Some(&STOP) => Some(1),
            _ => LISTS.fillers.longest_at(&words, at),
        };
        while let Some(length) = length(start) {
            start += length;
        }
        Self { words, start }
    }

    fn begins(&self, phrases: &Phrases) -> bool {
        phrases.longest_at(&self.words, self.start).is_some()
    }

    fn at(&self, i: usize) -> &'a str {
        self.words.get(i).copied().unwrap_or_default()
    }

    /// The word before; none at the beginning.
    fn before(&self, i: usize) -> &'a str {
        i.checked_sub(1).map_or("", |i| self.at(i))
    }

    fn places(&self, phrases: &'a Phrases) -> impl Iterator<Item = (usize, usize)> {
        let length = |i| phrases.longest_at(&self.words, i);
        (self.start..self.words.len()).filter_map(move |i| Some((i, i + length(i)?)))
    }

    /// It asks a clock or for chance. After a way to do that (`how do I roll a die in Python`) it does not.
    fn wants_another_each_time(&self) -> bool {
        if self.begins(&LISTS.ways) || self.is_theory() {
            return false;
        }
        let clock = self.places(&LISTS.clock).any(|(_, end)| {
            let behind = self.at(end);
            behind == STOP
                || behind.is_empty()
                || LISTS.clock_behind.has(behind)
                || self.before(end) == "until"
                || self.before(end) == "in"
        });
        clock || self.places(&LISTS.chance).next().is_some()
    }

    fn moves(&self) -> bool {
        if self.speaks_of_todays() {
            return true;
        }
        if self.begins(&LISTS.ways) && !self.asks_amount() || self.names_a_past_year() {
            return false;
        }
        self.names_a_day() || self.is_now() || self.is_current() || self.names_a_topic()
    }

    /// `today's news`, whatever is to be done with it.
    fn speaks_of_todays(&self) -> bool {
        (0..self.words.len()).any(|i| {
            self.at(i) == "today" && self.at(i + 1) == "'s" && LISTS.of_today.has(self.at(i + 2))
        })
    }

    fn is_settled(&self) -> bool {
        // `What is price elasticity?`
        let defined = self.at(self.start) == "what" && self.at(self.start + 1) == "is";
        self.begins(&LISTS.ways) || self.begins(&LISTS.facts) || defined && self.is_theory()
    }

    fn names_a_day(&self) -> bool {
        // `Why is it still used today?`
        let still = self.words.contains(&"still") || self.words.contains(&"used");
        let looks = self.places(&LISTS.not_days).next().is_some();
        !still && !looks && self.places(&LISTS.days).next().is_some()
    }

    /// `Who is in office now?`, and not `Now that it is open …`.
    fn is_now(&self) -> bool {
        let place = (self.start + 1..self.words.len()).find(|i| self.at(*i) == "now");
        place.is_some_and(|i| {
            let ends = matches!(self.at(i + 1), "" | STOP);
            ends || LISTS.now_before.has(self.before(i)) && self.at(i + 1) != "that"
        })
    }

    fn is_current(&self) -> bool {
        (self.start..self.words.len()).any(|i| {
            let behind = self.at(i + 1);
            self.at(i) == "current"
                && !LISTS.flows.has(self.before(i))
                && !LISTS.at_hand.has(behind)
                && !matches!(behind, "" | STOP)
                && !self.is_theory()
        })
    }

    fn names_a_topic(&self) -> bool {
        let measured = self.asks_amount() && self.words.iter().any(|w| LISTS.measured.has(w));
        let plain = !self.is_theory() && !measured && !self.is_over();
        plain && (self.places(&LISTS.topics).next().is_some() || self.is_bare_topic())
    }

    /// `Weather Paris`, `bitcoin price`: typed as into a search box.
    fn is_bare_topic(&self) -> bool {
        let few = self.words.iter().filter(|w| **w != STOP).count() <= 4;
        few && self
            .words
            .iter()
            .any(|w| matches!(*w, "weather" | "forecast" | "news" | "price" | "prices"))
            && !self.begins(&LISTS.ways)
            && self.words.first().is_some_and(|w| *w != "what")
    }

    fn asks_amount(&self) -> bool {
        self.at(self.start) == "how" && self.at(self.start + 1) == "much"
    }

    fn is_theory(&self) -> bool {
        self.words.iter().any(|w| LISTS.theory.has(w))
    }

    /// It asks for what was.
    fn is_over(&self) -> bool {
        let asked = self.words.iter().skip(self.start).take(3);
        asked
            .into_iter()
            .any(|w| matches!(*w, "was" | "were" | "did"))
    }

    fn names_a_past_year(&self) -> bool {
        let year =
            |w: &&str| w.len() == 4 && w.parse::<u16>().is_ok_and(|y| (1000..2024).contains(&y));
        self.words.iter().any(year)
    }
}

/// Stands for the end of a clause.
const STOP: &str = ".";

/// Small letters, contractions written out, quotations and code left out, ends of clauses as words of their own.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + 8);
    let mut inside = None;
    for c in text.chars() {
        match (inside, c) {
            (Some(end), c) if c == end => inside = None,
            (Some(_), _) => {}
            (None, '"' | '`') => inside = Some(c),
            (None, '\u{201c}') => inside = Some('\u{201d}'),
            (None, '\u{2019}') => plain.push('\''),
            (None, '.' | ',' | '?' | '!' | ';' | ':' | '\n') => plain.push_str(" . "),
            (None, c) if c.is_alphanumeric() || c == '\'' => plain.extend(c.to_lowercase()),
            _ => plain.push(' '),
        }
    }
    let mut plain = plain.replace("'s", " 's");
    for word in ["what", "who", "how", "where", "when", "it", "that"] {
        let short = format!("{word} 's ");
        if plain.contains(&short) {
            plain = plain.replace(&short, &format!("{word} is "));
        }
    }
    plain
}

/// Phrases by their first word.
struct Phrases(HashMap<&'static str, Vec<Vec<&'static str>>>);

impl Phrases {
    /// Words of the longest phrase that begins at `i`.
    fn longest_at(&self, words: &[&str], i: usize) -> Option<usize> {
        let first = words.get(i)?;
        let rest = &words[i + 1..];
        let fits = self
            .0
            .get(first)?
            .iter()
            .filter(|phrase| rest.starts_with(phrase));
        fits.map(|phrase| phrase.len() + 1).max()
    }

    /// Whether a word is one of them.
    fn has(&self, word: &str) -> bool {
        self.0
            .get(word)
            .is_some_and(|rests| rests.iter().any(Vec::is_empty))
    }
}

struct Lists {
    fillers: Phrases,
    ways: Phrases,
    facts: Phrases,
    clock: Phrases,
    clock_behind: Phrases,
    chance: Phrases,
    days: Phrases,
    not_days: Phrases,
    of_today: Phrases,
    topics: Phrases,
    theory: Phrases,
    measured: Phrases,
    flows: Phrases,
    at_hand: Phrases,
    now_before: Phrases,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| Lists {
    fillers: list("fillers"),
    ways: list("ways"),
    facts: list("facts"),
    clock: list("clock"),
    clock_behind: list("clock behind"),
    chance: list("chance"),
    days: list("days"),
    not_days: list("not days"),
    of_today: list("of today"),
    topics: list("topics"),
    theory: list("theory"),
    measured: list("measured"),
    flows: list("flows"),
    at_hand: list("at hand"),
    now_before: list("now before"),
});

/// One of the lists in `class.txt`; empty where it is not there, which a test excludes.
fn list(name: &str) -> Phrases {
    let mut lines = include_str!("class.txt")
        .lines()
        .filter(|l| !l.starts_with('#'));
    let phrases = lines.find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
    let mut by_first: HashMap<_, Vec<Vec<_>>> = HashMap::new();
    for phrase in phrases.into_iter().flat_map(|all| all.split(", ")) {
        let mut words = phrase.split(' ');
        let first = words.next().unwrap_or_default();
        by_first.entry(first).or_default().push(words.collect());
    }
    Phrases(by_first)
}

#[cfg(test)]
mod tests;
