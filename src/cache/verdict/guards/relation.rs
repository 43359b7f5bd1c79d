//! Whether two things stand in the same relation from both ends: `tea and coffee`, `far from`, `married to`. Part of the
//! guard of order. Knows nothing of what the things are.

use super::digits::MONTHS;
use super::swap::{Exchange, same};
use super::token::{Kind, Token};

/// Words the two things may be exchanged around without a change.
const EVEN: [&str; 14] = [
    "and", "or", "vs", "versus", "nor", "+", "*", "×", "plus", "times", "with", "&", "/", "v",
];
/// Verbs, as stems, behind which "with" leads to what takes a place or serves as a means: `replace butter with oil`.
const MEANS: [&str; 44] = [
    "build",
    "buy",
    "charg",
    "clean",
    "coat",
    "cover",
    "cut",
    "decorat",
    "dilut",
    "encrypt",
    "exchang",
    "feed",
    "fil",
    "fund",
    "garnish",
    "kill",
    "lin",
    "load",
    "open",
    "overrid",
    "overrod",
    "overwrit",
    "overwrot",
    "paint",
    "pay",
    "prefix",
    "provid",
    "purchas",
    "remov",
    "replac",
    "replacement",
    "season",
    "seal",
    "stain",
    "stuf",
    "substitut",
    "substitution",
    "suppli",
    "swap",
    "sync",
    "treat",
    "wash",
    "wrap",
    "wip",
];
/// Words before both things that put them in one relation: `the difference between`, `how far is`, `compare`.
const FRAMES: [&str; 32] = [
    "between",
    "difference",
    "different",
    "differ",
    "similar",
    "similarity",
    "same",
    "distance",
    "far",
    "compare",
    "compared",
    "comparing",
    "comparison",
    "equal",
    "equivalent",
    "related",
    "relation",
    "relationship",
    "compatible",
    "mix",
    "mixing",
    "combine",
    "combining",
    "synonym",
    "near",
    "adjacent",
    "parallel",
    "perpendicular",
    "identical",
    "connected",
    "linked",
    "choose",
];
/// Frames in which "from" says no more than where one begins to measure.
const MEASURED: [&str; 3] = ["between", "distance", "far"];
/// Words that lead to the second thing within such a frame.
const LINKS: [&str; 8] = ["from", "to", "as", "against", "of", "in", "on", "for"];
/// Words between the two that are the relation where a linking word follows, whatever is before them: `Java's syntax
/// similar to C's`.
const LIKENED: [&str; 18] = [
    "adjacent",
    "close",
    "common",
    "comparable",
    "compatible",
    "connected",
    "different",
    "engaged",
    "equal",
    "equivalent",
    "identical",
    "linked",
    "married",
    "parallel",
    "perpendicular",
    "related",
    "same",
    "similar",
];
/// Words between the two that are the relation where nothing but small words is before them: `Is Oslo far from Rome`.
const MUTUAL: [&str; 66] = [
    "acquainted",
    "along",
    "bordering",
    "allies",
    "better",
    "border",
    "borders",
    "bordered",
    "classmate",
    "classmates",
    "colleague",
    "colleagues",
    "compare",
    "compares",
    "compared",
    "comparison",
    "cousin",
    "cousins",
    "coworker",
    "coworkers",
    "date",
    "dated",
    "dating",
    "differ",
    "difference",
    "differs",
    "distance",
    "divorce",
    "divorced",
    "enemies",
    "equals",
    "far",
    "friend",
    "friends",
    "marry",
    "marries",
    "meet",
    "meets",
    "met",
    "near",
    "neighbor",
    "neighbors",
    "overlap",
    "overlaps",
    "partner",
    "partners",
    "relation",
    "relationship",
    "resemble",
    "resembles",
    "rival",
    "rivals",
    "roommate",
    "roommates",
    "sibling",
    "siblings",
    "similarity",
    "synonym",
    "together",
    "twin",
    "twins",
    "wed",
    "mix",
    "combine",
    "adjoin",
    "adjoins",
];
/// Words before both things that make one of them the start and the other the end.
const DIRECTED: [&str; 9] = [
    "convert",
    "translate",
    "change",
    "turn",
    "transfer",
    "migrate",
    "move",
    "prefer",
    "subtract",
];

/// Whether a word only joins its neighbours.
fn is_joint(token: &Token) -> bool {
    token.is_of(&EVEN)
}

