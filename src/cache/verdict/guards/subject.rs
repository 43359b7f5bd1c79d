//! Who is asked for: the one who does it ("Who beat Ali?") or the one it is done to ("Who did Ali beat?"). Part of
//! the guard of order.

use super::digits::MONTHS;
use super::token::{Kind, Token};

/// What asks for somebody or something.
const ASKING: [&str; 4] = ["who", "whom", "which", "what"];
/// What puts the one who does it before the verb.
const HELPING: [&str; 18] = [
    "did", "does", "do", "has", "have", "had", "is", "are", "was", "were", "can", "could", "will",
    "would", "should", "may", "might", "must",
];
/// Verbs that say the same from both ends; and those that English learners turn around where they mean the same.
const EVEN: [&str; 36] = [
    "marry",
    "married",
    "marries",
    "wed",
    "divorce",
    "divorced",
    "meet",
    "met",
    "meets",
    "date",
    "dated",
    "border",
    "bordered",
    "borders",
    "adjoin",
    "adjoins",
    "touch",
    "touches",
    "touched",
    "resemble",
    "resembles",
    "equal",
    "equals",
    "fight",
    "fought",
    "fights",
    "play",
    "played",
    "plays",
    "face",
    "faced",
    "mean",
    "means",
    "meant",
    "cost",
    "costs",
];
/// Longest description of what is asked for, and longest name of the one who does it, in words.
const MOST: usize = 6;

/// Whether `helped` asks what somebody does something to, and `plain` in the same words who does it to them.
pub(super) fn is_turned(helped: &[Token], plain: &[Token]) -> bool {
    let asks = |tokens: &[Token]| tokens.first().is_some_and(|t| t.is_of(&ASKING));
    let helper = helped.iter().take(MOST).position(|t| t.is_of(&HELPING));
    let Some(helper) = helper.filter(|at| *at > 0 && asks(helped) && asks(plain)) else {
        return false;
    };
    // "Which players has Federer beaten?", "Which players have beaten Federer?": both are helped.
    let too = plain.get(helper).is_some_and(|t| t.is_of(&HELPING));
    let Some(after) = plain.get(helper + usize::from(too)..) else {
        return false;
    };
    let before = &helped[helper + 1..];
    // "Who reports to the CFO?", "Who does the CFO report to?": the small word goes with the verb.
    let linked = before.last().zip(after.get(1));
    let linked = linked.is_some_and(|(last, link)| link.stop && same(last, link));
    let (before, after) = if linked {
        (
            &before[..before.len() - 1],
            [&after[..1], &after[2..]].concat(),
        )
    } else {
        (before, after.to_vec())
    };
    alike(&helped[1..helper], &plain[1..helper])
        && after.len() == before.len()
        && (1..=MOST.min(before.len().saturating_sub(1)))
            .any(|verb| turned_at(verb, before, &after))
}

/// Whether the verb behind its subject is the same as the one before its object.
fn turned_at(verb: usize, before: &[Token], after: &[Token]) -> bool {
    // Parts of a date stand in any order.
    let dated = |token: &Token| token.kind != Kind::Word || token.is_of(&MONTHS);
    let even = |token: &Token| token.stop || token.is_of(&EVEN) || dated(token);
    same(&before[verb], &after[0])
        && !even(&before[verb])
        && !even(&after[0])
        && alike(&before[..verb], &after[1..=verb])
        && alike(&before[verb + 1..], &after[verb + 1..])
}

fn same(a: &Token, b: &Token) -> bool {
    a.key == b.key || a.meaning == b.meaning
}

fn alike(a: &[Token], b: &[Token]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| same(x, y))
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn who_does_it_and_to_whom_it_is_done_are_two_questions() {
        for (a, b) in [
            ("Who did Ali beat in 1974?", "Who beat Ali in 1974?"),
            (
                "Which drug does warfarin inhibit?",
                "Which drug inhibits warfarin?",
            ),
            (
                "Which country did Japan attack in 1945?",
                "Which country attacked Japan in 1945?",
            ),
            ("What do owls eat?", "What eats owls?"),
            ("Who did the Romans fear?", "Who feared the Romans?"),
            (
                "Which company did Google buy?",
                "Which company bought Google?",
            ),
            ("Whom did Plato teach?", "Who taught Plato?"),
            ("Which company did Apple sue?", "Which company sued Apple?"),
            ("Who does the CFO report to?", "Who reports to the CFO?"),
            (
                "Which players has Federer beaten?",
                "Which players have beaten Federer?",
            ),
            ("Who is Tom suing?", "Who is suing Tom?"),
            (
                "Who can the president pardon?",
                "Who can pardon the president?",
            ),
        ] {
            different("direction", a, b);
            different("direction", b, a);
        }
    }

    #[test]
    fn what_is_only_stressed_or_the_same_from_both_ends_survives() {
        for (a, b) in [
            ("Who did Anna marry?", "Who married Anna?"),
            (
                "Which countries does France border?",
                "Which countries border France?",
            ),
            ("What does entropy mean?", "What means entropy?"),
            ("What do cats eat?", "What does a cat eat?"),
        ] {
            survives(a, b);
        }
    }
}
