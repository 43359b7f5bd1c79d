//! Figures that are more than digits: `1½`, `1e-3`, `5'`. Knows nothing of the words around.

const PARTS: [(char, f64); 15] = [
    ('½', 1.0 / 2.0),
    ('⅓', 1.0 / 3.0),
    ('⅔', 2.0 / 3.0),
    ('¼', 1.0 / 4.0),
    ('¾', 3.0 / 4.0),
    ('⅕', 1.0 / 5.0),
    ('⅖', 2.0 / 5.0),
    ('⅗', 3.0 / 5.0),
    ('⅘', 4.0 / 5.0),
    ('⅙', 1.0 / 6.0),
    ('⅚', 5.0 / 6.0),
    ('⅛', 1.0 / 8.0),
    ('⅜', 3.0 / 8.0),
    ('⅝', 5.0 / 8.0),
    ('⅞', 7.0 / 8.0),
];

fn part(sign: char) -> Option<f64> {
    let known = PARTS.iter().find(|(c, _)| *c == sign);
    known.map(|(_, value)| *value)
}

/// Whether a text has a digit or a fraction in it.
pub(super) fn is_written(text: &str) -> bool {
    text.chars()
        .any(|c| c.is_ascii_digit() || (!c.is_ascii() && part(c).is_some()))
}

/// `½`, `1½`: the value, and what stands behind it.
pub(super) fn fraction(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let sign = text[end..].chars().next()?;
    let value = part(sign)?;
    let whole = text[..end].parse().unwrap_or(0.0);
    Some((whole + value, &text[end + sign.len_utf8()..]))
}

/// `1e3`, `2.5E-6`: a number times a power of ten.
pub(super) fn scientific(text: &str) -> Option<f64> {
    let (head, power) = text.split_once(['e', 'E'])?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let sized = power.trim_start_matches(['+', '-']);
    let plain = head.split('.').all(digits) && digits(sized) && sized.len() < 3;
    plain.then(|| text.parse().ok()).flatten()
}

/// `5'`, `5"`: the unit that a mark behind digits stands for, unless it closes a quotation.
pub(super) fn marked(core: &str, tail: &str, quotes: &[String]) -> Option<&'static str> {
    let digits = core.len() < 4 && core.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !digits
        || core.is_empty()
        || quotes
            .iter()
            .any(|quote| quote.trim_end_matches(['!', '?']).ends_with(core))
    {
        return None;
    }
    if tail.starts_with(['"', '″', '”']) || tail.starts_with("''") {
        Some("inches")
    } else {
        tail.starts_with(['\'', '′', '’']).then_some("feet")
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn another_figure_is_another_question() {
        for (a, b) in [
            ("Add ¼ cup of sugar", "Add ½ cup of sugar"),
            ("Is 1½ cups of rice enough?", "Is 1¼ cups of rice enough?"),
            ("What is 1e3?", "What is 1e-3?"),
            ("What is 5' in cm?", "What is 5\" in cm?"),
        ] {
            different("numbers", a, b);
        }
    }

    #[test]
    fn one_figure_written_in_two_ways_survives() {
        for (a, b) in [
            ("Is ½ cup of oats enough?", "Is half a cup of oats enough?"),
            ("Is ½ cup of oats enough?", "Is 1/2 cup of oats enough?"),
            ("Is ½ cup of oats enough?", "Is 0.5 cups of oats enough?"),
            (
                "Is ¼ cup of oats enough?",
                "Is a quarter cup of oats enough?",
            ),
            (
                "Is ¼ cup of oats enough?",
                "Is quarter of a cup of oats enough?",
            ),
            (
                "Is ⅓ cup of oats enough?",
                "Is a third of a cup of oats enough?",
            ),
            ("Is 1½ cups of rice enough?", "Is 1.5 cups of rice enough?"),
            (
                "Is 1½ cups of rice enough?",
                "Is 1 1/2 cups of rice enough?",
            ),
            ("Is 1½ cups enough?", "Is one and a half cups enough?"),
            ("What is 1e6 in words?", "What is 1000000 in words?"),
            ("What is 5' in cm?", "What is 5 feet in cm?"),
            ("What is 5\" in cm?", "What is 5 inches in cm?"),
            ("Is \"room 5\" nice?", "Is 'room 5' nice?"),
        ] {
            survives(a, b);
        }
    }
}
