//! The guards of names and of things of one sort: another person, city, company,
//! animal or dish in a question is another question. Knows nothing of grammar.

use super::Finding;
use super::lexicon::Family;
use super::marks::{are_aligned, left, rivals};
use super::pair::Pair;
use super::reading::{Mark, Reading};
use super::token::{Capital, Kind, Token};
use super::units::unit_of;
use super::words::mistyped;

/// Share of content words two texts must have in common before a name nobody knows decides.
const SOMEWHAT_THE_SAME: f32 = 0.3;

/// The same for a name in another place of the question.
const MUCH_THE_SAME: f32 = 0.5;

/// A name in a text that the other has not.
struct Name<'a> {
    first: usize,
    words: &'a [Token],
    /// Its meanings in the lists; none for a name that is only capitalised.
    known: Vec<&'a Mark>,
    /// Whether the capital may have another reason.
    weak: bool,
}

fn is_capital(token: &Token) -> bool {
    token.kind == Kind::Word && token.capital != Capital::None && token.lower != "i"
}

/// Titles before a name, which make no other name of it.
const TITLES: [&str; 22] = [
    "president",
    "mr",
    "mrs",
    "ms",
    "dr",
    "king",
    "queen",
    "minister",
    "senator",
    "sir",
    "prophet",
    "lord",
    "saint",
    "st",
    "secretary",
    "governor",
    "mayor",
    "captain",
    "professor",
    "prof",
    "pm",
    "general",
];

fn is_date_or_unit(reading: &Reading, at: usize) -> bool {
    reading.marks(Family::Time).any(|m| m.first == at) || unit_of(&reading.tokens()[at]).is_some()
}

/// How many tokens of a capitalised name that nobody knows begin here.
fn run(reading: &Reading, at: usize) -> usize {
    let tokens = reading.tokens();
    if tokens[at].stop || is_date_or_unit(reading, at) {
        return 0;
    }
    let goes_on = |(i, t): &(usize, &Token)| {
        let named = reading.marks(Family::Name).any(|m| m.first == at + i);
        is_capital(t) && !named && (*i == 0 || !t.starts) && !t.stop
    };
    tokens[at..].iter().enumerate().take_while(goes_on).count()
}

/// Whether a listed name is one word of people's names, which a first name before it makes another.
fn is_surname(reading: &Reading, at: usize) -> bool {
    let marks = reading
        .marks(Family::Name)
        .filter(|m| m.first == at && m.count == 1);
    let mut people = marks.filter(|m| super::lexicon::is_person(m.sense.class));
    people.next().is_some()
}

/// Runs of capitals and listed names, in their order.
fn names(reading: &Reading) -> Vec<Name<'_>> {
    let tokens = reading.tokens();
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let here: Vec<&Mark> = reading
            .marks(Family::Name)
            .filter(|m| m.first == at)
            .collect();
        let listed = here.first().map_or(0, |mark| mark.count);
        let count = if listed > 0 { listed } else { run(reading, at) };
        if count == 0 {
            at += 1;
            continue;
        }
        let words = &tokens[at..at + count];
        let next = at + count;
        let follows = tokens.get(next).is_some_and(|t| is_capital(t) && !t.starts);
        let named = listed == 0 || (listed == 1 && is_surname(reading, at));
        // "Jason Trump" is not Trump, "President Trump" is.
        if follows
            && named
            && is_surname(reading, next)
            && is_capital(&words[count - 1])
            && !words[count - 1].is_of(&TITLES)
            && !(words[0].starts && listed == 0 && super::is_listed(&words[0]))
        {
            found.push(Name {
                first: at,
                words: &tokens[at..=next],
                known: Vec::new(),
                weak: false,
            });
            at = next + 1;
            continue;
        }
        let common = |t: &Token| t.lower.ends_with("ing") || super::is_listed(t);
        let opening = words[0].starts && count == 1;
        if listed > 0 || !(opening && common(&words[0])) {
            found.push(Name {
                first: at,
                words,
                weak: listed == 0 && (opening || reading.is_titled()),
                known: here,
            });
        }
        at = next;
    }
    found
}

fn is_near(a: &Token, b: &Token) -> bool {
    a.key == b.key || mistyped(&a.lower, &b.lower)
}

