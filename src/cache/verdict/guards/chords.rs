//! Keys that are pressed together, as people write them. Knows nothing of the text around.

use super::token::{Kind, Token};

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
    // Most words are no keys, and need not be taken apart.
    if !core.contains(['+', '-']) {
        return None;
    }
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

/// Makes one token of keys that stand apart: `Ctrl + C`, `Ctrl C`, `Control C`.
pub(super) fn join(tokens: &mut Vec<Token>) {
    let mut at = 0;
    while at < tokens.len() {
        if is_held(&tokens[at])
            && let Some((keys, count)) = apart(&tokens[at..])
        {
            let key = Token::exact(Kind::Identifier, &keys, &keys);
            tokens.splice(at..at + count, [key]);
        }
        at += 1;
    }
}

/// Keys that a text begins with, and how many tokens they take.
fn apart(tokens: &[Token]) -> Option<(String, usize)> {
    let mut held = tokens[0].lower.clone();
    let mut count = 1;
    let mut signed = false;
    loop {
        let plus = tokens.get(count).is_some_and(|t| t.is("+"));
        signed |= plus;
        let next = tokens.get(count + usize::from(plus))?;
        count += usize::from(plus) + 1;
        if !(signed || is_typed(&tokens[0], next)) {
            return None;
        }
        let more = is_held(next);
        held.push('+');
        held.push_str(&next.lower);
        if !more {
            return chord(&held).map(|keys| (keys, count));
        }
    }
}

/// Whether two words are keys even without a sign between: `ctrl alt del`, `Control C`, but no `control a robot`.
fn is_typed(first: &Token, next: &Token) -> bool {
    let short = first.is_of(&["ctrl", "cmd"]);
    let letter = next.raw.chars().all(char::is_uppercase) && !next.is_of(&["a", "i"]);
    short || (first.is_of(&["control", "command"]) && next.raw.len() == 1 && letter)
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn other_keys_are_another_question() {
        for (a, b) in [
            ("What does Ctrl + C do?", "What does Ctrl + V do?"),
            ("What does Ctrl C do?", "What does Ctrl V do?"),
        ] {
            different("identifiers", a, b);
        }
    }

    #[test]
    fn keys_that_stand_apart_are_pressed_together() {
        for (a, b) in [
            ("What does Ctrl + C do?", "What does Ctrl+C do?"),
            ("What does Ctrl C do?", "What does Ctrl+C do?"),
            ("What does Control C do?", "What does Ctrl+C do?"),
            (
                "What does ctrl + shift + p do?",
                "What does Ctrl+Shift+P do?",
            ),
            (
                "What does ctrl alt del do?",
                "What does Ctrl+Alt+Delete do?",
            ),
            ("What does cmd c do?", "What does command+c do?"),
            ("How do I control a robot?", "How can I control a robot?"),
            (
                "Should I use control A or B?",
                "Should I use control a or b?",
            ),
        ] {
            survives(a, b);
        }
    }
}
