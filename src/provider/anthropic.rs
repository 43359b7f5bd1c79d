//! Anthropic and every server that speaks its Messages API.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::endpoint::Endpoint;
use super::events::{Tongue, Translated};
use super::headers;
use super::http::{ProviderError, under};
use super::refusal::Scrub;
use super::remote::{Remote, Setup};
use super::wire::{Wire, canonical, written};
use crate::chat::{Answer, ChatRequest, Dialect, InvalidRequest};
use crate::dialect::{Fault, Target, anthropic};

/// The version of the API that requests are written in; a client's own wins.
const VERSION: &str = "2023-06-01";

/// Sets up a server that speaks the Messages API; the base URL stands with or without `/v1`.
///
/// # Errors
/// [`ProviderError`] for a URL or key that cannot be used, or, with an `https` URL, a system without root
/// certificates.
pub fn anthropic(setup: Setup) -> Result<Remote, ProviderError> {
    Remote::new(setup, Box::new(Anthropic))
}

struct Anthropic;

impl Wire for Anthropic {
    fn dialect(&self) -> Dialect {
        Dialect::Messages
    }

    fn url(&self, base: &Url, _model: &str, _stream: bool) -> Url {
        at(base, &["messages"])
    }

    fn fixed_headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let name = HeaderName::from_static("anthropic-version");
        vec![(name, HeaderValue::from_static(VERSION))]
    }

    fn forwards(&self, header: &str) -> bool {
        headers::is_anthropics(header)
    }

    fn body(&self, request: &ChatRequest, target: &Target<'_>) -> Result<Bytes, InvalidRequest> {
        let takes_all = || !anthropic::has_unsigned_thoughts(request.body());
        if request.dialect() == Dialect::Messages && takes_all() {
            return Ok(request.native_body(target.model, target.stream, false));
        }
        anthropic::body(request.body(), target).map(written)
    }

    fn answer(&self, model: &str, body: &Bytes) -> Result<Answer, Fault> {
        canonical(model, anthropic::answer_of(body)?)
    }

    fn tongue(&self, model: &str, scrub: &Arc<Scrub>) -> Box<dyn Tongue> {
        let reader = Box::new(anthropic::Reader::new(model));
        Box::new(Translated::new(reader, Arc::clone(scrub)).with_events())
    }

    fn endpoint(&self, base: &Url, endpoint: Endpoint, _model: &str) -> Option<Url> {
        match endpoint {
            Endpoint::CountTokens => Some(at(base, &["messages", "count_tokens"])),
            Endpoint::Embeddings | Endpoint::Moderations => None,
        }
    }

    fn models_url(&self, base: &Url) -> Option<Url> {
        let mut url = at(base, &["models"]);
        url.set_query(Some("limit=1000"));
        Some(url)
    }

    fn models(&self, list: &Value) -> Option<Vec<Value>> {
        let models = list.get("data")?.as_array()?.iter();
        let told = |model: &Value| {
            json!({"id": model.get("id"), "object": "model", "created": 0,
                "owned_by": "anthropic", "display_name": model.get("display_name")})
        };
        Some(models.map(told).collect())
    }
}

/// Anthropic's own clients take a base URL without the version, and people who know other APIs write it.
fn at(base: &Url, path: &[&str]) -> Url {
    let mut segments = base.path_segments().into_iter().flatten();
    if segments.any(|segment| segment == "v1") {
        under(base, path)
    } else {
        under(&under(base, &["v1"]), path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_stands_in_the_address_once() {
        for base in ["http://h", "http://h/", "http://h/v1", "http://h/v1/"] {
            let url = at(&Url::parse(base).unwrap(), &["messages"]);
            assert_eq!(url.as_str(), "http://h/v1/messages", "{base}");
        }
        let deep = at(&Url::parse("http://h/anthropic").unwrap(), &["models"]);
        assert_eq!(deep.as_str(), "http://h/anthropic/v1/models");
    }
}
