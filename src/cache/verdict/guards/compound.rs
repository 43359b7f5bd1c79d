//! Two words side by side that change places: another thing (`milk chocolate`, `chocolate milk`), or the same where one
//! is said of the other or both of a third. Part of the guard of order.

use super::lexicon::Family;
use super::pair::Pair;
use super::reading::Reading;
use super::subject::{BEING, HELPING};
use super::swap::{bare, is_plural, same};
use super::token::{Capital, Kind, Token};

/// Words that say how, when or where, and stand anywhere: `open late`.
const PLACED: [&str; 32] = [
    "all",
    "both",
    "each",
    "abroad",
    "again",
    "alone",
    "always",
    "early",
    "everywhere",
    "fast",
    "first",
    "home",
    "indoors",
    "inside",
    "last",
    "late",
    "later",
    "near",
    "nearby",
    "never",
    "often",
    "online",
    "open",
    "outdoors",
    "outside",
    "overseas",
    "possible",
    "sometimes",
    "soon",
    "straight",
    "together",
    "usually",
];
/// Words that stand behind their thing where a verb leaves it so: `eat salmon raw`, `eat raw salmon`.
const SAID: [&str; 62] = [
    "alive",
    "big",
    "black",
    "blue",
    "bold",
    "broken",
    "brown",
    "cheap",
    "clear",
    "cold",
    "cool",
    "crispy",
    "dark",
    "dead",
    "dry",
    "empty",
    "famous",
    "free",
    "fresh",
    "frozen",
    "full",
    "global",
    "good",
    "great",
    "green",
    "grown",
    "happy",
    "hard",
    "healthy",
    "high",
    "hot",
    "important",
    "italic",
    "large",
    "live",
    "local",
    "long",
    "loud",
    "low",
    "moist",
    "plain",
    "private",
    "public",
    "raw",
    "red",
    "safe",
    "short",
    "slow",
    "small",
    "soft",
    "spicy",
    "strong",
    "sweet",
    "tender",
    "thick",
    "thin",
    "transparent",
    "vegan",
    "warm",
    "wet",
    "white",
    "yellow",
];
/// Verbs that leave a thing in some state: `make a cake vegan`.
const MAKING: [&str; 24] = [
    "colour", "color", "cook", "drink", "dye", "eat", "get", "getting", "have", "keep", "keeping",
    "leave", "like", "make", "makes", "making", "need", "paint", "prefer", "render", "serve",
    "set", "turn", "want",
];
/// Owners, behind which a thing begins as behind an article.
pub(super) const OWNERS: [&str; 6] = ["my", "your", "his", "her", "our", "their"];

/// Whether a word may stand elsewhere without another sense: it says how, when or where, or is a name.
fn is_loose(reading: &Reading, at: usize) -> bool {
    let token = &reading.tokens()[at];
    let ending = ["ly", "ed", "ing"]
        .iter()
        .any(|end| token.lower.ends_with(end));
    let named = [Family::Name, Family::Time].into_iter().any(|family| {
        let mut marks = reading.marks(family);
        marks.any(|mark| (mark.first..mark.first + mark.count).contains(&at))
    });
    let capital = token.capital != Capital::None && !token.starts && !reading.is_titled();
    token.stop || token.kind != Kind::Word || ending || named || capital || token.is_of(&PLACED)
}

/// A text, its words but for articles, and where in it the first of two words stands that change places.
struct Turned<'a> {
    tokens: &'a [Token],
    words: &'a [usize],
    at: usize,
}

impl Turned<'_> {
    fn word(&self, at: usize) -> Option<&Token> {
        self.words.get(at).map(|i| &self.tokens[*i])
    }

    /// The word before the two, and whether an article or an owner is between.
    fn led(&self) -> Option<(&Token, bool)> {
        let owned = |t: &Token| t.is_of(&OWNERS);
        let before = self.word(self.at.checked_sub(1)?)?;
        if owned(before) {
            return self.word(self.at.checked_sub(2)?).map(|t| (t, true));
        }
        let gap = self.words[self.at] > self.words[self.at - 1] + 1;
        Some((before, gap))
    }

    /// Whether nothing but small words or adverbs follows a word.
    fn ends(&self, at: usize) -> bool {
        self.word(at + 1)
            .is_none_or(|t| t.stop || t.lower.ends_with("ly") || t.is_of(&PLACED))
    }

    /// `make a cake vegan`, `drink coffee black`, `why is the sky blue`: the second word is said of the first.
    fn is_said(&self, other: &Self) -> bool {
        let Some((verb, _)) = self.led() else {
            return false;
        };
        let [first, second] = [self.at, self.at + 1].map(|at| &self.tokens[self.words[at]]);
        // "Get a work visa", "get visa work": what is no thing in one text is another word there.
        let thing = |of: &Self| of.led().is_some_and(|(_, thing)| thing);
        let things = thing(self) && thing(other) || is_plural(first);
        let making = verb.is_of(&MAKING) && things;
        let acts = !verb.stop || verb.is_of(&MAKING);
        let being = verb.is_of(&BEING) && !self.tokens[0].is_of(&["what", "which"]);
        self.ends(self.at + 1) && (making || second.is_of(&SAID) && (acts || being))
    }

    /// `organic cotton shirt`: both belong to the thing behind them, in any order; but `sugar free gum`.
    fn is_heaped(&self) -> bool {
        let at = self.at + 2;
        let Some(thing) = self.word(at) else {
            return false;
        };
        let ending = ["ed", "ing"].iter().any(|end| thing.lower.ends_with(end));
        let done =
            thing.stop || ending || thing.is_of(&["made", "sold", "bought", "eaten", "kept"]);
        // "Show hidden files", "hide shown files": the first is what is done.
        let act = self
            .led()
            .is_some_and(|(t, _)| t.is_of(&["i", "you", "we", "they", "to"]));
        let free = (self.at..at).any(|at| self.word(at).is_some_and(|t| t.is("free")));
        let asked = self.at > 1 && self.tokens[0].is_of(&["what", "which", "who"]);
        let much = self
            .tokens
            .get(1)
            .is_some_and(|t| t.is_of(&["much", "many"]));
        // "How does milk chocolate taste?", "Is milk chocolate sweet?": the last word is no thing.
        let says = self.led().is_some_and(|(t, _)| t.is_of(&HELPING)) && !asked && !much;
        !(done || act || free || says && self.ends(at))
    }
}

