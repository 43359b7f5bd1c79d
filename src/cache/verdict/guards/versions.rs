//! The guard of versions: numbers behind a name, compared as written, so that
//! 3.1 is not 3.10. Knows nothing of amounts.

use super::Finding;
use super::pair::Pair;
use super::reading::Reading;
use super::token::{Capital, Kind, Token};

/// Whether a token is a version: by its dots, or by the name before it.
fn versions(reading: &Reading) -> Vec<&str> {
    let tokens = reading.tokens();
    let named = |i: usize| {
        let before: Option<&Token> = i.checked_sub(1).and_then(|i| tokens.get(i));
        before.is_some_and(|t| {
            t.is("version")
                || (t.kind == Kind::Word
                    && !t.stop
                    && (t.capital != Capital::None || super::is_listed(t)))
        })
    };
    let all = tokens.iter().enumerate();
    let versions = all.filter(|(i, token)| match token.kind {
        Kind::Version => true,
        Kind::Number => token.raw.contains('.') && named(*i),
        _ => false,
    });
    versions.map(|(_, token)| token.raw.as_str()).collect()
}

/// Another version.
pub(super) fn examine(pair: &Pair<'_>) -> Finding {
    let (a, b) = (versions(pair.a), versions(pair.b));
    let left = |of: &[&str], other: &[&str]| of.iter().any(|version| !other.contains(version));
    let written = |of: &Reading| {
        let digits = |t: &Token| matches!(t.kind, Kind::Number | Kind::Version);
        of.tokens().iter().filter(|t| digits(t)).count()
    };
    match (left(&a, &b), left(&b, &a)) {
        (false, false) => Finding::Equal,
        (true, true) => Finding::Different("version_changed"),
        // The other side has as many numbers: one of them stands in the version's place.
        _ if written(pair.a) == written(pair.b) => Finding::Different("version_changed"),
        _ => Finding::Unsure("version_on_one_side"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn another_version_is_another_question() {
        different(
            "versions",
            "What is new in Python 3.1?",
            "What is new in Python 3.10?",
        );
        different("versions", "Install Node 18.2.1", "Install Node 18.2.4");
        different(
            "numbers",
            "How to reset an iPhone 12?",
            "How to reset an iPhone 13?",
        );
    }

    #[test]
    fn one_version_in_two_spellings_survives() {
        survives("Is v2 out?", "Is version 2 out?");
        survives("Reset my iPhone12", "Reset my iPhone 12");
    }
}
