//! The guard of whose thing is meant: mine, yours, his, my wife's. "You" and "I"
//! that stand for anybody are one. Knows nothing of names.

use super::Finding;
use super::pair::Pair;
use super::reading::Reading;
use super::token::Token;

/// Share of content words two texts must have in common before a pronoun decides.
const MUCH_THE_SAME: f32 = 0.7;

/// Persons that are told apart.
const PERSONS: [&[&str]; 5] = [
    &["i", "me", "my", "mine", "myself", "we", "us", "our", "ours"],
    &["you", "your", "yours", "yourself"],
    &["he", "him", "his", "himself"],
    &["she", "her", "hers", "herself"],
    &["they", "them", "their", "theirs"],
];
/// Owners, of the first and second person in a sense that is not "anybody's".
const OWNERS: [&str; 5] = ["my", "mine", "our", "your", "yours"];
/// People of somebody.
const RELATIVES: [&str; 36] = [
    "wife",
    "husband",
    "son",
    "daughter",
    "mother",
    "father",
    "mom",
    "dad",
    "mum",
    "brother",
    "sister",
    "friend",
    "boyfriend",
    "girlfriend",
    "boss",
    "partner",
    "child",
    "children",
    "kid",
    "baby",
    "parents",
    "grandmother",
    "grandfather",
    "uncle",
    "aunt",
    "cousin",
    "neighbor",
    "neighbour",
    "roommate",
    "coworker",
    "colleague",
    "client",
    "customer",
    "ex",
    "manager",
    "teacher",
];

fn person(token: &Token) -> Option<usize> {
    PERSONS.iter().position(|words| token.is_of(words))
}

/// Whether an owner is named on one side alone: "my password", "my wife's password".
fn owned(of: &Reading, only: &[usize]) -> bool {
    only.iter().any(|i| {
        let token = &of.tokens()[*i];
        token.owner && token.is_of(&RELATIVES)
    })
}

/// Another person's thing.
pub(super) fn examine(pair: &Pair<'_>) -> Finding {
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    let mut other = false;
    for i in pair.only_a() {
        for j in pair.only_b() {
            let (Some(x), Some(y)) = (person(&a[*i]), person(&b[*j])) else {
                continue;
            };
            if x == y || !pair.is_aligned(*i, *j) {
                continue;
            }
            // "How do I" and "how do you" ask the same, "my name" and "your name" do not.
            let anybody = x < 2 && y < 2;
            let owners = a[*i].is_of(&OWNERS) && b[*j].is_of(&OWNERS);
            if pair.likeness() < MUCH_THE_SAME {
                continue;
            }
            other |= !anybody || (owners && pair.places() == 1);
        }
    }
    let (only_a, only_b) = pair.strays();
    if other {
        return Finding::Different("person_changed");
    }
    if (owned(pair.a, pair.only_a()) && only_b == 0)
        || (owned(pair.b, pair.only_b()) && only_a == 0)
    {
        return Finding::Different("owner_changed");
    }
    Finding::Equal
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn another_person_is_another_question() {
        different("person", "Reset my password", "Reset my wife's password");
        different("person", "What is his name?", "What is her name?");
        different("person", "What is my name?", "What is your name?");
    }

    #[test]
    fn anybody_survives() {
        survives("How do I learn chess?", "How do you learn chess?");
        survives(
            "How do I improve my English?",
            "How do you improve your English?",
        );
    }
}
