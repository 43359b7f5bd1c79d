//! Which words are opposites: by two lists, and by what they begin or end with. Knows nothing of
//! texts.

use std::sync::LazyLock;

use super::lexicon::{Keys, join};
use super::token::{Kind, Token};
use super::words::{hash, stem};

/// Written by hand.
const COMMON: &str = include_str!("lists/antonyms.txt");
/// The same, of words with other senses too.
const PLACED: &str = include_str!("lists/placed.txt");
/// The same of things that come in twos: `debit`, `credit`.
const COUNTERPARTS: &str = include_str!("lists/counterparts.txt");
/// Taken from a dictionary, for the many that nobody thinks of.
const WORDNET: &str = include_str!("lists/wordnet.txt");

/// Both lists as one: where each word stands in them.
struct Opposites {
    /// By stem, from where to where in `places`.
    spans: Keys<(u32, u32)>,
    /// Twice the number of a line, and one more right of the stroke; rising within a span.
    places: Vec<u32>,
    /// Verbs that mean something else with a small word behind them, and what compound words begin with.
    verbs: Keys<()>,
    /// Where the lists begin that count only in place.
    placed: u32,
}

static OPPOSITES: LazyLock<Opposites> = LazyLock::new(Opposites::read);

impl Opposites {
    fn read() -> Self {
        let mut words: Vec<(u64, u32)> = Vec::new();
        let mut verbs: Keys<()> = Keys::default();
        let (mut line, mut placed) = (0, 0);
        for list in [COMMON, PLACED, COUNTERPARTS, WORDNET] {
            let lines = list.lines().filter(|line| !line.starts_with('#'));
            for (left, right) in lines.filter_map(|line| line.split_once('/')) {
                for (side, place) in [(left, line), (right, line + 1)] {
                    for word in side.split_whitespace() {
                        let Some((verb, small)) = word.split_once(['_', '-']) else {
                            words.push((hash(&stem(word)), place));
                            continue;
                        };
                        let key = hash(&stem(verb));
                        verbs.insert(key, ());
                        words.push((join(key, hash(&stem(small))), place));
                        // "Front-end", "front end" and "frontend" are one word.
                        if word.contains('-') {
                            words.push((hash(&stem(&word.replace('-', ""))), place));
                        }
                    }
                }
                line += 2;
            }
            placed = if placed == 0 { line } else { placed };
        }
        words.sort_unstable();
        words.dedup();
        let mut spans: Keys<(u32, u32)> = Keys::default();
        for ((key, _), at) in words.iter().zip(0..) {
            spans.entry(*key).or_insert((at, at)).1 = at + 1;
        }
        Self {
            spans,
            verbs,
            places: words.into_iter().map(|(_, place)| place).collect(),
            placed,
        }
    }

    fn places(&self, key: u64) -> &[u32] {
        let span = self.spans.get(&key);
        let places = span.and_then(|(from, to)| self.places.get(*from as usize..*to as usize));
        places.unwrap_or(&[])
    }

    /// The key of a compound word that is cut in two, of which one part stands here: `one-way`, `one way`.
    fn compound(&self, tokens: &[Token], at: usize) -> Option<u64> {
        let starts = |at: usize| {
            let (first, second) = (tokens.get(at)?, tokens.get(at + 1)?);
            self.verbs.get(&first.key)?;
            let key = join(first.key, second.key);
            self.spans.contains_key(&key).then_some(key)
        };
        starts(at).or_else(|| starts(at.checked_sub(1)?))
    }

    /// The key of a verb with the small word behind it: `throw away`, `throw it away`.
    fn phrase(&self, tokens: &[Token], at: usize) -> Option<u64> {
        if let Some(compound) = self.compound(tokens, at) {
            return Some(compound);
        }
        self.verbs.get(&tokens[at].key)?;
        let mut near = tokens.iter().skip(at + 1).take(REACH);
        let small = near.find(|t| t.is_of(&PARTICLES))?;
        Some(join(tokens[at].key, small.key))
    }

    /// The first line in which two words stand on different sides.
    fn clash(&self, a: u64, b: u64) -> Option<u32> {
        let left = self.places(a);
        // Most words have no opposites: the second is not looked for in vain.
        if left.is_empty() {
            return None;
        }
        let right = self.places(b);
        left.iter().copied().find(|at| right.contains(&(at ^ 1)))
    }
}

