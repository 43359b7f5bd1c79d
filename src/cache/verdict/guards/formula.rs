//! The signs within a chunk of letters and digits: `x++`, `s[-1]`, `log(x+1)`. Knows nothing of the words around.

use super::factorial;
use super::signs::{Around, BRACKETS, OPERATORS, PROBABILITY, given, plain};

/// What stands at both sides of an operator within a chunk.
struct Place<'a> {
    left: &'a str,
    right: &'a str,
    inside: bool,
}

impl Place<'_> {
    fn between(&self) -> bool {
        !self.left.is_empty() && !self.right.is_empty()
    }

    /// A name or a number, and no word.
    fn is_small(text: &str) -> bool {
        text.chars().count() < 2
            || text.starts_with(|c: char| c.is_ascii_digit())
            || text.starts_with(BRACKETS)
    }

    fn has_digit(text: &str) -> bool {
        text.contains(|c: char| c.is_ascii_digit())
    }
}

/// The signs of a chunk with letters or digits in it.
pub(super) fn formula(core: &str, around: &Around<'_>, found: &mut Vec<String>) {
    let whole = core;
    let core = unwrapped(core, around, found);
    let before = found.len();
    let (mut called, mut depth, mut probable) = (false, 0_usize, false);
    let mut rest = core;
    let mut left = "";
    while let Some(first) = rest.chars().next() {
        let is_operator = |c: char| OPERATORS.contains(c);
        let end = if BRACKETS.contains(&first) {
            first.len_utf8()
        } else if is_operator(first) {
            run_of(rest, left)
        } else {
            let ends = |c| is_operator(c) || BRACKETS.contains(&c);
            rest.find(ends).unwrap_or(rest.len())
        };
        let (part, after) = rest.split_at(end);
        if matches!(first, '(' | '[' | '{') {
            called |= !left.is_empty() && !is_plural(after);
            probable = PROBABILITY.contains(&left.to_lowercase().as_str());
            depth += 1;
            found.push(part.to_owned());
            left = "";
        } else if BRACKETS.contains(&first) {
            depth = depth.saturating_sub(1);
            probable = false;
            found.push(part.to_owned());
            left = part;
        } else if is_operator(first) {
            let right = after.find(is_operator).map_or(after, |end| &after[..end]);
            let right = right.trim_end_matches([')', ']', '}']);
            let place = Place {
                left,
                right,
                inside: depth > 0,
            };
            let sign = if part.trim_matches('!').is_empty() && !left.is_empty() {
                postfix(part, left, depth > 0 || !after.is_empty())
            } else if part == "|" && probable {
                Some(given(left, right))
            } else {
                operator(&plain(part), &place)
            };
            if let Some(sign) = sign {
                called = true;
                found.push(sign);
            }
            left = "";
        } else {
            left = part;
        }
        rest = after;
    }
    if !called {
        // Brackets around a part of a sentence.
        found.truncate(before);
    }
    close(whole, found);
}

/// `n!` within a formula.
fn postfix(sign: &str, left: &str, within: bool) -> Option<String> {
    let number = factorial::takes(left) || left == ")";
    (number && within).then(|| format!("{sign}_"))
}

/// How long the operator is that a text begins with: `!` behind a number and `:` before a sign stand by themselves,
/// `10!/8!`, `[:-1]`.
fn run_of(text: &str, left: &str) -> usize {
    let end = text.find(|c| !OPERATORS.contains(c));
    let run = &text[..end.unwrap_or(text.len())];
    let behind = run.trim_start_matches('!');
    if !left.is_empty() && !behind.starts_with('=') && behind.len() < run.len() {
        run.len() - behind.len()
    } else if run.starts_with(':') && run.len() > 1 && run.ends_with('-') {
        run.len() - 1
    } else {
        run.len()
    }
}

/// Closes what an earlier chunk opened: `log(x + 1)`.
fn close(chunk: &str, found: &mut Vec<String>) {
    let more = chunk
        .matches(')')
        .count()
        .saturating_sub(chunk.matches('(').count());
    let count = |sign| found.iter().filter(|s| *s == sign).count();
    let open = if more > 0 {
        count("(").saturating_sub(count(")"))
    } else {
        0
    };
    found.extend((0..more.min(open)).map(|_| ")".to_owned()));
}