/// Whether a text puts things beside each other.
pub(super) fn is_compared(tokens: &[Token]) -> bool {
    tokens.iter().any(|t| t.is_of(&FRAMES))
}

/// Whether a word puts two in one relation, the same from both ends: `married`, `cousin`.
pub(super) fn is_relation(token: &Token) -> bool {
    token.is_of(&LIKENED) || token.is_of(&MUTUAL)
}

/// Whether what connects the exchanged things is the same from both ends.
pub(super) fn is_even(exchange: &Exchange, all: &[Token]) -> bool {
    let (middle, before) = (&all[exchange.middle.clone()], &all[..exchange.first]);
    if is_date(exchange, all) || is_asked_behind(exchange, all) {
        return true;
    }
    // `left-handed or right-handed`, `to fly or to drive`: a word at each of the two is no link.
    let around = [before.last(), all.get(exchange.after)];
    let shared = |t: &Token| around.into_iter().flatten().any(|x| same(x, t));
    let links = middle.iter();
    let links = links.filter(|t| !t.is_of(&["the", "a", "an"]) && !shared(t));
    let links: Vec<&Token> = links.collect();
    // "Is gold heavier or lead?"
    let chosen = links.len() == 2 && links[0].lower.ends_with("er") && links[1].is("or");
    let even = chosen || !links.is_empty() && links.iter().all(|t| is_joint(t));
    let means = |t: &Token| MEANS.contains(&t.stem.as_str());
    if even && !(links.iter().any(|t| t.is("with")) && before.iter().any(means)) {
        return true;
    }
    !all.iter().any(|t| t.is("than")) && (is_framed(before, &links) || is_mutual(&links))
}

/// `20 July 1969`: the parts of a date stand in any order.
fn is_date(exchange: &Exchange, all: &[Token]) -> bool {
    let number = |i: usize| all[i].kind == Kind::Number;
    matches!(&all[exchange.middle.clone()], [month] if month.is_of(&MONTHS))
        && number(exchange.first)
        && number(exchange.middle.end)
}

/// Whether the exchanged things may well say the same: `in Rome in winter`, each with its own small word, and `rice good
/// with fish`.
pub(super) fn may_be_even(exchange: &Exchange, all: &[Token]) -> bool {
    let article = |t: &&Token| t.is_of(&["the", "a", "an"]);
    let mut middle = all[exchange.middle.clone()].iter().filter(|t| !article(t));
    let mut before = all[..exchange.first].iter().rev();
    match (middle.next(), middle.next(), middle.next()) {
        (Some(link), None, _) => {
            let before = before.find(|t| !article(t));
            link.is_of(&["in", "at", "on", "during"]) && before.is_some_and(|t| same(t, link))
        }
        (Some(fit), Some(with), None) => {
            with.is("with") && fit.is_of(&["good", "great", "nice", "safe", "fine", "tasty"])
        }
        _ => false,
    }
}

/// `How tall is the tower?`, `The tower is how tall?`: what is asked of the thing stands before or behind it.
fn is_asked_behind(exchange: &Exchange, all: &[Token]) -> bool {
    let asks = |i: usize| {
        all.get(i)
            .is_some_and(|t| t.is_of(&["how", "what", "when", "where", "who"]))
    };
    let is = |t: &Token| t.is_of(&["is", "are", "was", "were"]);
    let between = all[exchange.middle.clone()].iter().all(is);
    between && (asks(exchange.first) || asks(exchange.middle.end))
}

/// `How far is it from Rome to Oslo?`: what is before both relates them, and nobody does anything to the other.
fn is_framed(before: &[Token], links: &[&Token]) -> bool {
    let says = |words: &[&str]| before.iter().any(|t| t.is_of(words));
    let from = says(&["from"]) && !says(&MEASURED);
    let [first, .., last] = links else {
        return matches!(links, [link] if link.is_of(&LINKS) && says(&FRAMES) && !from)
            && !says(&DIRECTED);
    };
    let led = first.stop && (last.is_of(&LINKS) || is_joint(last));
    led && says(&FRAMES) && !says(&DIRECTED) && !from
}

