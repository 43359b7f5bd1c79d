//! Who is asked for: the one who does it ("Who beat Ali?") or the one it is done to ("Who did Ali beat?"). Part of
//! the guard of order.

use super::digits::MONTHS;
use super::relation::is_relation;
use super::token::{Kind, Token};

/// What asks for somebody or something.
const ASKING: [&str; 4] = ["who", "whom", "which", "what"];
/// What puts the one who does it before the verb.
pub(super) const HELPING: [&str; 18] = [
    "did", "does", "do", "has", "have", "had", "is", "are", "was", "were", "can", "could", "will",
    "would", "should", "may", "might", "must",
];
/// Forms of "be", behind which a word that is no `-ing` is done to nobody: `What is Python list comprehension?`.
pub(super) const BEING: [&str; 7] = ["is", "are", "was", "were", "be", "been", "being"];
/// Verbs among the words that carry no subject.
const SMALL: [&str; 6] = ["like", "need", "want", "know", "help", "tell"];
/// Verbs that say the same from both ends; and those that English learners turn around where they mean the same.
const EVEN: [&str; 16] = [
    "touch", "touches", "touched", "fight", "fought", "fights", "play", "played", "plays", "face",
    "faced", "mean", "means", "meant", "cost", "costs",
];
/// Longest description of what is asked for, and longest name of the one who does it, in words.
const MOST: usize = 6;

/// Whether `helped` asks what somebody does something to, and `plain` in the same words who does it to them.
pub(super) fn is_turned(helped: &[Token], plain: &[Token]) -> bool {
    let Some(helper) = helper(helped).filter(|_| asks(helped) && asks(plain)) else {
        return false;
    };
    // "Which players has Federer beaten?", "Which players have beaten Federer?": both are helped.
    let too = plain.get(helper).is_some_and(|t| t.is_of(&HELPING));
    let Some(after) = plain.get(helper + usize::from(too)..) else {
        return false;
    };
    let before = &helped[helper + 1..];
    let acts = |verb: &Token| is_act(&helped[0], &helped[helper], verb);
    alike(&helped[1..helper], &plain[1..helper])
        && (is_stranded(before, after, acts)
            || after.len() == before.len()
                && (1..=MOST.min(before.len().saturating_sub(1))).any(|verb| {
                    let goes = !helped[helper].is_of(&BEING)
                        || before[verb].lower.ends_with("ing")
                        || verb == 1 && is_pair(before);
                    goes && acts(&before[verb]) && turned_at(verb, before, after)
                }))
}

/// `Who was beaten by Ali?`, `Who beat Ali?`: who is asked for has it done to him, or does it. In `Who was Ali beaten
/// by?` somebody else has it done.
pub(super) fn is_suffered(passive: &[Token], plain: &[Token]) -> bool {
    let Some(by) = passive.iter().position(|t| t.is("by")) else {
        return false;
    };
    let suffers = |t: &Token| t.is_of(&BEING) || t.is_of(&HELPING) || t.is("got");
    let Some(first) = passive.iter().take(MOST).position(suffers) else {
        return false;
    };
    if first == 0 || by < first + 2 || !asks(passive) || !asks(plain) {
        return false;
    }
    let (verb, doer) = (by - 1, &passive[by + 1..]);
    let too = plain.get(first).is_some_and(|t| t.is_of(&HELPING));
    let acts = plain.get(first + usize::from(too)..);
    passive[first..verb].iter().all(suffers)
        && alike(&passive[1..first], &plain[1..first.min(plain.len())])
        && acts
            .and_then(<[Token]>::split_first)
            .is_some_and(|(act, done)| {
                let dated = doer.first().is_none_or(is_dated);
                !dated && same(act, &passive[verb]) && !is_even(act) && alike(done, doer)
            })
}

fn asks(tokens: &[Token]) -> bool {
    tokens.first().is_some_and(|t| t.is_of(&ASKING))
}

/// Where the helping verb stands behind what is asked for.
fn helper(tokens: &[Token]) -> Option<usize> {
    let helper = tokens.iter().take(MOST).position(|t| t.is_of(&HELPING));
    helper.filter(|at| *at > 0)
}

/// Whether a word may be what one does to the other, who is asked for with `asking`.
fn is_act(asking: &Token, helper: &Token, verb: &Token) -> bool {
    // "What needs a cat?" is what learners say for "What does a cat need?".
    let small = verb.is_of(&SMALL) && !asking.is("what") && !helper.is_of(&BEING);
    (small || !verb.stop) && !is_even(verb)
}