/// `item(s)`, `print()`: brackets that say nothing.
fn is_plural(after: &str) -> bool {
    ["s)", "es)", ")"].iter().any(|end| after.starts_with(end))
}

/// A formula without the brackets and the emphasis that a sentence puts around it.
fn unwrapped<'a>(core: &'a str, around: &Around<'_>, found: &mut Vec<String>) -> &'a str {
    let mut core = core;
    let count = |sign| core.matches(sign).count();
    let (open, closed) = (count('('), count(')'));
    if core.starts_with('(') && open > closed {
        // `(2 + 3) * 4`
        if around
            .after
            .starts_with(['+', '-', '*', '/', '=', '<', '>', '^'])
        {
            found.push("(".to_owned());
        }
        core = &core[1..];
    } else if closed > open {
        let trailing = core.len() - core.trim_end_matches(')').len();
        core = &core[..core.len() - trailing.min(closed - open)];
    } else if core.starts_with('(') && core.find(')') == Some(core.len() - 1) {
        core = &core[1..core.len() - 1];
    }
    let bare = core.trim_matches('*');
    let stars = (core.starts_with('*'), core.ends_with('*'));
    if stars == (false, true) {
        // The end of what was emphasised: `**two words**`.
        if let Some(place) = found.iter().rposition(|s| s.starts_with('*')) {
            found.remove(place);
        }
    }
    if stars.1 { bare } else { core }
}

/// How an operator is compared; `None` for a mark that joins words.
fn operator(sign: &str, place: &Place<'_>) -> Option<String> {
    let Place {
        left,
        right,
        inside,
    } = *place;
    let between = place.between();
    let small = Place::is_small(left) && Place::is_small(right);
    let short = left.len() <= 3 && left.chars().all(char::is_alphabetic) && right.is_empty();
    let digits = Place::has_digit(left) || Place::has_digit(right);
    let counts = match sign {
        "-" => return (inside && left.is_empty() || short).then(|| sided(sign, place)),
        "+" if right.is_empty() => return short.then(|| sided(sign, place)),
        "+" if left.is_empty() => inside || right.starts_with(char::is_alphabetic),
        "+" => inside || Place::is_small(left) || Place::is_small(right),
        "++" if matches!(left, "c" | "C" | "g" | "notepad" | "Notepad") => false,
        "++" => return Some(sided(sign, place)),
        "--" => return short.then(|| sided(sign, place)),
        ":" => return inside.then(|| sided(sign, place)),
        "/" => inside && between || left.starts_with(BRACKETS) || right.starts_with(BRACKETS),
        "&" => left.is_empty() || inside,
        "*" => left.is_empty() || inside || (between && (small || digits)),
        "**" if between && small && Place::has_digit(right) => {
            return Some("^".to_owned());
        }
        "**" => left.is_empty() || inside || digits,
        "!" | "!!" => left.is_empty() && !right.is_empty(),
        // `A..B`, but who stammers says one letter twice: `I...I`.
        ".." | "..." => inside || (between && (digits || (small && left != right))),
        "::" if inside => return Some(sided(sign, place)),
        "??" | "?." => between,
        "//" | "::" | "^" => true,
        "=" => !right.is_empty(),
        _ => sign.contains(['=', '<', '>', '|', '&']),
    };
    // The sign of a negative number is no part of the operator: `x=-1`.
    let negative = sign.len() > 1 && sign.ends_with('-') && !sign.ends_with("--");
    counts.then(|| sign[..sign.len() - usize::from(negative)].to_owned())
}

/// An operator that says something else before its operand than behind it: `++i`, `i++`, `[1:]`, `[:1]`.
fn sided(sign: &str, place: &Place<'_>) -> String {
    match (place.left.is_empty(), place.right.is_empty()) {
        (false, true) => format!("_{sign}"),
        (true, false) => format!("{sign}_"),
        _ => sign.to_owned(),
    }
}