/// `Is Iraq near Kuwait?`, but not `Did Iraq attack towns near Kuwait?`: what is between the two is their relation.
fn is_mutual(links: &[&Token]) -> bool {
    let small = |t: &&Token| t.stop || t.lower.ends_with("ly") || t.is_of(&["share", "shares"]);
    let ends = |at: usize| links[at + 1..].iter().all(|t| t.stop);
    let last = links.last();
    let relates = |(at, t): (usize, &&Token)| {
        let led = links.get(at + 1).is_some_and(|next| next.stop);
        let led = led && last.is_some_and(|last| last.stop);
        let alone = links[..at].iter().all(small) && ends(at);
        // "The same animal as".
        let same = t.is("same") && last.is_some_and(|last| last.is("as"));
        same || t.is_of(&LIKENED) && (led || alone) || t.is_of(&MUTUAL) && alone
    };
    links.iter().enumerate().any(relates)
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn two_places_or_times_stand_in_any_order() {
        for (a, b) in [
            (
                "What can kids do in Rome in winter?",
                "What can kids do in winter in Rome?",
            ),
            ("Is rice good with fish?", "Is fish good with rice?"),
        ] {
            survives(a, b);
        }
        for (a, b) in [
            ("Is sugar worse with salt?", "Is salt worse with sugar?"),
            ("Is a Java class in Python?", "Is a Python class in Java?"),
        ] {
            different("direction", a, b);
        }
    }

    #[test]
    fn what_takes_a_place_or_serves_as_a_means_has_an_order() {
        for (a, b) in [
            (
                "Can I replace butter with oil in a cake?",
                "Can I replace oil with butter in a cake?",
            ),
            (
                "How do I override a default config with a user config?",
                "How do I override a user config with a default config?",
            ),
            (
                "Can I pay rent with a credit card?",
                "Can I pay a credit card with rent?",
            ),
            (
                "How do I cover brick with wood?",
                "How do I cover wood with brick?",
            ),
        ] {
            different("direction", a, b);
        }
        survives(
            "How do I mix oil with vinegar?",
            "How do I mix vinegar with oil?",
        );
        survives(
            "Can I take aspirin with milk?",
            "Can I take milk with aspirin?",
        );
    }

    #[test]
    fn a_word_of_relation_counts_only_between_the_two() {
        for (a, b) in [
            (
                "On what date did Germany invade Poland?",
                "On what date did Poland invade Germany?",
            ),
            (
                "Is it common for a dog to bite a cat?",
                "Is it common for a cat to bite a dog?",
            ),
            (
                "How far can a lion chase a zebra?",
                "How far can a zebra chase a lion?",
            ),
            (
                "Which border did Iraq cross into Kuwait?",
                "Which border did Kuwait cross into Iraq?",
            ),
            (
                "Is the same fee charged when Visa pays Stripe?",
                "Is the same fee charged when Stripe pays Visa?",
            ),
            (
                "Can a friend of Tom sue Anna?",
                "Can a friend of Anna sue Tom?",
            ),
        ] {
            different("direction", a, b);
        }
    }

    #[test]
    fn a_relation_of_both_to_each_other_survives() {
        for (a, b) in [
            ("Did Anna date Tom?", "Did Tom date Anna?"),
            ("Does Iraq border Kuwait?", "Does Kuwait border Iraq?"),
            (
                "Did Stalin ever meet Churchill?",
                "Did Churchill ever meet Stalin?",
            ),
            (
                "Is Java's syntax similar to C's?",
                "Is C's syntax similar to Java's?",
            ),
            (
                "Is an alpaca the same animal as a llama?",
                "Is a llama the same animal as an alpaca?",
            ),
            (
                "Does Norway share a border with Sweden?",
                "Does Sweden share a border with Norway?",
            ),
            ("Is gold heavier or lead?", "Is lead heavier or gold?"),
            ("Are Tom and Anna friends?", "Are Anna and Tom friends?"),
            ("Is Tom a friend of Anna?", "Is Anna a friend of Tom?"),
            (
                "How far is Rome by train from Oslo?",
                "How far is Oslo by train from Rome?",
            ),
            (
                "How far is it from Rome to Oslo?",
                "How far is it from Oslo to Rome?",
            ),
            (
                "What is the distance from Rome to Oslo?",
                "What is the distance from Oslo to Rome?",
            ),
            (
                "How different is Danish from Dutch?",
                "How different is Dutch from Danish?",
            ),
            (
                "What do cats have in common with dogs?",
                "What do dogs have in common with cats?",
            ),
            ("Is tea better or coffee?", "Is coffee better or tea?"),
            (
                "How are schools in Japan similar to those in China?",
                "How are schools in China similar to those in Japan?",
            ),
        ] {
            survives(a, b);
        }
    }
}
