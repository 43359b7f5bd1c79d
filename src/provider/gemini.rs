//! Google's models by their own API.

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
use crate::dialect::{Fault, Target, embeddings, gemini};

/// Sets up the API at a base URL that ends in its version, `https://generativelanguage.googleapis.com/v1beta`.
///
/// # Errors
/// [`ProviderError`] for a URL or key that cannot be used, or, with an `https` URL, a system without root
/// certificates.
pub fn gemini(setup: Setup) -> Result<Remote, ProviderError> {
    Remote::new(setup, Box::new(Gemini))
}

struct Gemini;

impl Wire for Gemini {
    fn dialect(&self) -> Dialect {
        Dialect::Gemini
    }

    fn url(&self, base: &Url, model: &str, stream: bool) -> Url {
        let (segments, query) = gemini::path(model, stream);
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let mut url = under(base, &segments);
        if let Some((name, value)) = query {
            url.query_pairs_mut().append_pair(name, value);
        }
        url
    }

    fn forwards(&self, _header: &str) -> bool {
        false
    }

    fn body(&self, request: &ChatRequest, target: &Target<'_>) -> Result<Bytes, InvalidRequest> {
        gemini::body(request.body(), target).map(written)
    }

    fn answer(&self, model: &str, body: &Bytes) -> Result<Answer, Fault> {
        canonical(model, gemini::answer(body)?)
    }

    fn tongue(&self, model: &str, scrub: &Arc<Scrub>) -> Box<dyn Tongue> {
        let reader = Box::new(gemini::Reader::new(model));
        Box::new(Translated::new(reader, Arc::clone(scrub)))
    }

    fn endpoint(&self, base: &Url, endpoint: Endpoint, model: &str) -> Option<Url> {
        let (collection, name) = model.split_once('/').unwrap_or(("models", model));
        let method = format!("{name}:batchEmbedContents");
        embeds(endpoint).then(|| under(base, &[collection, &method]))
    }

    fn asked(&self, _endpoint: Endpoint, body: &Bytes) -> Result<Bytes, InvalidRequest> {
        embeddings::gemini_body(body)
    }

    fn told(&self, _endpoint: Endpoint, asked: &Bytes, body: Bytes) -> Result<Bytes, Fault> {
        embeddings::gemini_answer(asked, &body)
    }

    fn most_inputs(&self) -> usize {
        embeddings::GEMINI_TEXTS
    }

    fn models_url(&self, base: &Url) -> Option<Url> {
        let mut url = under(base, &["models"]);
        url.set_query(Some("pageSize=1000"));
        Some(url)
    }

    fn models(&self, list: &Value) -> Option<Vec<Value>> {
        let models = list.get("models")?.as_array()?.iter();
        let told = |model: &Value| {
            let name = model.get("name")?.as_str()?;
            let id = name.strip_prefix("models/").unwrap_or(name);
            Some(
                json!({"id": id, "object": "model", "created": 0, "owned_by": "google",
                "display_name": model.get("displayName")}),
            )
        };
        Some(models.filter_map(told).collect())
    }
}
