//! The guard of calendar and relative time: months, weekdays, yesterday, before.
//! Years and days are numbers and not seen here.

use super::Finding;
use super::lexicon::Family;
use super::marks::{clash, left, rivals};
use super::pair::Pair;
use super::quantity::covers;
use super::question::Asked;
use super::reading::{Mark, Reading};
use super::token::{Kind, Token};

/// Times an auxiliary verb puts a question in.
const TENSES: [&[&str]; 3] = [
    &["is", "are", "am", "do", "does", "has"],
    &["was", "were", "did", "had"],
    &["will", "shall"],
];

/// Forms of "be".
const BEING: [&str; 6] = ["is", "are", "was", "were", "be", "been"];

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

/// What a question asks for, as far as it says how a state is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    /// Whether it is so.
    Whether,
    /// Whose state it is, or which.
    Whose,
    /// A way, a reason, a time, a place.
    Other,
}

fn question(of: &Reading) -> Question {
    match of.asked() {
        None => Question::Whether,
        Some(Asked::Who | Asked::What | Asked::Which) => Question::Whose,
        Some(_) => Question::Other,
    }
}

/// `becoming an editor`, `used to be an editor`, `trying to be an editor`.
fn aspect(of: &Reading) -> Option<Aspect> {
    let tokens = of.tokens();
    let is = |i: usize, words: &[&str]| tokens.get(i).is_some_and(|t| t.is_of(words));
    let helped = |before: &[Token]| before.iter().any(|t| t.is_of(&BEING));
    let asked = question(of);
    (0..tokens.len()).find_map(|i| match tokens[i].lower.as_str() {
        "become" | "becomes" | "becoming" | "became" | "getting" => {
            begins(tokens, i, asked).then_some(Aspect::Begins)
        }
        // "What is it used to", but "did it use to be".
        "use" | "used" if is(i + 1, &["to"]) && !helped(&tokens[..i]) => Some(Aspect::Was),
        word if word.starts_with("use") => None,
        word if ASPECTS.contains(&word) && is(i + 1, &["to"]) => {
            // "Who wants to buy a house?", but "I am trying to buy a house", and "which plan to buy".
            let noun = ["try", "want", "hope", "plan"].contains(&word);
            let other = !noun && asked != Question::Other && !is_own(tokens);
            (other || is(i + 2, &["be", "become"])).then_some(Aspect::Sought)
        }
        _ => None,
    })
}

/// Whether the speaker is the one it is about.
fn is_own(tokens: &[Token]) -> bool {
    tokens.iter().any(|t| t.is_of(&["i", "we", "you"]))
}

/// Whether a word for a beginning is meant as one: `How do I become a nurse` and `how can I be a nurse` ask for one way,
/// and so do `what do I need to become` and `what do I need to be`.
fn begins(tokens: &[Token], at: usize, asked: Question) -> bool {
    let before = &tokens[..at];
    let says = |words: &[&str]| before.iter().any(|t| t.is_of(words));
    match asked {
        // "Can I become a pilot" asks for what "can I be a pilot" does.
        Question::Whether => {
            tokens[at].lower != "become" || !says(&["can", "could", "may", "will", "would"])
        }
        Question::Other => false,
        Question::Whose => match tokens[at].lower.as_str() {
            "becoming" => {
                says(&BEING)
                    && before
                        .last()
                        .is_some_and(|t| !t.is_of(&["of", "for", "by", "in"]))
            }
            "become" => says(&["like"]),
            _ => false,
        },
    }
}

/// Whether the same is asked of a state and of its beginning or end: `is she an editor`, `is she becoming an editor`.
fn another_aspect(pair: &Pair<'_>) -> bool {
    let rest = |of: &Reading, only: &[usize]| {
        let words = only.iter().map(|i| &of.tokens()[*i]);
        words.filter(|t| !t.stop && !t.is_of(&ASPECTS)).count()
    };
    let (a, b) = (aspect(pair.a), aspect(pair.b));
    // "What is it like to be a nurse": few words, and all of them the same.
    let whose = question(pair.a) == Question::Whose && question(pair.b) == Question::Whose;
    a != b
        && !is_past_beside(pair, a, b)
        && pair.common() > usize::from(!whose)
        && rest(pair.a, pair.only_a()) + rest(pair.b, pair.only_b()) == 0
}

/// `Who used to own it`, `who owned it`: what was so is over in both.
fn is_past_beside(pair: &Pair<'_>, a: Option<Aspect>, b: Option<Aspect>) -> bool {
    let says = |of: &Reading| {
        let mut tokens = of.tokens().iter();
        // "What is it called" is not over.
        let now = of.tokens().iter().any(|t| t.is_of(TENSES[0]));
        tokens.any(|t| t.is_of(TENSES[1]) || !now && t.lower.ends_with("ed"))
    };
    match (a, b) {
        (Some(Aspect::Was), None) => says(pair.b),
        (None, Some(Aspect::Was)) => says(pair.a),
        _ => false,
    }
}

