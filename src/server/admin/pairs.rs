//! A preview on pairs of questions that an analyst uploads, line by line.

use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::quality::Draft;
use super::{Door, Reply, body, caller, finish, must_see};
use crate::cache::policy::ByModel;
use crate::chat::{RequestId, unix_ms};
use crate::config::Pattern;
use crate::evidence::pairs::{Looked, UploadedPair, compare};
use crate::gateway::error::{ApiError, Code};
use crate::identity::Role;

/// Pairs of one upload: about ten seconds on a small machine.
const MOST: usize = 2000;
/// Pairs at a time.
const AT_ONCE: usize = 8;
/// Pairs that could not be judged and are named.
const NAMED: usize = 20;

/// `POST /admin/v1/preview/pairs`
pub(super) async fn preview(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let told = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let body = body::read_lines(&request, payload, door.limits).await?;
        let (draft, pairs) = parse(&body)?;
        must_see(&caller, &draft.namespace)?;
        tried(&door, &draft, pairs).await
    };
    finish(id, told.await)
}

type Pairs = Vec<(usize, UploadedPair)>;

/// The first line is the draft, each other one a pair.
fn parse(body: &[u8]) -> Result<(Draft, Pairs), ApiError> {
    let bad = |line: usize, what: &str, why: &dyn std::fmt::Display| {
        let words = format!("Line {line} is not {what}: {why}");
        ApiError::new(Code::InvalidRequest, words)
    };
    let lines = body.split(|byte| *byte == b'\n').zip(1..);
    let mut lines = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    let (first, number) = lines.next().unwrap_or((b"", 1));
    let draft = body::object(first)
        .map_err(|e| bad(number, "a draft with `namespace` and `policy`", &e))?;
    let mut pairs = Vec::new();
    for (line, number) in lines {
        let what = "a pair with `a`, `b` and perhaps `label`";
        let pair: UploadedPair = body::object(line).map_err(|e| bad(number, what, &e))?;
        if pair.label.is_some_and(|label| label > 1) {
            return Err(bad(number, what, &"`label` must be 0 or 1"));
        }
        pairs.push((number, pair));
    }
    match pairs.len() {
        0 => Err(ApiError::new(
            Code::InvalidRequest,
            "After the draft comes at least one line with a pair.",
        )),
        n if n > MOST => Err(ApiError::new(
            Code::RequestTooLarge,
            format!("At most {MOST} pairs at a time, not {n}."),
        )),
        _ => Ok((draft, pairs)),
    }
}

async fn tried(door: &Door, draft: &Draft, pairs: Pairs) -> Reply {
    let policies = door.gateway.policies().by_model(&draft.namespace);
    let policy = policies.whole();
    let after = policy.changed(&draft.policy, unix_ms())?;
    let after = door.gateway.at_its_points(&after);
    let model = draft.model.as_ref().map(Pattern::as_str);
    let cache = door.gateway.cache();
    let rule = |of: &ByModel| match model {
        Some(model) => cache.ruled(of.of_pattern(model).rule(None)),
        None => cache.ruled(of.whole().rule(None)),
    };
    let (before, after) = (rule(&policies), rule(&after));
    let namespace = draft.namespace.as_str();
    let looked: Vec<_> = stream::iter(pairs)
        .map(|(line, pair)| async move {
            let both = (pair.a.as_str(), pair.b.as_str());
            match cache.facts_of(namespace, both, &[before, after]).await {
                Ok(facts) => Ok(Looked { line, pair, facts }),
                Err(why) => Err(json!({"line": line, "reason": why})),
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let (looked, skipped): (Vec<_>, Vec<_>) = looked.into_iter().partition(Result::is_ok);
    let looked: Vec<Looked> = looked.into_iter().flatten().collect();
    let named: Vec<Value> = skipped.into_iter().filter_map(Result::err).collect();
    Ok(json!({
        "object": "preview",
        "namespace": draft.namespace,
        "model": model,
        "policy_version": policy.version,
        "comparison": compare(&looked, &before, &after),
        "skipped": named.len(),
        "skipped_lines": named.into_iter().take(NAMED).collect::<Vec<_>>(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAFT: &str = r#"{"namespace":"acme","policy":{"probability":0.9}}"#;

    fn code(body: &str) -> String {
        parse(body.as_bytes()).err().unwrap().message
    }

    #[test]
    fn the_draft_comes_first_and_what_does_not_fit_is_named_by_its_line() {
        let good = format!("{DRAFT}\n\n{{\"a\":\"x\",\"b\":\"y\",\"tag\":\"t\"}}\r\n");
        let (_, pairs) = parse(good.as_bytes()).unwrap();
        assert_eq!((pairs.len(), pairs[0].0), (1, 3));
        assert!(code("").contains("draft"));
        assert!(code(DRAFT).contains("at least one"));
        let twice = format!("{DRAFT}\n{{\"a\":\"x\",\"b\":\"y\",\"label\":2}}");
        assert!(code(&twice).starts_with("Line 2"));
        let many = format!(
            "{DRAFT}\n{}",
            "{\"a\":\"x\",\"b\":\"y\"}\n".repeat(MOST + 1)
        );
        assert!(code(&many).contains("2000"));
    }
}