/// Small words that change what a verb before them means.
const PARTICLES: [&str; 9] = ["up", "down", "on", "off", "in", "out", "away", "back", "go"];
/// How far behind its verb such a word may stand.
const REACH: usize = 3;
/// Before a word they make its opposite, and the least letters of such a word's stem: of short ones most begin so by
/// chance, "come" and "income".
const PREFIXES: [(&str, usize); 9] = [
    ("un", 3),
    ("non", 3),
    ("in", 4),
    ("im", 4),
    ("ir", 4),
    ("il", 4),
    ("dis", 4),
    ("mis", 4),
    ("de", 4),
];
/// Before the same root they make opposites of each other.
const EXCHANGED: [(&str, &str); 22] = [
    ("over", "under"),
    ("pre", "post"),
    ("ante", "post"),
    ("pro", "anti"),
    ("hyper", "hypo"),
    ("macro", "micro"),
    ("mega", "micro"),
    ("super", "sub"),
    ("up", "down"),
    ("in", "out"),
    ("in", "ex"),
    ("im", "ex"),
    ("in", "de"),
    ("en", "de"),
    ("en", "dis"),
    ("intro", "extro"),
    ("intra", "inter"),
    ("endo", "exo"),
    ("mono", "poly"),
    ("uni", "multi"),
    ("homo", "hetero"),
    ("fore", "back"),
];
/// Words that say the same with and without what is before them.
const ALIKE: [(&str, &str); 7] = [
    ("flammable", "inflammable"),
    ("habitable", "inhabitable"),
    ("loosen", "unloosen"),
    ("ravel", "unravel"),
    ("regardless", "irregardless"),
    ("thaw", "unthaw"),
    ("valuable", "invaluable"),
];
/// Words whose stem is by chance the one of a listed word: "tall", "win", "hate", "pin", "sit", "cut", "man".
const CHANCE: [&str; 13] = [
    "tale", "tales", "wine", "wines", "hat", "hats", "pine", "pines", "site", "sites", "cute",
    "mane", "manes",
];
/// Verbs that say the same with either of two opposite words behind them: `fill in`, `fill out`.
const EITHER: [(&str, [&str; 2]); 3] = [
    ("fill", ["in", "out"]),
    ("burn", ["up", "down"]),
    ("slow", ["up", "down"]),
];
/// Least letters of a root that endings are taken off; shorter ones are seldom roots.
const ROOT: usize = 4;
/// The same where both words have something before it.
const SHARED: usize = 3;

/// Whether a word has opposites in one of the lists.
pub(super) fn is_known(token: &Token) -> bool {
    OPPOSITES.spans.contains_key(&token.key)
}

/// Whether two words are opposites wherever they stand.
pub(super) fn are_plainly_opposite(a: &Token, b: &Token) -> bool {
    a.kind == Kind::Word && b.kind == Kind::Word && {
        let listed = OPPOSITES.clash(a.key, b.key);
        let listed = listed.is_some_and(|line| line < OPPOSITES.placed) && !is_chance(a, b);
        listed || affixed(a, b)
    }
}

fn is_chance(a: &Token, b: &Token) -> bool {
    a.is_of(&CHANCE) || b.is_of(&CHANCE)
}

/// Whether two words are opposites where one stands in the other's place: elsewhere another sense of one may be meant.
pub(super) fn are_opposite(a: &Token, b: &Token) -> bool {
    a.kind == Kind::Word && b.kind == Kind::Word && {
        let listed = OPPOSITES.clash(a.key, b.key).is_some() && !is_chance(a, b);
        listed || affixed(a, b) || exchanged(&a.stem, &b.stem) || lacking(a, b)
    }
}

/// The same of a word of one text and one of another, each alone or with the small word behind it.
pub(super) fn are_opposite_at(a: (&[Token], usize), b: (&[Token], usize)) -> bool {
    let (x, y) = (&a.0[a.1], &b.0[b.1]);
    if is_either(a, b) || leads_on(a) && is_led(b) || leads_on(b) && is_led(a) {
        return false;
    }
    are_opposite(x, y) || {
        let (left, right) = (OPPOSITES.phrase(a.0, a.1), OPPOSITES.phrase(b.0, b.1));
        let clash = |a: Option<u64>, b: Option<u64>| OPPOSITES.clash(a?, b?);
        let found = clash(left, right).or_else(|| clash(left, Some(y.key)));
        found.or_else(|| clash(Some(x.key), right)).is_some()
    }
}

