//! Keys that are pressed together, as people write them. Knows nothing of the text around.

use super::token::Token;

const HELD: [(&str, &str); 10] = [
    ("ctrl", "ctrl"),
    ("control", "ctrl"),
    ("alt", "alt"),
    ("shift", "shift"),
    ("cmd", "cmd"),
    ("command", "cmd"),
    ("option", "alt"),
    ("opt", "alt"),
    ("win", "win"),
    ("windows", "win"),
];

/// Whether a word is the name of a key that is held.
pub(super) fn is_held(token: &Token) -> bool {
    HELD.iter().any(|(name, _)| token.is(name))
}

/// `Ctrl+C`, `CTRL-C`: keys that are pressed together, each by one name.
pub(super) fn chord(core: &str) -> Option<String> {
    const NAMED: [(&str, &str); 6] = [
        ("del", "delete"),
        ("delete", "delete"),
        ("esc", "escape"),
        ("escape", "escape"),
        ("tab", "tab"),
        ("enter", "enter"),
    ];
    let lower = core.to_lowercase();
    let mut keys: Vec<&str> = lower.split(['+', '-']).collect();
    let last = keys.pop()?;
    let named = NAMED
        .iter()
        .find(|(name, _)| *name == last)
        .map(|(_, key)| *key);
    let last = named.or_else(|| (last.chars().count() == 1).then_some(last))?;
    let held = |key: &&str| {
        HELD.iter()
            .find(|(name, _)| name == key)
            .map(|(_, key)| *key)
    };
    let mut held: Vec<&str> = keys.iter().map(held).collect::<Option<_>>()?;
    held.sort_unstable();
    held.push(last);
    (held.len() > 1).then(|| held.join("+"))
}
