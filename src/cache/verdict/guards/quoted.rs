//! What a text puts between quotation marks. Knows nothing of the words within.

use super::scan::MOST_TOKENS;

/// Characters of a quoted string that is still compared as one.
const MOST_QUOTED: usize = 300;

/// The mark that a quoted string ends with; the last one of a text may be the question's own: `what is "stop?"`.
fn mark_of(end: &str, after: &str) -> Option<char> {
    let asked = end.contains('?');
    if asked && !after.contains(|c: char| !c.is_whitespace()) {
        return None;
    }
    let mark = if asked { '?' } else { '!' };
    end.contains(mark).then_some(mark)
}

/// What stands between quotation marks, in small letters, with the `!` or `?` at its end.
pub(super) fn read(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut before = ' ';
    let mut rest = text;
    while let Some(at) = rest.find(['"', '“', '\'', '‘']) {
        before = rest[..at].chars().next_back().unwrap_or(before);
        let mark = rest[at..].chars().next().unwrap_or('"');
        let inside = &rest[at + mark.len_utf8()..];
        let closes: &[char] = match mark {
            '"' => &['"'],
            '“' => &['”', '“', '"'],
            _ => &['\'', '’'],
        };
        // An apostrophe within a word opens nothing.
        let opens = mark == '"' || mark == '“' || !before.is_alphanumeric();
        let close = inside
            .char_indices()
            .take(MOST_QUOTED)
            .find(|(i, c)| {
                let after = inside[i + c.len_utf8()..].chars().next();
                closes.contains(c) && (mark == '"' || !after.is_some_and(char::is_alphanumeric))
            })
            .map(|(i, _)| i);
        rest = inside;
        before = mark;
        if let (true, Some(end)) = (opens, close) {
            let after = inside[end..].chars().next().map_or(0, char::len_utf8);
            rest = &inside[end + after..];
            let marks = |c: char| c.is_whitespace() || ".,!?".contains(c);
            let quote = inside[..end].trim_start_matches(marks);
            let core = quote.trim_end_matches(marks);
            let mut content = core.to_lowercase();
            if !content.is_empty() {
                content.extend(mark_of(&quote[core.len()..], rest));
                found.push(content);
            }
        }
        if found.len() > MOST_TOKENS {
            break;
        }
    }
    found
}