/// `Who do banks lend money to?`, `Who lends money to banks?`: the small word stays behind when its thing leads.
fn is_stranded(before: &[Token], after: &[Token], acts: impl Fn(&Token) -> bool) -> bool {
    let Some((link, before)) = before.split_last().filter(|(link, _)| link.stop) else {
        return false;
    };
    let Some(at) = after.iter().skip(1).position(|t| same(t, link)) else {
        return false;
    };
    let (act, subject) = (&after[..=at], &after[at + 2..]);
    // "The father of": an article says nothing.
    let verb = act.iter().find(|t| !t.is_of(&["a", "an", "the"]));
    !subject.is_empty()
        && verb.is_some_and(acts)
        && before.len() == act.len() + subject.len()
        && alike(&before[..subject.len()], subject)
        && alike(&before[subject.len()..], act)
}

/// `What is home town?`, `What is town home?`, `What is f(g(x))?`: two words that are all there is, or all before a small
/// word; but `Vitamin B12`.
fn is_pair(thing: &[Token]) -> bool {
    let rest = thing.get(2);
    let alone = rest.is_none_or(|t| t.stop || t.lower.len() == 1);
    alone && thing[..2].iter().all(|t| t.kind == Kind::Word)
}

/// Parts of a date stand in any order.
fn is_dated(token: &Token) -> bool {
    token.kind != Kind::Word || token.is_of(&MONTHS)
}

/// Whether a word says the same from both ends.
fn is_even(token: &Token) -> bool {
    token.is_of(&EVEN) || is_relation(token) || is_dated(token)
}

/// Whether the verb behind its subject is the same as the one before its object.
fn turned_at(verb: usize, before: &[Token], after: &[Token]) -> bool {
    same(&before[verb], &after[0])
        && !is_even(&after[0])
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
    fn who_has_it_done_to_him_is_not_who_does_it() {
        for (a, b) in [
            ("Who was defeated by Rome?", "Who defeated Rome?"),
            (
                "Which team was beaten by Brazil in 2002?",
                "Which team beat Brazil in 2002?",
            ),
            (
                "Who has been influenced by Kant?",
                "Who has influenced Kant?",
            ),
            ("Who got fired by the new boss?", "Who fired the new boss?"),
            ("What is eaten by owls?", "What eats owls?"),
        ] {
            different("direction", a, b);
            different("direction", b, a);
        }
        for (a, b) in [
            ("Who was Rome defeated by?", "Who defeated Rome?"),
            ("By whom was Rome defeated?", "Who defeated Rome?"),
            ("Who was defeated by Rome?", "Who did Rome defeat?"),
            ("Who was killed by Brutus?", "Who did Brutus kill?"),
            (
                "Which book was written by Orwell?",
                "Which book did Orwell write?",
            ),
            ("What is meant by entropy?", "What means entropy?"),
        ] {
            survives(a, b);
        }
    }

    #[test]
    fn a_small_word_left_behind_tells_who_is_asked_for() {
        for (a, b) in [
            ("Who lends money to banks?", "Who do banks lend money to?"),
            (
                "Who sold Alaska to Russia?",
                "Who did Russia sell Alaska to?",
            ),
            (
                "Who is the father of Luke Skywalker?",
                "Who is Luke Skywalker the father of?",
            ),
            ("Who likes Anna?", "Who does Anna like?"),
            ("Which animals like cats?", "Which animals do cats like?"),
        ] {
            different("direction", a, b);
            different("direction", b, a);
        }
        for (a, b) in [
            ("Who is Anna married to?", "Who is married to Anna?"),
            ("Who is the cousin of Tom?", "Who is Tom the cousin of?"),
            (
                "Who did Russia sell Alaska to?",
                "To whom did Russia sell Alaska?",
            ),
            ("What does a cat need?", "What needs a cat?"),
        ] {
            survives(a, b);
        }
    }

    #[test]
    fn what_stands_behind_is_does_nothing() {
        for (a, b) in [
            (
                "what is python list comprehension",
                "what is list comprehension python",
            ),
            (
                "What is Vitamin B12 good for?",
                "What is B12 vitamin good for?",
            ),
        ] {
            survives(a, b);
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
