//! Google's `generateContent`, as the Gemini API speaks it in version `v1beta`: canonical requests are written in it,
//! its answers and streams are read.

mod answer;
mod body;
mod candidate;
mod contents;
mod parts;
mod reader;
mod response;
mod settings;
mod signature;
mod tools;

pub use answer::answer;
pub use body::body;
pub use reader::Reader;

/// What people call it.
const NAME: &str = "Google's Gemini API";

/// Where an answer of `model` is asked for: the segments of the path after the version, and a query.
#[must_use]
pub fn path(model: &str, stream: bool) -> (Vec<String>, Option<(&'static str, &'static str)>) {
    let (method, query) = if stream {
        ("streamGenerateContent", Some(("alt", "sse")))
    } else {
        ("generateContent", None)
    };
    // A name with a slash says itself of which collection it is, `tunedModels/mine`.
    let (collection, name) = model.split_once('/').unwrap_or(("models", model));
    let segments = vec![collection.to_owned(), format!("{name}:{method}")];
    (segments, query)
}

/// Whether a model is of the third generation or a later one. They have levels of thought, and refuse calls that nobody
/// signed; those before have budgets.
fn has_levels(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or_default();
    let Some(version) = name.strip_prefix("gemini-") else {
        return false;
    };
    let digits = version.split(|c: char| !c.is_ascii_digit()).next();
    // A name without a number is that of the latest.
    digits
        .and_then(|digits| digits.parse::<u32>().ok())
        .is_none_or(|generation| generation >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_asked_at_its_own_path() {
        let plain = |model| path(model, false).0.join("/");
        assert_eq!(plain("gemini-3-pro"), "models/gemini-3-pro:generateContent");
        assert_eq!(
            plain("models/gemini-3-pro"),
            "models/gemini-3-pro:generateContent"
        );
        assert_eq!(
            plain("tunedModels/mine"),
            "tunedModels/mine:generateContent"
        );
        let (segments, query) = path("m", true);
        assert_eq!(segments, ["models", "m:streamGenerateContent"]);
        assert_eq!(query, Some(("alt", "sse")));
    }

    #[test]
    fn models_have_levels_of_thought_since_the_third_generation() {
        for model in [
            "gemini-2.5-flash",
            "models/gemini-2.0-pro",
            "gemma-3-27b-it",
            "mine",
        ] {
            assert!(!has_levels(model), "{model}");
        }
        for model in [
            "gemini-3-pro",
            "models/gemini-3.8-flash",
            "gemini-10",
            "gemini-pro-latest",
        ] {
            assert!(has_levels(model), "{model}");
        }
    }
}
