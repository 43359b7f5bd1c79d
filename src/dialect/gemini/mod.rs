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
}
