//! Words that deny, and those that say much the same in their place: `exclude a folder`, `ignore a folder`. Part of the
//! guards of yes and no.

use super::token::Token;

/// Words that deny, and words that may stand for them: stems, or a stem with the small word behind it.
type Group = (&'static [&'static str], &'static [&'static str]);

const GROUPS: [Group; 9] = [
    (
        &["exclud", "omit", "skip", "withhold"],
        &[
            "bypas",
            "drop",
            "filter",
            "forget",
            "forgo",
            "hid",
            "ignor",
            "jump",
            "mis",
            "overlook",
            "remov",
            "leav out",
            "leav off",
            "get around",
            "go past",
        ],
    ),
    (
        &["avoid", "refrain"],
        &[
            "bypas",
            "dodg",
            "escap",
            "evad",
            "shun",
            "sidestep",
            "get around",
            "get out",
            "stay away",
            "keep away",
            "steer clear",
        ],
    ),
    (
        &["avoid", "prevent", "stop", "ceas"],
        &[
            "block",
            "disabl",
            "halt",
            "suppres",
            "keep from",
            "turn off",
            "shut off",
        ],
    ),
    (
        &["forbid", "prohibit", "ban", "disallow"],
        &[
            "block", "disabl", "outlaw", "restrict", "turn off", "shut off",
        ],
    ),
    (
        &["refus", "declin", "deni"],
        &[
            "dismis",
            "reject",
            "spurn",
            "turn down",
            "say no",
            "back out",
        ],
    ),
    (
        &["fail", "neglect"],
        &[
            "break",
            "broke",
            "broken",
            "collaps",
            "crash",
            "flunk",
            "forget",
            "forgot",
            "freez",
            "hang",
            "break down",
            "go down",
        ],
    ),
    (
        &["quit", "stop", "ceas", "opt out"],
        &[
            "abandon",
            "cancel",
            "halt",
            "leav",
            "uninstal",
            "unsubscrib",
            "withdraw",
            "give up",
            "drop out",
        ],
    ),
    (
        &["missing", "absent", "absence"],
        &["disappear", "gon", "los", "lost", "vanish"],
    ),
    (&["exempt"], &["excus"]),
];
/// How far behind its verb the small word may stand.
const REACH: usize = 3;

/// Whether one of two words denies, and the other says much the same.
pub(super) fn are_kin(a: (&[Token], usize), b: (&[Token], usize)) -> bool {
    GROUPS.iter().any(|(deny, alike)| {
        let denies = |side| deny.iter().any(|word| says(side, word));
        let also = |side| denies(side) || alike.iter().any(|word| says(side, word));
        denies(a) && also(b) || denies(b) && also(a)
    })
}

/// Whether a text says a word, or a verb with its small word, at a place.
fn says((tokens, at): (&[Token], usize), word: &str) -> bool {
    let is = |token: &Token, word: &str| token.stem == word || token.is(word);
    let Some((verb, small)) = word.split_once(' ') else {
        return is(&tokens[at], word);
    };
    let after = tokens.iter().skip(at + 1).take(REACH);
    let before = &tokens[at.saturating_sub(REACH)..at];
    is(&tokens[at], verb) && after.into_iter().any(|t| t.is(small))
        || tokens[at].is(small) && before.iter().any(|t| is(t, verb))
}
