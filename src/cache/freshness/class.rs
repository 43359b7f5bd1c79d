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
        TtlClass::Never
    } else if said.moves() {
        TtlClass::TimeSensitive
    } else if said.is_settled() {
        TtlClass::Static
    } else {
        TtlClass::Default
    }
}

/// The lists in `class.txt`, by their names there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Fillers,
    Texts,
    Ways,
    Facts,
    Clock,
    ClockBehind,
    Chance,
    Moments,
    Days,
    NotDays,
    OfToday,
    OurTimes,
    Topics,
    Theory,
    Measured,
    Flows,
    AtHand,
    NowBefore,
}

const LISTS: [(&str, List); 18] = [
    ("fillers", List::Fillers),
    ("texts", List::Texts),
    ("ways", List::Ways),
    ("facts", List::Facts),
    ("clock", List::Clock),
    ("clock behind", List::ClockBehind),
    ("chance", List::Chance),
    ("moments", List::Moments),
    ("days", List::Days),
    ("not days", List::NotDays),
    ("of today", List::OfToday),
    ("our times", List::OurTimes),
    ("topics", List::Topics),
    ("theory", List::Theory),
    ("measured", List::Measured),
    ("flows", List::Flows),
    ("at hand", List::AtHand),
    ("now before", List::NowBefore),
];

/// A phrase of a list behind its first word.
type Rest = (List, Vec<&'static str>);

/// All phrases by their first word, so that each word of a question is looked up once.
static PHRASES: LazyLock<HashMap<&'static str, Vec<Rest>>> = LazyLock::new(|| {
    let mut phrases: HashMap<_, Vec<Rest>> = HashMap::new();
    for line in include_str!("class.txt").lines() {
        let Some((name, all)) = line.split_once(": ") else {
            continue;
        };
        let Some((_, list)) = LISTS.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        for phrase in all.split(", ") {
            let mut words = phrase.split(' ');
            let first = words.next().unwrap_or_default();
            phrases
                .entry(first)
                .or_default()
                .push((*list, words.collect()));
        }
    }
    phrases
});

/// A question as its words.
struct Said<'a> {
    words: Vec<&'a str>,
    /// The phrases that each word may begin.
    begun: Vec<&'static [Rest]>,
    /// Where the question itself begins.
    start: usize,
}

impl<'a> Said<'a> {
    fn of(text: &'a str) -> Self {
        let mut words = Vec::with_capacity(32);
        for word in text.split(' ').filter(|w| !w.is_empty()) {
            match word.strip_suffix("'s") {
                Some(head) if SHORTENED.contains(&head) => words.extend([head, "is"]),
                Some(head) => words.extend([head, "'s"]),
                None => words.push(word),
            }
        }
        let none: &'static [Rest] = &[];
        let begun = |word: &&str| PHRASES.get(*word).map_or(none, Vec::as_slice);
        let begun = words.iter().map(begun).collect();
        let mut said = Self {
            words,
            begun,
            start: 0,
        };
        let skipped = |said: &Self| match said.at(said.start) {
            STOP => Some(1),
            _ => said.longest(List::Fillers, said.start),
        };
        while let Some(length) = skipped(&said) {
            said.start += length;
        }
        said
    }