/// `on my phone`: a small word that goes with what follows it.
fn leads_on((tokens, at): (&[Token], usize)) -> bool {
    let determiners = [
        "a", "an", "the", "my", "your", "our", "his", "her", "their", "this", "that", "each",
    ];
    let small = tokens[at].is_of(&PARTICLES) && !is_led((tokens, at));
    small && tokens.get(at + 1).is_some_and(|t| t.is_of(&determiners))
}

/// `turn off`: a small word that goes with the verb right before it.
fn is_led((tokens, at): (&[Token], usize)) -> bool {
    let verb = at.checked_sub(1).map(|before| tokens[before].key);
    tokens[at].is_of(&PARTICLES) && verb.is_some_and(|key| OPPOSITES.verbs.contains_key(&key))
}

/// Whether both words stand behind a verb to which they say the same.
fn is_either(a: (&[Token], usize), b: (&[Token], usize)) -> bool {
    let pair = |words: &[&str]| a.0[a.1].is_of(words) && b.0[b.1].is_of(words);
    let behind = |(tokens, at): (&[Token], usize), verb: &str| {
        let near = &tokens[at.saturating_sub(REACH)..at];
        near.iter().any(|t| t.lower.starts_with(verb))
    };
    let mut known = EITHER.iter();
    known.any(|(verb, words)| pair(words) && behind(a, verb) && behind(b, verb))
}

fn affixed(a: &Token, b: &Token) -> bool {
    let found = prefixed(&a.stem, &b.stem)
        || prefixed(&b.stem, &a.stem)
        || suffixed(&a.lower, &b.lower)
        || suffixed(&b.lower, &a.lower);
    let same = |(x, y): &(&str, &str)| a.is_of(&[x, y]) && b.is_of(&[x, y]);
    found && !ALIKE.iter().any(same)
}

fn prefixed(root: &str, word: &str) -> bool {
    // They have two or three letters: most words differ in length by something else.
    let may = matches!(word.len().checked_sub(root.len()), Some(2 | 3));
    let prefix = || word.strip_suffix(root);
    let long = |least: usize| root.len() >= least;
    may && prefix().is_some_and(|it| PREFIXES.iter().any(|(known, n)| it == *known && long(*n)))
}

/// `useful` and `useless`, `trainer` and `trainee`.
fn suffixed(a: &str, b: &str) -> bool {
    let same = |x: Option<&str>, y: Option<&str>| x.is_some() && x == y;
    let person = a.strip_suffix("er").or_else(|| a.strip_suffix("or"));
    let long = person.filter(|root| root.len() >= ROOT);
    same(a.strip_suffix("ful"), b.strip_suffix("less")) || same(long, b.strip_suffix("ee"))
}

/// `overpaid` and `underpaid`.
fn exchanged(a: &str, b: &str) -> bool {
    // Most words end otherwise, and need not be taken apart.
    if tail(a).is_none() || tail(a) != tail(b) {
        return false;
    }
    let swap = |x: &str, y: &str| {
        let roots = EXCHANGED.iter().filter_map(|(one, other)| {
            let (left, right) = (x.strip_prefix(one)?, y.strip_prefix(other)?);
            (left == right).then_some(left)
        });
        roots.into_iter().any(|root| root.len() >= SHARED)
    };
    swap(a, b) || swap(b, a)
}

/// The last letters of a word.
fn tail(word: &str) -> Option<&[u8]> {
    word.as_bytes().last_chunk::<SHARED>().map(|last| &last[..])
}

