//! The marks behind a number or a letter that say "factorial", and that of an editor's command: `10!`, `n!!`, `:q!`.
//! They are told from an exclamation by the words around. Knows nothing of other signs.

use super::signs::Around;

/// Words of a text that reckons.
const MATHS: [&str; 17] = [
    "factorial",
    "factorials",
    "value",
    "limit",
    "derivative",
    "integral",
    "compute",
    "calculate",
    "evaluate",
    "simplify",
    "equal",
    "equals",
    "define",
    "zeros",
    "zeroes",
    "divisible",
    "digits",
];
/// Words behind a factorial, which goes on where an exclamation ends.
const BEHIND: [&str; 6] = ["mean", "means", "equal", "equals", "grow", "grows"];
const COMMANDS: [&str; 8] = [":q", ":w", ":wq", ":x", ":e", ":qa", ":wa", ":wqa"];

/// The sign that a chunk ends in.
pub(super) fn read(chunk: &str, around: &Around<'_>) -> Option<&'static str> {
    let head = chunk.trim_end_matches(['?', '.', ',', ';', ':']);
    let core = head.trim_end_matches('!');
    let sign = match head.len() - core.len() {
        1 => "!_",
        2 => "!!_",
        _ => return None,
    };
    let counts = COMMANDS.contains(&core) || is_asked(core, around);
    counts.then_some(sign)
}

/// Whether a text can have a factorial: a number, or a letter that is no word.
pub(super) fn takes(text: &str) -> bool {
    let number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let letter = text.len() == 1
        && text.bytes().all(|b| b.is_ascii_lowercase())
        && !matches!(text, "a" | "i" | "o" | "u");
    number || letter
}

/// Whether a text reckons with what has a mark behind it: `What is 10!`, but not `Happy 40!`.
fn is_asked(core: &str, around: &Around<'_>) -> bool {
    if core.contains(['$', '€', '£', '%', '#', ':']) {
        return false;
    }
    let bracket = core.ends_with(')') && core.contains(['+', '-', '*', '^', '/']);
    let last = core.rsplit(|c: char| !c.is_alphanumeric()).next();
    if !bracket && !last.is_some_and(takes) {
        return false;
    }
    let asked = match around.earlier {
        // A longer number is a year.
        [.., what, is] => what.is("what") && is.is("is") && core.len() < 4,
        _ => false,
    };
    let next = around.after.split_whitespace().next().unwrap_or("");
    let next = next.trim_end_matches(|c: char| !c.is_alphanumeric());
    asked
        || bracket
        || core.contains(['*', '/', '^', '='])
        || BEHIND.contains(&next)
        || around
            .after
            .starts_with(['+', '*', '/', '=', '<', '×', '÷'])
        || around.earlier.iter().any(|token| token.is_of(&MATHS))
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn a_factorial_is_another_number() {
        for (a, b) in [
            ("What is 10!?", "What is 10?"),
            ("What is n!", "What is n?"),
            ("What is 3!!", "What is 3!"),
            ("Is it O(n!)?", "Is it O(n)?"),
            ("What is the value of 5!", "What is the value of 5?"),
            ("Why does 0! equal 1?", "Why does 0 equal 1?"),
            ("What does :q! do in vim?", "What does :q do in vim?"),
            ("What does :w do in vim?", "What does :w! do in vim?"),
        ] {
            different("code", a, b);
        }
    }

    #[test]
    fn an_exclamation_is_no_factorial() {
        for (a, b) in [
            ("How do I say happy 40!", "How do I say happy 40?"),
            (
                "I love version 2! Why is it slow?",
                "I love version 2. Why is it slow?",
            ),
            ("Can I drive at 16!?", "Can I drive at 16?"),
            ("What happened in 2012!", "What happened in 2012?"),
            ("What is 1984!", "What is 1984?"),
            ("Is this the plan b!", "Is this the plan b?"),
            ("What is 10!?", "What's 10! ?"),
            ("What is 5!?", "What is 5 factorial?"),
        ] {
            survives(a, b);
        }
    }
}
