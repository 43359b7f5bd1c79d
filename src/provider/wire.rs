//! What a dialect has to say for a provider to be spoken to over HTTP: addresses, bodies, answers, events.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Request, Url};
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::MOST_INPUTS;
use super::endpoint::Endpoint;
use super::events::Tongue;
use super::failure::Failure;
use super::refusal::Scrub;
use crate::chat::{Answer, ChatRequest, Dialect, InvalidRequest};
use crate::dialect::{Fault, Target};

/// One dialect over HTTP.
pub(super) trait Wire: Send + Sync {
    /// Its name.
    fn dialect(&self) -> Dialect;

    /// Another dialect that the same provider may be asked in.
    fn other(&self) -> Option<&dyn Wire> {
        None
    }

    /// Where an answer of `model` is asked for, under the provider's base URL.
    fn url(&self, base: &Url, model: &str, stream: bool) -> Url;

    /// Headers of each call beside the credential.
    fn fixed_headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        Vec::new()
    }

    /// Credentials beside the provider's key, which nobody may be told.
    fn secrets(&self) -> Vec<SecretString> {
        Vec::new()
    }

    /// Whether a client's header of that name, in lower case, goes along.
    fn forwards(&self, header: &str) -> bool;

    /// Adds what only the finished request can tell to its head.
    ///
    /// # Errors
    /// It cannot be told.
    fn sign(&self, _request: &mut Request) -> Result<(), Failure> {
        Ok(())
    }

    /// The body of a request.
    ///
    /// # Errors
    /// The field that the dialect cannot express.
    fn body(&self, request: &ChatRequest, target: &Target<'_>) -> Result<Bytes, InvalidRequest>;

    /// Reads a whole answer of `model`, unless it names another.
    ///
    /// # Errors
    /// It is none, or the provider says in it that it failed.
    fn answer(&self, model: &str, body: &Bytes) -> Result<Answer, Fault>;

    /// Understands the events of one stream.
    fn tongue(&self, model: &str, scrub: &Arc<Scrub>) -> Box<dyn Tongue>;

    /// Where another of its endpoints is; none if it has no such.
    fn endpoint(&self, _base: &Url, _endpoint: Endpoint, _model: &str) -> Option<Url> {
        None
    }

    /// The body of a call to one, out of one in the form of the endpoint's inventor.
    ///
    /// # Errors
    /// The field that the dialect cannot express.
    fn asked(&self, _endpoint: Endpoint, body: &Bytes) -> Result<Bytes, InvalidRequest> {
        Ok(body.clone())
    }

    /// What one said to `asked`, in the form of the endpoint's inventor.
    ///
    /// # Errors
    /// It is no such answer.
    fn told(&self, _endpoint: Endpoint, _asked: &Bytes, body: Bytes) -> Result<Bytes, Fault> {
        Ok(body)
    }

    /// Texts that it embeds in one call at most.
    fn most_inputs(&self) -> usize {
        MOST_INPUTS
    }

    /// Where the models are listed; none if they are nowhere.
    fn models_url(&self, _base: &Url) -> Option<Url> {
        None
    }

    /// The models of a list, in OpenAI's form; none if it is no list.
    fn models(&self, _list: &Value) -> Option<Vec<Value>> {
        None
    }
}

/// A body as bytes.
pub(super) fn written(body: Map<String, Value>) -> Bytes {
    Value::Object(body).to_string().into()
}

/// A whole answer in the canonical form.
///
/// # Errors
/// It has no choices.
pub(super) fn canonical(model: &str, mut members: Map<String, Value>) -> Result<Answer, Fault> {
    if !members.get("model").is_some_and(Value::is_string) {
        members.shift_insert(0, "model".into(), model.into());
    }
    Answer::from_members(members).map_err(|e| Fault::Malformed(e.to_string()))
}
