//! OpenAI's older completions, beside the chat completions of the same server.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::Url;

use super::events::{Chat, Tongue};
use super::headers;
use super::http::under;
use super::openai::no_answer;
use super::refusal::Scrub;
use super::wire::Wire;
use crate::chat::{Answer, ChatRequest, Dialect, InvalidRequest};
use crate::dialect::chat::Taste;
use crate::dialect::completions::{Said, canonical};
use crate::dialect::{Fault, Target};

pub(super) struct Completions {
    asks_usage: bool,
}

impl Completions {
    pub(super) fn new(taste: &Taste) -> Self {
        Self {
            asks_usage: taste.asks_usage,
        }
    }
}

impl Wire for Completions {
    fn dialect(&self) -> Dialect {
        Dialect::Completions
    }

    fn url(&self, base: &Url, _model: &str, _stream: bool) -> Url {
        under(base, &["completions"])
    }

    fn forwards(&self, header: &str) -> bool {
        headers::is_openais(header)
    }

    /// As its client wrote it: nobody else's request is made a completion.
    fn body(&self, request: &ChatRequest, target: &Target<'_>) -> Result<Bytes, InvalidRequest> {
        Ok(request.native_body(target.model, target.stream, self.asks_usage))
    }

    fn answer(&self, _model: &str, body: &Bytes) -> Result<Answer, Fault> {
        let text = std::str::from_utf8(body).unwrap_or_default();
        let told = canonical(text, Said::Message).map_err(|e| no_answer(body, &e.to_string()))?;
        Answer::parse(told.as_bytes()).map_err(|e| no_answer(body, &e.to_string()))
    }

    fn tongue(&self, _model: &str, scrub: &Arc<Scrub>) -> Box<dyn Tongue> {
        Box::new(Chat::of_texts(Arc::clone(scrub)))
    }
}
