//! The check of a request that is signed as AWS wants it: version 4, for one known secret.

use actix_web::HttpRequest;
use sha2::{Digest, Sha256};

/// The secret key that requests are signed with; any access key id will do.
pub(crate) const SECRET: &str = "mock/secret+key";

const BLOCK: usize = 64;

/// Whether `authorization` is the signature of this request.
pub(crate) fn check(request: &HttpRequest, authorization: &str, body: &[u8]) -> Result<(), String> {
    let incomplete = |what: &str| format!("Authorization header requires {what}");
    let parts = authorization
        .strip_prefix("AWS4-HMAC-SHA256 ")
        .ok_or_else(|| incomplete("a bearer token or the algorithm AWS4-HMAC-SHA256"))?;
    let part = |name: &str| {
        let mut parts = parts.split(',').map(str::trim);
        let found = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        found.ok_or_else(|| incomplete(name))
    };
    let (credential, names, signature) = (
        part("Credential")?,
        part("SignedHeaders")?,
        part("Signature")?,
    );
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let time = header("x-amz-date").ok_or_else(|| incomplete("x-amz-date"))?;
    let Some((_, scope)) = credential.split_once('/') else {
        return Err(incomplete("a scope in Credential"));
    };
    let [day, region, service, "aws4_request"] = scope.split('/').collect::<Vec<_>>()[..] else {
        return Err(incomplete("a scope of four parts"));
    };
    if service != "bedrock" || !time.starts_with(day) {
        return Err(format!("Credential should be scoped to bedrock and {time}"));
    }
    for needed in ["host", "x-amz-date"] {
        if !names.split(';').any(|name| name == needed) {
            return Err(format!("'{needed}' must be a signed header"));
        }
    }
    let mut canonical = format!(
        "POST\n{}\n{}\n",
        encoded(request.uri().path()),
        request.query_string()
    );
    for name in names.split(';') {
        let value = header(name).ok_or_else(|| format!("signed header {name} is missing"))?;
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        canonical += &format!("{name}:{value}\n");
    }
    canonical += &format!("\n{names}\n{}", hex(&Sha256::digest(body)));
    let hash = hex(&Sha256::digest(canonical.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for part in [day, region, service, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    if hex(&hmac(&key, text.as_bytes())) == signature {
        Ok(())
    } else {
        Err(
            "The request signature we calculated does not match the signature you provided."
                .to_owned(),
        )
    }
}

/// A path as it came, with each of its signs encoded once more, as all services but S3 want it.
fn encoded(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text += &format!("%{byte:02X}"),
        }
    }
    text
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = if key.len() > BLOCK {
        Sha256::digest(key).to_vec()
    } else {
        key.to_vec()
    };
    block.resize(BLOCK, 0);
    let pad = |with: u8| {
        block
            .iter()
            .map(move |byte| byte ^ with)
            .collect::<Vec<_>>()
    };
    let inner = Sha256::digest([&pad(0x36), text].concat());
    Sha256::digest([&pad(0x5c), inner.as_slice()].concat()).to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
