//! How one model is called by several: with the date of a snapshot, or with its
//! vendor in front. Knows no entry.

/// Who stands in front of a name, and the provider whose own name it is.
const VENDORS: [(&str, &str); 9] = [
    ("openai", "openai"),
    ("anthropic", "anthropic"),
    ("google", "google"),
    // Google's own lists of models say so.
    ("models", "google"),
    ("mistralai", "mistral"),
    ("mistral", "mistral"),
    ("deepseek", "deepseek"),
    ("x-ai", "xai"),
    ("cohere", "cohere"),
];

/// `model` as it is, then without the date at its end.
pub(super) fn spellings(model: &str) -> impl Iterator<Item = &str> {
    std::iter::once(model).chain(undated(model))
}

/// The provider and its name for what others call `vendor/model`.
pub(super) fn vendor(model: &str) -> Option<(&'static str, &str)> {
    let (vendor, name) = model.split_once('/')?;
    let (_, provider) = VENDORS.iter().find(|(known, _)| *known == vendor)?;
    (!name.is_empty()).then_some((provider, name))
}

/// `gpt-4o-2024-08-06`, `claude-sonnet-4-20250514` and `claude-sonnet-4@20250514` without their dates.
fn undated(model: &str) -> Option<&str> {
    let digits_at_end = |length: usize| -> Option<(&str, &str)> {
        let at = model.len().checked_sub(length)?;
        model.is_char_boundary(at).then(|| model.split_at(at))
    };
    let (rest, date) = digits_at_end(10)
        .filter(|(_, date)| is_date(date, Some('-')))
        .or_else(|| digits_at_end(8).filter(|(_, date)| is_date(date, None)))?;
    let name = rest.strip_suffix(['-', '@'])?;
    (!name.is_empty() && !date.is_empty()).then_some(name)
}

/// `2024-08-06` or, without a mark between, `20240806`.
pub(super) fn is_date(text: &str, mark: Option<char>) -> bool {
    let parts: Option<(&str, &str, &str)> = match mark {
        Some(mark) => text
            .split_once(mark)
            .and_then(|(y, rest)| rest.split_once(mark).map(|(m, d)| (y, m, d))),
        None => text
            .get(..4)
            .zip(text.get(4..6))
            .zip(text.get(6..))
            .map(|((y, m), d)| (y, m, d)),
    };
    let number = |text: &str, digits: usize| {
        let plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<u16>().ok()).flatten()
    };
    parts.is_some_and(|(year, month, day)| {
        number(year, 4).is_some_and(|y| (2000..2100).contains(&y))
            && number(month, 2).is_some_and(|m| (1..=12).contains(&m))
            && number(day, 2).is_some_and(|d| (1..=31).contains(&d))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(model: &str) -> Vec<&str> {
        spellings(model).collect()
    }

    #[test]
    fn a_snapshot_is_also_called_without_its_date() {
        assert_eq!(all("gpt-4o-2024-08-06"), ["gpt-4o-2024-08-06", "gpt-4o"]);
        assert_eq!(all("claude-opus-4-20250514").last(), Some(&"claude-opus-4"));
        assert_eq!(all("claude-opus-4@20250514").last(), Some(&"claude-opus-4"));
    }

    #[test]
    fn what_only_looks_like_a_date_is_part_of_the_name() {
        for name in [
            "gpt-4o",
            "m-2024-13-06",
            "m-20240832",
            "m-12345678",
            "20240806",
            "-20240806",
            "m20240806",
            "m-2024-8-06x",
            "ä20240806",
            "ä-0240806",
        ] {
            assert_eq!(all(name), [name]);
        }
    }

    #[test]
    fn a_vendor_in_front_names_the_provider() {
        assert_eq!(vendor("x-ai/grok-4"), Some(("xai", "grok-4")));
        assert_eq!(vendor("models/gemini-x"), Some(("google", "gemini-x")));
        assert_eq!(vendor("nobody/m"), None);
        assert_eq!(vendor("openai/"), None);
        assert_eq!(vendor("gpt-4o"), None);
    }
}
