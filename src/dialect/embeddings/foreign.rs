//! Requests and answers of providers that have a form of their own for vectors: Google's and Cohere's.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Format, Request, write};
use crate::chat::InvalidRequest;
use crate::dialect::{Fault, inexpressible};

/// Members that have their place elsewhere in a call, or none because they say nothing of vectors.
const KNOWN: [&str; 5] = ["model", "input", "encoding_format", "dimensions", "user"];

/// Texts that Google embeds in one call.
pub const GEMINI_TEXTS: usize = 100;
/// Texts that Cohere embeds in one call.
pub const COHERE_TEXTS: usize = 96;

/// A request as Google takes several texts together.
///
/// # Errors
/// What it has no word for.
pub fn gemini_body(raw: &[u8]) -> Result<Bytes, InvalidRequest> {
    let request = read(raw)?;
    let mut settings = Map::new();
    for name in others(&request) {
        let own = match name {
            "task_type" => "taskType",
            "title" => "title",
            _ => return Err(inexpressible(name, "Google's embeddings")),
        };
        settings.extend(request.member(name).map(|v| (own.to_owned(), v.clone())));
    }
    if let Some(dimensions) = request.member("dimensions") {
        settings.insert("outputDimensionality".into(), dimensions.clone());
    }
    let model = request.model();
    let model = match model.contains('/') {
        true => model.to_owned(),
        false => format!("models/{model}"),
    };
    let calls = texts(&request, "Google's embeddings")?.map(|text| {
        let mut call = json!({"model": model, "content": {"parts": [{"text": text}]}});
        if let Some(call) = call.as_object_mut() {
            call.extend(settings.clone());
        }
        call
    });
    Ok(json!({"requests": calls.collect::<Vec<_>>()})
        .to_string()
        .into())
}

/// What Google answered to `raw`, a request in OpenAI's form.
///
/// # Errors
/// It is no answer.
pub fn gemini_answer(raw: &[u8], body: &[u8]) -> Result<Bytes, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Said {
        embeddings: Vec<Values>,
        usage_metadata: Option<Counted>,
    }
    #[derive(Deserialize)]
    struct Values {
        values: Vec<f32>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Counted {
        prompt_token_count: Option<u64>,
    }
    let said: Said = serde_json::from_slice(body).map_err(malformed)?;
    let tokens = said.usage_metadata.and_then(|told| told.prompt_token_count);
    let vectors = said.embeddings.into_iter().map(|e| e.values);
    told(raw, vectors.collect(), tokens)
}

/// A request as Cohere takes it. Texts are embedded as documents unless the client names another use; too long ones are
/// refused and not cut.
///
/// # Errors
/// What it has no word for.
pub fn cohere_body(raw: &[u8]) -> Result<Bytes, InvalidRequest> {
    let request = read(raw)?;
    let mut body = json!({"model": request.model(), "input_type": "search_document",
        "embedding_types": ["float"], "truncate": "NONE"});
    for name in others(&request) {
        match name {
            "input_type" | "truncate" | "max_tokens" | "priority" => {
                body[name] = request.member(name).cloned().unwrap_or_default();
            }
            _ => return Err(inexpressible(name, "Cohere's embeddings")),
        }
    }
    if let Some(dimensions) = request.member("dimensions") {
        body["output_dimension"] = dimensions.clone();
    }
    let texts: Vec<&str> = texts(&request, "Cohere's embeddings")?.collect();
    body["texts"] = json!(texts);
    Ok(body.to_string().into())
}

/// What Cohere answered to `raw`, a request in OpenAI's form.
///
/// # Errors
/// It is no answer.
pub fn cohere_answer(raw: &[u8], body: &[u8]) -> Result<Bytes, Fault> {
    #[derive(Deserialize)]
    struct Said {
        embeddings: ByKind,
        meta: Option<Value>,
    }
    #[derive(Deserialize)]
    struct ByKind {
        float: Vec<Vec<f32>>,
    }
    let said: Said = serde_json::from_slice(body).map_err(malformed)?;
    let count = |meta: Value| meta.pointer("/billed_units/input_tokens")?.as_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count that is written as a decimal number"
    )]
    let tokens = said.meta.and_then(count).map(|tokens| tokens as u64);
    told(raw, said.embeddings.float, tokens)
}

