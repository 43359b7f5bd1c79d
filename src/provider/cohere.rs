//! Cohere's models by their own API.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::Url;
use serde_json::{Value, json};

use super::endpoint::{Endpoint, embeds};
use super::events::{Tongue, Translated};
use super::http::{ProviderError, under};
use super::refusal::Scrub;
use super::remote::{Remote, Setup};
use super::wire::{Wire, canonical, written};
use crate::chat::{Answer, ChatRequest, Dialect, InvalidRequest};
use crate::dialect::{Fault, Target, cohere, embeddings};

/// Sets up the API at a base URL without its version, `https://api.cohere.com`.
///
/// # Errors
/// [`ProviderError`] for a URL or key that cannot be used, or, with an `https` URL, a system without root
/// certificates.
pub fn cohere(setup: Setup) -> Result<Remote, ProviderError> {
    Remote::new(setup, Box::new(Cohere))
}

struct Cohere;

impl Wire for Cohere {
    fn dialect(&self) -> Dialect {
        Dialect::Cohere
    }

    fn url(&self, base: &Url, _model: &str, _stream: bool) -> Url {
        under(base, &["v2", "chat"])
    }

    fn forwards(&self, _header: &str) -> bool {
        false
    }

    fn body(&self, request: &ChatRequest, target: &Target<'_>) -> Result<Bytes, InvalidRequest> {
        cohere::body(request.body(), target).map(written)
    }

    fn answer(&self, model: &str, body: &Bytes) -> Result<Answer, Fault> {
        canonical(model, cohere::answer(body)?)
    }

    fn tongue(&self, model: &str, scrub: &Arc<Scrub>) -> Box<dyn Tongue> {
        let reader = Box::new(cohere::Reader::new(model));
        Box::new(Translated::new(reader, Arc::clone(scrub)))
    }

    fn endpoint(&self, base: &Url, endpoint: Endpoint, _model: &str) -> Option<Url> {
        embeds(endpoint).then(|| under(base, &["v2", "embed"]))
    }

    fn asked(&self, _endpoint: Endpoint, body: &Bytes) -> Result<Bytes, InvalidRequest> {
        embeddings::cohere_body(body)
    }

    fn told(&self, _endpoint: Endpoint, asked: &Bytes, body: Bytes) -> Result<Bytes, Fault> {
        embeddings::cohere_answer(asked, &body)
    }

    fn most_inputs(&self) -> usize {
        embeddings::COHERE_TEXTS
    }

    fn models_url(&self, base: &Url) -> Option<Url> {
        let mut url = under(base, &["v1", "models"]);
        url.set_query(Some("page_size=1000"));
        Some(url)
    }

    fn models(&self, list: &Value) -> Option<Vec<Value>> {
        let models = list.get("models")?.as_array()?.iter();
        let told = |model: &Value| {
            let id = model.get("name")?.as_str()?;
            Some(json!({"id": id, "object": "model", "created": 0, "owned_by": "cohere"}))
        };
        Some(models.filter_map(told).collect())
    }
}
