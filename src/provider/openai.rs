//! OpenAI and every server that speaks its chat completions, by base URL and key.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::Url;
use serde_json::Value;

use super::completions::Completions;
use super::endpoint::Endpoint;
use super::error_within::said_no;
use super::events::{Chat, Tongue};
use super::headers;
use super::http::{ProviderError, under};
use super::refusal::Scrub;
use super::remote::{Remote, Setup};
use super::wire::{Wire, written};
use crate::chat::{Answer, ChatRequest, Dialect, InvalidRequest};
use crate::dialect::chat::{self, Taste};
use crate::dialect::{Fault, Target};

/// Sets up a server that speaks the OpenAI dialect.
///
/// # Errors
/// [`ProviderError`] for a URL or key that cannot be used, or, with an `https` URL, a system without root
/// certificates.
pub fn openai(setup: Setup, taste: Taste) -> Result<Remote, ProviderError> {
    let completions = taste.completions.then(|| Completions::new(&taste));
    Remote::new(setup, Box::new(OpenAi { taste, completions }))
}

struct OpenAi {
    taste: Taste,
    completions: Option<Completions>,
}

impl Wire for OpenAi {
    fn dialect(&self) -> Dialect {
        Dialect::Chat
    }

    fn other(&self) -> Option<&dyn Wire> {
        let completions = self.completions.as_ref()?;
        Some(completions)
    }

    fn url(&self, base: &Url, _model: &str, _stream: bool) -> Url {
        under(base, &["chat", "completions"])
    }

    fn forwards(&self, header: &str) -> bool {
        headers::is_openais(header)
    }

    fn body(&self, request: &ChatRequest, target: &Target<'_>) -> Result<Bytes, InvalidRequest> {
        if request.dialect() == Dialect::Chat {
            let asks_usage = self.taste.asks_usage;
            return Ok(request.native_body(target.model, target.stream, asks_usage));
        }
        chat::body(request.body(), target, &self.taste).map(written)
    }

    fn answer(&self, _model: &str, body: &Bytes) -> Result<Answer, Fault> {
        Answer::parse(body).map_err(|error| no_answer(body, &error.to_string()))
    }

    fn tongue(&self, _model: &str, scrub: &Arc<Scrub>) -> Box<dyn Tongue> {
        Box::new(Chat::new(Arc::clone(scrub)))
    }

    fn endpoint(&self, base: &Url, endpoint: Endpoint, _model: &str) -> Option<Url> {
        match endpoint {
            Endpoint::Embeddings | Endpoint::Moderations => Some(under(base, &[endpoint.as_str()])),
            Endpoint::CountTokens => None,
        }
    }

    fn models_url(&self, base: &Url) -> Option<Url> {
        Some(under(base, &["models"]))
    }

    fn models(&self, list: &Value) -> Option<Vec<Value>> {
        list.get("data")?.as_array().cloned()
    }
}

/// What a body says that is no answer: an error, or nothing that can be understood.
pub(super) fn no_answer(body: &[u8], why: &str) -> Fault {
    said_no(body).map_or_else(|| Fault::Malformed(why.to_owned()), Fault::Said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KeyHeader;
    use crate::provider::Outbound;
    use crate::provider::Provider;
    use reqwest::header::AUTHORIZATION;
    use std::time::Duration;

    fn make(base: &str, key: Option<&str>) -> Result<Remote, ProviderError> {
        let setup = Setup {
            name: "p".into(),
            base_url: base.into(),
            key: key.map(|k| k.to_owned().into()),
            key_header: KeyHeader::Bearer,
            query: Vec::new(),
            outbound: Outbound::default(),
            connect: Duration::from_secs(1),
        };
        openai(setup, Taste::default())
    }

    #[test]
    fn a_slash_at_the_end_of_the_base_changes_nothing() {
        for base in ["http://h:1/v1", "http://h:1/v1/"] {
            let made = make(base, None).unwrap();
            assert_eq!(made.urls()[0], "http://h:1/v1/chat/completions");
            assert_eq!(made.urls()[1], "http://h:1/v1/models");
            assert_eq!(made.base_url(), "http://h:1/v1");
        }
        let bare = make("http://h:1", None).unwrap();
        assert_eq!(bare.urls()[0], "http://h:1/chat/completions");
    }

    #[test]
    fn a_base_that_could_leak_or_lead_nowhere_is_refused_without_repeating_it() {
        for base in [
            "http://user:hunter2@h/v1",
            "http://h/v1?key=hunter2",
            "http://h/v1#hunter2",
            "ftp://h/hunter2",
            "hunter2",
        ] {
            let error = make(base, None).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{base}");
        }
    }

    #[test]
    fn the_key_is_never_shown() {
        let made = make("http://h/v1", Some("sk-hunter2")).unwrap();
        assert!(!format!("{made:?} {:?}", made.sent()).contains("hunter2"));
        let error = make("http://h/v1", Some("sk-hunter2\nx")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn a_blank_key_is_no_key() {
        let made = make("http://h/v1", Some(" ")).unwrap();
        assert!(!made.sent().contains_key(AUTHORIZATION));
    }
}