fn read(raw: &[u8]) -> Result<Request, InvalidRequest> {
    Request::read(raw).map_err(|refusal| InvalidRequest {
        param: refusal.param,
        message: refusal.message,
    })
}

fn others(request: &Request) -> impl Iterator<Item = &str> {
    let said = |name: &&str| !KNOWN.contains(name) && request.member(name).is_some();
    request.names().filter(said)
}

fn texts<'a>(
    request: &'a Request,
    dialect: &str,
) -> Result<impl Iterator<Item = &'a str>, InvalidRequest> {
    match request.items().iter().position(|item| !item.is_string()) {
        Some(place) => Err(inexpressible(request.name_of(place), dialect)),
        None => Ok(request.items().iter().filter_map(Value::as_str)),
    }
}

/// The answer in OpenAI's form, as `raw` asked for it.
fn told(raw: &[u8], vectors: Vec<Vec<f32>>, tokens: Option<u64>) -> Result<Bytes, Fault> {
    let request = read(raw);
    let (model, format) = match &request {
        Ok(request) => (request.model(), request.format()),
        Err(_) => ("", Format::Float),
    };
    let numbers: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
    Ok(write(&numbers, model, tokens.unwrap_or(0), format))
}

fn malformed(error: serde_json::Error) -> Fault {
    Fault::Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::embeddings::Answer;

    fn raw(members: Value) -> Vec<u8> {
        let mut body = json!({"model": "m", "input": ["a", "b"], "user": "u"});
        let own = members.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(own);
        body.to_string().into_bytes()
    }

    fn parsed(body: Result<Bytes, InvalidRequest>) -> Value {
        serde_json::from_slice(&body.unwrap()).unwrap()
    }

    #[test]
    fn google_is_asked_for_each_text_by_itself_in_one_call() {
        let body = parsed(gemini_body(&raw(
            json!({"dimensions": 8, "task_type": "CLUSTERING"}),
        )));
        let call = |text: &str| {
            json!({"model": "models/m", "content": {"parts": [{"text": text}]},
                "taskType": "CLUSTERING", "outputDimensionality": 8})
        };
        assert_eq!(body, json!({"requests": [call("a"), call("b")]}));
    }

    #[test]
    fn cohere_is_told_what_the_texts_are_for_and_to_cut_none() {
        let body = parsed(cohere_body(&raw(
            json!({"dimensions": 256, "input_type": "search_query"}),
        )));
        let expected = json!({"model": "m", "input_type": "search_query",
            "embedding_types": ["float"], "truncate": "NONE", "output_dimension": 256,
            "texts": ["a", "b"]});
        assert_eq!(body, expected);
    }

    #[test]
    fn what_they_have_no_word_for_is_refused_by_name() {
        for body in [gemini_body, cohere_body] {
            let refused = body(&raw(json!({"odd": 1}))).unwrap_err();
            assert_eq!(refused.param.as_deref(), Some("odd"));
            let refused = body(&raw(json!({"input": [[1, 2]]}))).unwrap_err();
            assert_eq!(refused.param.as_deref(), Some("input[0]"));
        }
    }

    #[test]
    fn their_answers_are_told_as_openai_tells_them_in_the_form_that_was_asked_for() {
        let google = json!({"embeddings": [{"values": [0.5, 1]}, {"values": [2, 3]}],
            "usageMetadata": {"promptTokenCount": 4}});
        let cohere = json!({"id": "x", "embeddings": {"float": [[0.5, 1], [2, 3]]},
            "meta": {"billed_units": {"input_tokens": 4.0}}});
        for format in ["float", "base64"] {
            let asked = raw(json!({"encoding_format": format}));
            for told in [
                gemini_answer(&asked, google.to_string().as_bytes()),
                cohere_answer(&asked, cohere.to_string().as_bytes()),
            ] {
                let told = told.unwrap();
                let answer = Answer::read(&told, 2).unwrap().unwrap();
                assert_eq!(answer.vectors, [[0.5, 1.0], [2.0, 3.0]]);
                assert_eq!((answer.tokens, answer.model.as_str()), (4, "m"));
            }
        }
        assert!(gemini_answer(&raw(json!({})), b"{}").is_err());
        assert!(cohere_answer(&raw(json!({})), b"{}").is_err());
    }
}