/// Whether a word is a number that the other text has: `Louis XIV`, `Louis the Fourteenth`.
fn is_counted(of: &Reading, at: usize, other: &Reading) -> bool {
    let here = of
        .quantities()
        .iter()
        .find(|q| q.first == at && q.count == 1);
    let there = |value: f64| {
        let mut others = other.quantities().iter();
        others.any(|q| q.value.to_bits() == value.to_bits())
    };
    here.is_some_and(|q| there(q.value))
}

/// Whether every word of a name stands in the other text, or its initials do.
fn is_spelt(name: &Name<'_>, only: &[usize], of: &Reading, other: &Reading) -> bool {
    let tokens = other.tokens();
    let listed = |t: &Token| !name.known.is_empty() && super::is_listed(t);
    let stands = |(i, word): (usize, &Token)| {
        !only.contains(&(name.first + i))
            || tokens.iter().any(|t| !listed(t) && is_near(word, t))
            || is_counted(of, name.first + i, other)
    };
    let initials = initials(name.words);
    let joined: String = name.words.iter().map(|t| t.lower.as_str()).collect();
    // NATO and the words it stands for.
    let letters = name.words[0].lower.chars().count();
    let written_out = name.words.len() == 1
        && letters >= 3
        && tokens
            .windows(letters)
            .any(|run| self::initials(run) == name.words[0].lower);
    written_out
        || name.words.iter().enumerate().all(stands)
        || (name.words.len() > 1
            && tokens
                .iter()
                .any(|t| t.lower == initials || t.lower == joined))
}

fn initials(words: &[Token]) -> String {
    let first = words.iter().filter_map(|t| t.lower.chars().next());
    first.collect()
}

/// Names of each side that the other has under no name.
fn unmatched<'a>(pair: &Pair<'a>) -> (Vec<Name<'a>>, Vec<Name<'a>>) {
    let mut a = names(pair.a);
    let mut b = names(pair.b);
    let one = |x: &Name<'_>, y: &Name<'_>| {
        let member = |m: &&Mark| y.known.iter().any(|k| k.sense.member == m.sense.member);
        x.known.iter().any(member)
    };
    a.retain(|x| match b.iter().position(|y| one(x, y)) {
        Some(place) => {
            b.remove(place);
            false
        }
        None => true,
    });
    a.retain(|name| !is_spelt(name, pair.only_a(), pair.a, pair.b));
    b.retain(|name| !is_spelt(name, pair.only_b(), pair.b, pair.a));
    (a, b)
}

/// Whether one name may be a shorter or longer way to say the other.
fn may_be_one(a: &Name<'_>, b: &Name<'_>) -> bool {
    let missing = |of: &Name<'_>, other: &Name<'_>| {
        let stands = |word: &Token| other.words.iter().any(|t| is_near(word, t));
        of.words.iter().filter(|word| !stands(word)).count()
    };
    let short =
        |x: &Name<'_>, y: &Name<'_>| x.words.len() == 1 && x.words[0].lower == initials(y.words);
    let abbreviated = |x: &Name<'_>, y: &Name<'_>| {
        let (x, y) = (&x.words[0].lower, &y.words[0].lower);
        x.chars().count() > 3 && y.starts_with(x.as_str())
    };
    (a.known.is_empty() || b.known.is_empty())
        && (missing(a, b) == 0
            || missing(b, a) == 0
            || short(a, b)
            || short(b, a)
            || abbreviated(a, b)
            || abbreviated(b, a))
}

fn clash(pair: &Pair<'_>, a: &Name<'_>, b: &Name<'_>) -> bool {
    if may_be_one(a, b) {
        return false;
    }
    let placed = (a.first..a.first + a.words.len())
        .any(|i| (b.first..b.first + b.words.len()).any(|j| pair.is_aligned(i, j)));
    let rival = a.known.iter().any(|x| b.known.iter().any(|y| rivals(x, y)));
    let likely = pair.likeness() >= SOMEWHAT_THE_SAME;
    if pair.is_respelt(a.first) {
        return false;
    }
    if a.weak || b.weak {
        return placed && likely;
    }
    likely && (placed || (rival && pair.likeness() >= MUCH_THE_SAME))
}

