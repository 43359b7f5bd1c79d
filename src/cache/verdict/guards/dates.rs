//! The guard of calendar and relative time: months, weekdays, yesterday, before.
//! Years and days are numbers and not seen here.

use super::Finding;
use super::lexicon::Family;
use super::marks::{clash, left, rivals};
use super::pair::Pair;
use super::quantity::covers;
use super::reading::{Mark, Reading};
use super::token::{Kind, Token};

/// Times an auxiliary verb puts a question in.
const TENSES: [&[&str]; 3] = [
    &["is", "are", "am", "do", "does", "has"],
    &["was", "were", "did", "had"],
    &["will", "shall"],
];

fn tense(token: &Token) -> Option<usize> {
    TENSES.iter().position(|words| token.is_of(words))
}

/// How a state stands in time: it begins, it was, it is sought.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aspect {
    Begins,
    Was,
    Sought,
}

/// Words that say so, and nothing else.
const ASPECTS: [&str; 18] = [
    "getting", "become", "becomes", "becoming", "became", "use", "used", "try", "tries", "trying",
    "tried", "want", "wants", "hope", "hopes", "hoping", "plan", "planning",
];

/// `becoming an editor`, `used to be an editor`, `trying to be an editor`.
fn aspect(tokens: &[Token]) -> Option<Aspect> {
    let is = |i: usize, words: &[&str]| tokens.get(i).is_some_and(|t| t.is_of(words));
    let passive = |before: &[Token]| {
        before
            .iter()
            .any(|t| t.is_of(&["is", "are", "was", "were", "be", "been"]))
    };
    (0..tokens.len()).find_map(|i| match tokens[i].lower.as_str() {
        "become" | "becomes" | "becoming" | "became" | "getting" => Some(Aspect::Begins),
        // "What is it used to", but "did it use to be".
        "use" | "used" if is(i + 1, &["to"]) && !passive(&tokens[..i]) => Some(Aspect::Was),
        word if ASPECTS.contains(&word) && is(i + 1, &["to"]) && is(i + 2, &["be", "become"]) => {
            Some(Aspect::Sought)
        }
        _ => None,
    })
}

/// Whether the same is asked of a state and of its beginning or end: `is she an editor`, `is she becoming an editor`.
fn another_aspect(pair: &Pair<'_>) -> bool {
    let rest = |of: &Reading, only: &[usize]| {
        let words = only.iter().map(|i| &of.tokens()[*i]);
        words.filter(|t| !t.stop && !t.is_of(&ASPECTS)).count()
    };
    // `How do I become a nurse` and `how can I be a nurse` ask for one way.
    let plain = pair.a.asked().is_none() && pair.b.asked().is_none();
    plain
        && aspect(pair.a.tokens()) != aspect(pair.b.tokens())
        && pair.common() > 1
        && rest(pair.a, pair.only_a()) + rest(pair.b, pair.only_b()) == 0
}

/// Whether the only thing that differs is past, present or future of an auxiliary verb.
fn another_tense(pair: &Pair<'_>) -> bool {
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    let denied = |tokens: &[Token]| tokens.iter().any(|t| t.is("not"));
    // "It won't start" and "it doesn't start" say the same.
    if (denied(a) && denied(b))
        || a.len() != b.len()
        || pair.strays() != (0, 0)
        || pair.common() == 0
    {
        return false;
    }
    let mut others = a.iter().zip(b).filter(|(x, y)| x.lower != y.lower);
    let times = others.next().and_then(|(x, y)| tense(x).zip(tense(y)));
    times.is_some_and(|(x, y)| x != y) && others.next().is_none()
}

/// Times of each side that the other has not; the half of the day behind an hour is part of that amount.
fn times<'a>(pair: &Pair<'a>) -> (Vec<&'a Mark>, Vec<&'a Mark>) {
    let (mut a, mut b) = left(pair, Family::Time);
    a.retain(|mark| !covers(pair.a, mark.first));
    b.retain(|mark| !covers(pair.b, mark.first));
    (a, b)
}

fn clashes(pair: &Pair<'_>) -> bool {
    let (a, b) = times(pair);
    a.iter().any(|x| b.iter().any(|y| rivals(x, y)))
}

/// Whether a date on one side stands where the other has a number or a date of another kind.
fn is_replaced(pair: &Pair<'_>) -> bool {
    let (a, b) = times(pair);
    let dated = |of: &Reading, only: &[usize], marks: &[&Mark], i: usize| {
        let number = of.tokens()[i].kind == Kind::Number && only.contains(&i);
        number
            || marks
                .iter()
                .any(|m| (m.first..m.first + m.count).contains(&i))
    };
    let in_a = a.iter().any(|m| {
        (0..pair.b.words())
            .any(|j| pair.is_aligned(m.first, j) && dated(pair.b, pair.only_b(), &b, j))
    });
    let in_b = b.iter().any(|m| {
        (0..pair.a.words())
            .any(|i| pair.is_aligned(i, m.first) && dated(pair.a, pair.only_a(), &a, i))
    });
    in_a || in_b
}

/// Another time.
pub(super) fn examine(pair: &Pair<'_>) -> Finding {
    if clash(pair, Family::Phase, true) && super::polarity::is_turned_around(pair) {
        return Finding::Unsure("order_turned");
    }
    if clashes(pair) || clash(pair, Family::Phase, true) || is_replaced(pair) {
        return Finding::Different("date_changed");
    }
    if another_aspect(pair) {
        return Finding::Different("aspect_changed");
    }
    if another_tense(pair) {
        return Finding::Different("tense_changed");
    }
    let (a, b) = times(pair);
    if a.is_empty() && b.is_empty() {
        Finding::Equal
    } else {
        Finding::Unsure("date_on_one_side")
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn another_time_is_another_question() {
        different(
            "dates",
            "Is the bank open on Monday?",
            "Is the bank open on Sunday?",
        );
        different(
            "dates",
            "What is the weather today?",
            "What is the weather tomorrow?",
        );
        different("dates", "Sales of last week", "Sales of next week");
        for other in [
            "Is Ann Lee becoming an editor?",
            "Did Ann Lee use to be an editor?",
            "Is Ann Lee trying to be an editor?",
        ] {
            different("dates", "Is Ann Lee an editor?", other);
        }
        different("dates", "Is it cold in January?", "Is it cold in July?");
        different(
            "dates",
            "Who is the mayor of Springfield?",
            "Who was the mayor of Springfield?",
        );
    }

    #[test]
    fn one_time_in_two_spellings_survives() {
        survives("Is it cold in Jan?", "Is it cold in January?");
        survives(
            "When was the last solar eclipse?",
            "When was the previous solar eclipse?",
        );
        survives("What may I eat?", "What can I eat?");
        survives("Is the sea becoming warmer?", "Is the sea getting warmer?");
        survives("What is a router used to do?", "What is a router used for?");
        survives("How do I become a nurse?", "How can I be a nurse?");
    }
}