    fn at(&self, i: usize) -> &'a str {
        self.words.get(i).copied().unwrap_or_default()
    }

    /// Words of the longest phrase of a list that begins at `i`.
    fn longest(&self, list: List, i: usize) -> Option<usize> {
        let rest = self.words.get(i + 1..)?;
        let fits = self.begun[i]
            .iter()
            .filter(|(own, more)| *own == list && rest.starts_with(more));
        fits.map(|(_, more)| more.len() + 1).max()
    }

    fn is(&self, list: List, i: usize) -> bool {
        self.longest(list, i).is_some()
    }

    fn begins(&self, list: List) -> bool {
        self.is(list, self.start)
    }

    fn has(&self, list: List) -> bool {
        self.places(list).next().is_some()
    }

    /// Where phrases of a list begin, and where they end.
    fn places(&self, list: List) -> impl Iterator<Item = (usize, usize)> {
        let places = self.start..self.words.len();
        places.filter_map(move |i| Some((i, i + self.longest(list, i)?)))
    }

    /// Whether a clause ends before the word at `i`.
    fn ends(&self, i: usize) -> bool {
        matches!(self.at(i), "" | STOP)
    }

    /// It asks a clock or for chance. Where it asks for a way to do that (`how do I roll a die in Python`) it does not.
    fn wants_another_each_time(&self) -> bool {
        if self.begins(List::Ways) || self.begins(List::Texts) || self.has(List::Theory) {
            return false;
        }
        let clock = self.places(List::Clock).any(|(_, end)| {
            let open = matches!(self.at(end - 1), "until" | "in");
            open || self.ends(end) || self.is(List::ClockBehind, end)
        });
        clock || self.has(List::Chance)
    }

    fn moves(&self) -> bool {
        if self.speaks_of_todays() {
            return true;
        }
        if self.begins(List::Texts) || self.names_a_past_year() || self.has(List::OurTimes) {
            return false;
        }
        if self.begins(List::Ways) {
            // `What does the market look like today?`, and not `How do I print today's date in Python?`.
            return self.has(List::Moments) && !self.has(List::Theory);
        }
        self.names_a_day() || self.is_now() || self.is_current() || self.names_a_topic()
    }

    fn is_settled(&self) -> bool {
        // `What is price elasticity?`
        let defined = self.at(self.start) == "what" && self.at(self.start + 1) == "is";
        let begins = |list| self.begins(list);
        [List::Ways, List::Texts, List::Facts]
            .into_iter()
            .any(begins)
            || defined && self.has(List::Theory)
    }

    /// `today's news`, whatever is to be done with it.
    fn speaks_of_todays(&self) -> bool {
        let todays = |i| self.at(i) == "today" && self.at(i + 1) == "'s";
        (0..self.words.len()).any(|i| todays(i) && self.is(List::OfToday, i + 2))
    }

    fn names_a_day(&self) -> bool {
        !self.has(List::NotDays) && (self.has(List::Moments) || self.has(List::Days))
    }

    /// `Who is in office now?`, and not `Now that it is open …`.
    fn is_now(&self) -> bool {
        let place = (self.start + 1..self.words.len()).find(|i| self.at(*i) == "now");
        place.is_some_and(|i| {
            self.ends(i + 1) || self.is(List::NowBefore, i - 1) && self.at(i + 1) != "that"
        })
    }

    /// `the current president`, and not `an electric current`.
    fn is_current(&self) -> bool {
        let flows = |i: usize| i > 0 && self.is(List::Flows, i - 1);
        let stands = |i: usize| self.ends(i + 1) || self.is(List::AtHand, i + 1);
        let mut places = (self.start..self.words.len()).filter(|i| self.at(*i) == "current");
        places.any(|i| !flows(i) && !stands(i)) && !self.has(List::Theory)
    }

    fn names_a_topic(&self) -> bool {
        let amount = self.at(self.start) == "how" && self.at(self.start + 1) == "much";
        let measured = amount && self.has(List::Measured);
        let plain = !self.has(List::Theory) && !measured && !self.is_over();
        plain && (self.has(List::Topics) || self.is_bare_topic())
    }

    /// `Weather Paris`, `bitcoin price`: typed as into a search box.
    fn is_bare_topic(&self) -> bool {
        let few = self.words.iter().filter(|w| **w != STOP).count() <= 4;
        let bare = |w: &&str| matches!(*w, "weather" | "forecast" | "news" | "price" | "prices");
        few && self.words.iter().any(bare) && self.at(0) != "what"
    }

    /// It asks for what was.
    fn is_over(&self) -> bool {
        let mut asked = self.words.iter().skip(self.start).take(3);
        asked.any(|w| matches!(*w, "was" | "were" | "did"))
    }

    /// The year is no clock's, so that a question's class never changes: one that has become past since then is only
    /// remembered for less long than it could be.
    fn names_a_past_year(&self) -> bool {
        let past = |year: u16| (1000..2024).contains(&year);
        let year = |w: &&str| w.len() == 4 && w.parse().is_ok_and(past);
        self.words.iter().any(year)
    }
}

/// Stands for the end of a clause.
const STOP: &str = ".";

/// Words behind which `'s` is short for `is`.
const SHORTENED: [&str; 7] = ["what", "who", "how", "where", "when", "it", "that"];

/// Small letters, quotations and code left out, ends of clauses as words of their own.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + 16);
    let mut inside = None;
    for c in text.chars() {
        match (inside, c) {
            (Some(end), c) if c == end => inside = None,
            (Some(_), _) => {}
            (None, '"' | '`') => inside = Some(c),
            (None, '\u{201c}') => inside = Some('\u{201d}'),
            (None, '\u{2019}') => plain.push('\''),
            (None, '.' | ',' | '?' | '!' | ';' | ':' | '\n') => plain.push_str(" . "),
            (None, c) if c.is_ascii() && !c.is_ascii_alphanumeric() && c != '\'' => plain.push(' '),
            (None, c) => plain.extend(c.to_lowercase()),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
