//! AWS Bedrock's models by its Converse API.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Request, Url};
use secrecy::SecretString;
use serde_json::Value;

use super::aws::{Access, Unsigned, path};
use super::events::{Tongue, Translated};
use super::failure::{Failure, FailureKind};
use super::http::ProviderError;
use super::refusal::Scrub;
use super::remote::{Remote, Setup};
use super::wire::{Wire, canonical, written};
use crate::chat::{Answer, ChatRequest, Dialect, InvalidRequest};
use crate::dialect::{Fault, Target, converse};

/// Sets up Bedrock's runtime at its base URL; the credential in `setup` is not used, `access` is.
///
/// # Errors
/// [`ProviderError`] for a URL that cannot be used, or, with an `https` URL, a system without root certificates.
pub fn bedrock(
    setup: Setup,
    region: String,
    access: Option<Access>,
) -> Result<Remote, ProviderError> {
    let setup = Setup { key: None, ..setup };
    Remote::new(setup, Box::new(Bedrock { region, access }))
}

struct Bedrock {
    region: String,
    /// None for a stand-in that asks for none.
    access: Option<Access>,
}

impl Wire for Bedrock {
    fn dialect(&self) -> Dialect {
        Dialect::Converse
    }

    fn url(&self, base: &Url, model: &str, stream: bool) -> Url {
        let mut url = base.clone();
        // A model's name may hold a slash and a colon, which are escaped here once and for all.
        let front = url.path().trim_end_matches('/').to_owned();
        url.set_path(&(front + &path(model, stream)));
        url
    }

    fn secrets(&self) -> Vec<SecretString> {
        self.access.iter().flat_map(Access::secrets).collect()
    }

    fn forwards(&self, _header: &str) -> bool {
        false
    }

    fn sign(&self, request: &mut Request) -> Result<(), Failure> {
        let Some(access) = &self.access else {
            return Ok(());
        };
        let kind = request.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let body = request.body().and_then(|body| body.as_bytes());
        let unsigned = Unsigned {
            method: request.method().as_str(),
            url: request.url().as_str(),
            headers: &[("content-type", kind)],
            body: body.unwrap_or_default(),
        };
        let unsignable = |why: String| Failure::because(FailureKind::Auth, why);
        let signed = access
            .headers(&unsigned, &self.region, SystemTime::now())
            .map_err(|e| unsignable(e.to_string()))?;
        for (name, value) in signed {
            let name = HeaderName::try_from(name).map_err(|e| unsignable(e.to_string()))?;
            let mut value = HeaderValue::try_from(value).map_err(|e| unsignable(e.to_string()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }

    fn body(&self, request: &ChatRequest, target: &Target<'_>) -> Result<Bytes, InvalidRequest> {
        converse::body(request.body(), target).map(written)
    }

    fn answer(&self, model: &str, body: &Bytes) -> Result<Answer, Fault> {
        canonical(model, converse::answer(body)?)
    }

    fn tongue(&self, model: &str, scrub: &Arc<Scrub>) -> Box<dyn Tongue> {
        let reader = Box::new(converse::Reader::new(model));
        Box::new(Translated::new(reader, Arc::clone(scrub)))
    }

    /// The runtime has no list.
    fn models_url(&self, _base: &Url) -> Option<Url> {
        None
    }

    fn models(&self, _list: &Value) -> Option<Vec<Value>> {
        None
    }
}
