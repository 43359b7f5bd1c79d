//! Opposites that tell one act or one state from its other side: `lend to` and `borrow from`, `buy` and `be sold`. Part
//! of the guards of yes and no.

use super::pair::Pair;
use super::token::Token;

/// Acts of two, as stems: what one does is what the other has done to him.
const CONVERSE: [[&str; 2]; 6] = [
    ["lend", "borrow"],
    ["sel", "buy"],
    ["sel", "purchas"],
    ["giv", "receiv"],
    ["send", "receiv"],
    ["teach", "learn"],
];
/// Forms of "be".
const BEING: [&str; 7] = ["is", "are", "was", "were", "be", "been", "being"];
/// Who acts where nobody in particular does.
const ANYBODY: [&str; 7] = ["i", "you", "we", "one", "people", "to", "somebody"];

/// A word in its text.
type Placed<'a> = (&'a [Token], usize);

/// Whether two words of opposite meaning say the same where they stand.
pub(super) fn are_one(a: Placed<'_>, b: Placed<'_>) -> bool {
    either(a, b, is_no_way) || either(a, b, is_rest) || either(a, b, is_trade)
}

fn either(a: Placed<'_>, b: Placed<'_>, says: fn(Placed<'_>, Placed<'_>) -> bool) -> bool {
    says(a, b) || says(b, a)
}

/// `Get it to stop`, `stop it from rounding`: ways are opposite where they lead to and from the same.
fn is_no_way(to: Placed<'_>, from: Placed<'_>) -> bool {
    let behind = |(tokens, at): Placed<'_>| tokens.get(at + 1).map(|t| t.spelling());
    to.0[to.1].is("to") && from.0[from.1].is("from") && behind(to) != behind(from)
}

/// `What is left`, `what remains`, but `who left`.
fn is_rest((tokens, at): Placed<'_>, remains: Placed<'_>) -> bool {
    let state = tokens[..at].iter().any(|t| t.is_of(&BEING));
    let last = tokens.get(at + 1).is_none_or(|next| next.stop) && at > 1;
    let has = tokens[..at]
        .iter()
        .any(|t| t.is_of(&["have", "has", "had"]));
    tokens[at].is("left") && remains.0[remains.1].stem == "remain" && (state || has && last)
}

/// `Where can I buy stamps`, `where are stamps sold`, `who sells stamps`, `where do they sell stamps`.
fn is_trade((tokens, at): Placed<'_>, (others, buy): Placed<'_>) -> bool {
    let before = &tokens[..at];
    let sold = tokens[at].is("sold") && before.iter().any(|t| t.is_of(&BEING));
    let seller = [before.first(), before.last()];
    let seller = seller
        .into_iter()
        .flatten()
        .any(|t| t.is_of(&["who", "they"]));
    let sells = tokens[at].stem == "sel" && seller;
    let buys = others[buy].is_of(&["buy", "purchase"]);
    buys && (sold || sells) && others[..buy].iter().any(|t| t.is_of(&ANYBODY))
}

/// `What does the IMF lend to Greece`, `what does Greece borrow from the IMF`: both act, each in its own way.
pub(super) fn is_converse(pair: &Pair<'_>, (i, j): (usize, usize)) -> bool {
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    let (x, y) = (a[i].stem.as_str(), b[j].stem.as_str());
    let acts = CONVERSE.iter().any(|act| *act == [x, y] || *act == [y, x]);
    let doer = |tokens: &[Token]| tokens.iter().rfind(|t| !t.stop).map(|t| t.key);
    let meets = |key: Option<u64>, behind: &[Token]| {
        key.is_some_and(|key| behind.iter().any(|t| t.key == key))
    };
    acts && meets(doer(&a[..i]), &b[j + 1..]) && meets(doer(&b[..j]), &a[i + 1..])
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn one_act_from_both_sides_survives() {
        for (a, b) in [
            (
                "How do I get Excel to stop rounding?",
                "How do I stop Excel from rounding?",
            ),
            (
                "What is left after a star dies?",
                "What remains after a star dies?",
            ),
            ("How much time is left?", "How much time remains?"),
            ("How much time do I have left?", "How much time remains?"),
            ("Where can I buy stamps?", "Where are stamps sold?"),
            ("Where can I buy stamps?", "Where do they sell stamps?"),
            (
                "What does the IMF lend to Greece?",
                "What does Greece borrow from the IMF?",
            ),
        ] {
            survives(a, b);
        }
    }

    #[test]
    fn another_act_is_another_question() {
        for (a, b) in [
            ("How do I move to Spain?", "How do I move from Spain?"),
            ("Who left the company?", "Who remained in the company?"),
            ("Where can I buy stamps?", "Where can I sell stamps?"),
            ("What does the IMF lend?", "What does the IMF borrow?"),
            (
                "Who lends money to Greece?",
                "Who borrows money from Greece?",
            ),
        ] {
            different("antonyms", a, b);
        }
    }
}