/// Whether a listed name stands where the other text has one word that is no name.
fn is_replaced(pair: &Pair<'_>, names: &[Name<'_>], in_a: bool) -> bool {
    let (only, other) = if in_a {
        (pair.only_b(), pair.b)
    } else {
        (pair.only_a(), pair.a)
    };
    let content: Vec<&usize> = only.iter().filter(|j| !other.tokens()[**j].stop).collect();
    let aligned = |name: &Name<'_>, j: usize| {
        if in_a {
            pair.is_aligned(name.first, j)
        } else {
            pair.is_aligned(j, name.first)
        }
    };
    let [j] = content[..] else { return false };
    if other.tokens()[*j].capital != Capital::First || is_date_or_unit(other, *j) {
        return false;
    }
    let respelt = |name: &Name<'_>| pair.is_respelt(if in_a { name.first } else { *j });
    names
        .iter()
        .any(|name| !name.known.is_empty() && aligned(name, *j) && !respelt(name))
}

/// Another name.
pub(super) fn examine(pair: &Pair<'_>) -> Finding {
    let (a, b) = unmatched(pair);
    if a.iter().any(|x| b.iter().any(|y| clash(pair, x, y))) {
        return Finding::Different("name_changed");
    }
    if pair.places() == 1 && (is_replaced(pair, &a, true) || is_replaced(pair, &b, false)) {
        return Finding::Different("name_replaced");
    }
    if a.is_empty() && b.is_empty() {
        Finding::Equal
    } else {
        Finding::Unsure("name_on_one_side")
    }
}

/// Another thing of the same sort.
pub(super) fn sorts(pair: &Pair<'_>) -> Finding {
    let (a, b) = left(pair, Family::Sort);
    let likely = pair.likeness() >= SOMEWHAT_THE_SAME;
    let much = pair.likeness() >= MUCH_THE_SAME;
    let changed = |x: &&Mark| {
        b.iter()
            .any(|y| rivals(x, y) && likely && (much || are_aligned(pair, x, y)))
    };
    if a.iter().any(changed) {
        Finding::Different("thing_changed")
    } else if a.is_empty() && b.is_empty() {
        Finding::Equal
    } else {
        Finding::Unsure("thing_on_one_side")
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn another_name_is_another_question() {
        for (a, b) in [
            (
                "What is the capital of France?",
                "What is the capital of Spain?",
            ),
            (
                "what is the capital of france",
                "what is the capital of spain",
            ),
            ("Who is Marie Curie?", "Who is Ada Lovelace?"),
            ("How old is Michael Jordan?", "How old is Michael Jackson?"),
            ("Sort a list in Python", "Sort a list in JavaScript"),
            ("Is Zorblax a good company?", "Is Quimby a good company?"),
            ("Where does Austria lie?", "Where does Australia lie?"),
        ] {
            different("names", a, b);
        }
    }

    #[test]
    fn another_thing_of_a_sort_is_another_question() {
        different("sorts", "How do I train a dog?", "How do I train a cat?");
        different("sorts", "How do I cook rice?", "How do I cook pasta?");
        for (a, b) in [
            ("prednisone", "prednisolone"),
            ("lamictal", "lamisil"),
            ("vincristine", "vinblastine"),
            ("sulfadiazine", "sulfasalazine"),
            ("dysphagia", "dysphasia"),
            ("meteor", "meteorite"),
            ("sulfate", "sulfite"),
            ("colostomy", "colectomy"),
        ] {
            let asked = |word: &str| format!("What is {word} exactly?");
            different("sorts", &asked(a), &asked(b));
        }
    }

    #[test]
    fn one_name_in_two_spellings_survives() {
        for (a, b) in [
            ("Who rules the USA?", "Who rules the United States?"),
            ("Is Benadryl safe?", "Is diphenhydramine safe?"),
            ("What is prednisolone for?", "What is prednisolon for?"),
            ("What is photosyntesis?", "What is photosynthesis?"),
            ("Weather in NYC", "Weather in New York City"),
            ("Learn JS", "Learn JavaScript"),
            ("How old is Obama?", "How old is Barack Obama?"),
            ("Who is Schwarzenegger?", "Who is Schwarzeneger?"),
            ("who is marie curie", "Who is Marie Curie?"),
            ("How do I train a dog?", "How do I train dogs?"),
            (
                "What does NATO do?",
                "What does the North Atlantic Treaty Organization do?",
            ),
        ] {
            survives(a, b);
        }
    }
}