/// Whether the only thing that differs is past, present or future of an auxiliary verb.
fn another_tense(pair: &Pair<'_>) -> bool {
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    let denied = |tokens: &[Token]| tokens.iter().any(|t| t.is("not"));
    // "It won't start" and "it doesn't start" say the same.
    if (denied(a) && denied(b)) || pair.strays() != (0, 0) || pair.common() == 0 {
        return false;
    }
    if a.len() != b.len() {
        return is_for_another_time(pair);
    }
    let mut others = a.iter().zip(b).filter(|(x, y)| x.lower != y.lower);
    let times = others.next().and_then(|(x, y)| tense(x).zip(tense(y)));
    times.is_some_and(|(x, y)| x != y) && others.next().is_none()
}

/// `Who is the king?`, `Who will be the king?`, `Who has been the king?`: somebody else, where no time is named.
fn is_for_another_time(pair: &Pair<'_>) -> bool {
    let whose = |of: &Reading| matches!(of.asked(), Some(Asked::Who | Asked::Which));
    let timed = |of: &Reading| {
        let ahead = ["next", "future", "upcoming", "soon"];
        of.marks(Family::Time).next().is_some()
            || of
                .tokens()
                .iter()
                .any(|t| t.is_of(&ahead) || t.kind == Kind::Number)
    };
    let (more, less, at) = match (pair.only_a(), pair.only_b()) {
        ([], [at]) => (pair.b.tokens(), pair.a.tokens(), *at),
        ([at], []) => (pair.a.tokens(), pair.b.tokens(), *at),
        _ => return false,
    };
    whose(pair.a)
        && whose(pair.b)
        && !timed(pair.a)
        && !timed(pair.b)
        && changes_time(&more[at..], less)
}

/// Whether a helping verb puts the one behind it in a time that it has not in `other`: not so in `who will buy old books`,
/// `who buys old books`, or `who has been elected`, `who is elected`.
fn changes_time(helped: &[Token], other: &[Token]) -> bool {
    let [helper, verb, rest @ ..] = helped else {
        return false;
    };
    let now = other.iter().find(|t| t.key == verb.key);
    now.is_some_and(|now| {
        let is = now.is_of(&["is", "are", "am"]);
        let plain = now.lower == verb.lower || now.lower.ends_with('s');
        let state = rest.first().is_some_and(|t| t.stop);
        (helper.is_of(&["will", "shall"]) && (is || !plain))
            || (helper.is_of(&["has", "have"]) && is && state)
    })
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
    fn another_state_is_another_question_whoever_is_asked_for() {
        for (a, b) in [
            ("Who is the CEO of Ford?", "Who used to be the CEO of Ford?"),
            (
                "Who is the CEO of Nike?",
                "Who is becoming the CEO of Nike?",
            ),
            (
                "Which company owns YouTube?",
                "Which company used to own YouTube?",
            ),
            (
                "What is Twitter called?",
                "What did Twitter use to be called?",
            ),
            ("Where does Anna work?", "Where did Anna use to work?"),
            (
                "What is it like to be a nurse?",
                "What is it like to become a nurse?",
            ),
            (
                "Who is the king of Spain?",
                "Who will be the king of Spain?",
            ),
            (
                "Who is the king of Spain?",
                "Who has been the king of Spain?",
            ),
            ("Who will win the league?", "Who won the league?"),
            ("Did Ford buy Jaguar?", "Is Ford trying to buy Jaguar?"),
        ] {
            different("dates", a, b);
        }
    }

    #[test]
    fn one_state_in_two_wordings_survives() {
        for (a, b) in [
            (
                "What do I need to become a nurse?",
                "What do I need to be a nurse?",
            ),
            (
                "What degree does a lawyer need to be one?",
                "What degree does a lawyer need to become one?",
            ),
            (
                "Who was the first woman in space?",
                "Who became the first woman in space?",
            ),
            (
                "What are the benefits of getting a flu shot?",
                "What are the benefits of a flu shot?",
            ),
            ("Why is my phone getting hot?", "Why is my phone hot?"),
            (
                "Which company owned YouTube?",
                "Which company used to own YouTube?",
            ),
            (
                "Who is the next king of Spain?",
                "Who will be the next king of Spain?",
            ),
            (
                "When is the next eclipse?",
                "When will the next eclipse be?",
            ),
            (
                "I am trying to install Docker, how do I start?",
                "How do I install Docker?",
            ),
            (
                "How long is the king of Spain king?",
                "How long has the king of Spain been king?",
            ),
        ] {
            survives(a, b);
        }
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