/// `milk chocolate`, `chocolate milk`: two nouns side by side, of which the second is the thing and the first its sort.
pub(super) fn is_recompounded(pair: &Pair<'_>) -> bool {
    if pair.places() == 0 || pair.strays() != (0, 0) {
        return false;
    }
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    let (x, y) = (bare(a), bare(b));
    let meet = |i: usize, j: usize| same(&a[x[i]], &b[y[j]]);
    let n = x.len();
    let at = (0..n.min(y.len())).take_while(|i| meet(*i, *i)).count();
    let turned = n == y.len()
        && at + 1 < n
        && meet(at, at + 1)
        && meet(at + 1, at)
        && (at + 2..n).all(|i| meet(i, i));
    turned && {
        let before = at.checked_sub(1).map(|i| &a[x[i]]);
        let asks = before.is_none_or(|t| {
            t.is_of(&[
                "how", "what", "when", "where", "which", "who", "whose", "why",
            ])
        });
        // "Is London big?", and a few words thrown to a search.
        let says = at == 1 && n == 3;
        let query = a.iter().all(|t| !t.stop);
        let loose = (at..at + 2).any(|i| is_loose(pair.a, x[i]) || is_loose(pair.b, y[i]));
        let either = [(a, &x), (b, &y)].map(|(tokens, words)| Turned { tokens, words, at });
        let free =
            either[0].is_heaped() || either[0].is_said(&either[1]) || either[1].is_said(&either[0]);
        !asks && !says && !query && !loose && !free
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn nouns_side_by_side_the_other_way_round_are_another_thing() {
        for (a, b) in [
            ("How is chocolate milk made?", "How is milk chocolate made?"),
            ("What is a race car?", "What is a car race?"),
            ("What is contract work?", "What is a work contract?"),
            ("What is a school night?", "What is a night school?"),
            ("How do I show hidden files?", "How do I hide shown files?"),
        ] {
            different("direction", a, b);
        }
    }

    #[test]
    fn what_is_said_of_a_thing_stands_behind_it_where_a_verb_leaves_it_so() {
        for (a, b) in [
            ("How do I make a cake vegan?", "How do I make a vegan cake?"),
            (
                "How do I make an essay longer?",
                "How do I make a longer essay?",
            ),
            (
                "How do I make my eggs runny?",
                "How do I make my runny eggs?",
            ),
            (
                "How do I make the website accessible?",
                "How do I make an accessible website?",
            ),
            (
                "How do I make text bold in Word?",
                "How do I make bold text in Word?",
            ),
            (
                "Where can I watch movies free?",
                "Where can I watch free movies?",
            ),
            ("Why is the sky blue?", "Why is blue the sky?"),
            ("Are the cats all black?", "Are all the cats black?"),
        ] {
            survives(a, b);
        }
        for (a, b) in [
            ("What is a green light?", "What is a light green?"),
            ("What is a cold sore?", "What is a sore cold?"),
            ("Is sugar free gum bad?", "Is free sugar gum bad?"),
            (
                "Where can I get sugar free gum?",
                "Where can I get free sugar gum?",
            ),
            (
                "How do I make milk chocolate?",
                "How do I make chocolate milk?",
            ),
        ] {
            different("direction", a, b);
        }
    }

    #[test]
    fn two_words_before_their_thing_change_places_freely() {
        for (a, b) in [
            (
                "Where can I buy an organic cotton shirt?",
                "Where can I buy a cotton organic shirt?",
            ),
            (
                "What is the Amazon standard delivery fee?",
                "What is the Amazon delivery standard fee?",
            ),
            (
                "How much is a standard delivery fee?",
                "How much is a delivery standard fee?",
            ),
            ("Is the big red house old?", "Is the red big house old?"),
        ] {
            survives(a, b);
        }
        for (a, b) in [
            (
                "How does milk chocolate taste?",
                "How does chocolate milk taste?",
            ),
            ("Is milk chocolate sweet?", "Is chocolate milk sweet?"),
        ] {
            different("direction", a, b);
        }
    }
}