/// `sugarless` and `sugar`.
fn lacking(a: &Token, b: &Token) -> bool {
    let without = |x: &Token, y: &Token| {
        let root = x.lower.strip_suffix("less");
        root.is_some_and(|root| root.len() >= ROOT && (root == y.lower || root == y.stem))
    };
    without(a, b) || without(b, a)
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};
    use super::super::reading::Reading;
    use super::*;

    /// Whether two words are opposites in place, and whether anywhere.
    fn said(a: &str, b: &str) -> (bool, bool) {
        let token = |word: &str| Token::word(word, word.to_owned(), false);
        let (a, b) = (token(a), token(b));
        let forth = (are_opposite(&a, &b), are_plainly_opposite(&a, &b));
        let back = (are_opposite(&b, &a), are_plainly_opposite(&b, &a));
        assert_eq!(forth, back);
        forth
    }

    #[test]
    fn lists_and_affixes_tell_opposites() {
        for (a, b) in [
            ("cheap", "expensive"),
            ("installing", "uninstalls"),
            ("painful", "painless"),
            ("interviewer", "interviewee"),
        ] {
            assert_eq!(said(a, b), (true, true), "{a} {b}");
        }
        for (a, b) in [
            ("converge", "diverge"),
            ("sturdier", "frailer"),
            ("myopia", "hyperopia"),
            ("gradually", "suddenly"),
            ("hyperthermia", "hypothermia"),
            ("prewar", "postwar"),
            ("overcooked", "undercooked"),
            ("sugarless", "sugar"),
            ("systolic", "diastolic"),
            ("payables", "receivable"),
        ] {
            assert_eq!(said(a, b), (true, false), "{a} {b}");
        }
        for (a, b) in [
            ("cheap", "affordable"),
            ("port", "airport"),
            ("gradually", "slowly"),
            ("tree", "trer"),
            ("pound", "postpound"),
            ("short", "tale"),
            ("lose", "wine"),
        ] {
            assert_eq!(said(a, b), (false, false), "{a} {b}");
        }
    }

    /// Whether two texts hold opposites in each other's place.
    fn told(a: &str, b: &str) -> bool {
        let (a, b) = (Reading::of(a), Reading::of(b));
        let (a, b) = (a.tokens(), b.tokens());
        (0..a.len()).any(|i| (0..b.len()).any(|j| are_opposite_at((a, i), (b, j))))
    }

    #[test]
    fn every_word_of_the_lists_is_met_as_people_write_it() {
        let lines = [COMMON, PLACED, COUNTERPARTS].iter();
        let lines = lines.flat_map(|list| list.lines());
        let mut dead = Vec::new();
        for (left, right) in lines.filter_map(|line| line.split_once('/')) {
            for (side, other) in [(left, right), (right, left)] {
                let facing = other.split_whitespace().next().unwrap();
                for word in side.split_whitespace() {
                    let spelt = [
                        word.replace('_', " "),
                        word.replace(['_', '-'], " "),
                        word.replace('-', "").replace('_', " "),
                    ];
                    let met = |spelt: &String| told(spelt, &facing.replace('_', " "));
                    if !spelt.iter().all(met) {
                        dead.push(format!("{word} | {facing}"));
                    }
                }
            }
        }
        assert!(dead.is_empty(), "{dead:#?}");
    }

    #[test]
    fn a_word_that_is_cut_in_two_has_its_opposite() {
        for (a, b) in [
            (
                "Is a one-way ticket cheaper?",
                "Is a round-trip ticket cheaper?",
            ),
            (
                "Is a one way ticket cheaper?",
                "Is a return ticket cheaper?",
            ),
            (
                "Can knives go in carry-on bags?",
                "Can knives go in checked bags?",
            ),
            (
                "How do I mount a disk read-only?",
                "How do I mount a disk read-write?",
            ),
            (
                "What does a front end team do?",
                "What does a backend team do?",
            ),
            ("Turn it counter-clockwise", "Turn it clockwise"),
        ] {
            different("antonyms", a, b);
        }
        for (a, b) in [
            (
                "Is a one-way ticket cheaper?",
                "Is a one way ticket cheaper?",
            ),
            (
                "What does a front-end team do?",
                "What does a frontend team do?",
            ),
        ] {
            survives(a, b);
        }
    }

    #[test]
    fn things_that_come_in_twos_are_told_apart() {
        for (a, b) in [
            (
                "Who is Anna Karenina's husband?",
                "Who is Anna Karenina's lover?",
            ),
            (
                "What are the lyrics to Yesterday?",
                "What are the chords to Yesterday?",
            ),
            ("What do plant cells need?", "What do animal cells need?"),
            (
                "How do I delete my account?",
                "How do I deactivate my account?",
            ),
            (
                "How do I whip cream by hand?",
                "How do I whip cream with a mixer?",
            ),
            ("How many play rugby union?", "How many play rugby league?"),
            ("What is hemostasis?", "What is homeostasis?"),
        ] {
            different("antonyms", a, b);
        }
        survives("How do I delete my account?", "How do I remove my account?");
        survives("How do I plant a tree?", "How do I grow a tree?");
    }

    #[test]
    fn no_list_holds_a_line_that_says_nothing() {
        for line in [COMMON, PLACED, COUNTERPARTS, WORDNET]
            .iter()
            .flat_map(|list| list.lines())
        {
            let sides = line.split_once('/');
            let told = sides.is_some_and(|(a, b)| !a.trim().is_empty() && !b.trim().is_empty());
            assert!(line.starts_with('#') || told, "{line}");
        }
    }
}
