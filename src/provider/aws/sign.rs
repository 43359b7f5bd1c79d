//! Signatures of AWS, version 4, for Bedrock.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningSettings, sign as sign_request,
};
use aws_sigv4::sign::v4;
use secrecy::ExposeSecret;

use super::access::Keys;

/// As whom Bedrock checks signatures.
const SERVICE: &str = "bedrock";

/// A request as it will be sent.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// In capitals.
    pub method: &'a str,
    /// Absolute and escaped, as [`super::path`] does.
    pub url: &'a str,
    /// Those that are signed besides `host`: they must arrive as they are.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// Why a request cannot be signed; for the log.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The region is missing.
    #[error("the signature lacks a part")]
    Incomplete(#[source] v4::signing_params::BuildError),
    /// A URL or a header that is none.
    #[error("the request cannot be signed")]
    Request(#[source] aws_sigv4::http_request::SigningError),
}

/// The headers that sign `request` for `region` with `keys` at `now`: they go beside its own.
///
/// # Errors
/// [`SignError`], which a request of ours never meets.
pub fn sign(
    request: &Unsigned<'_>,
    region: &str,
    keys: &Keys,
    now: SystemTime,
) -> Result<Vec<(String, String)>, SignError> {
    let session = keys.session_token.as_ref();
    let identity = Credentials::new(
        keys.access_key_id.as_str(),
        keys.secret_access_key.expose_secret(),
        session.map(|token| token.expose_secret().to_owned()),
        None,
        "reprise",
    )
    .into();
    // Its defaults are what Bedrock wants: a path that is escaped twice, and no digest of the body in a header.
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(SignError::Incomplete)?
        .into();
    let signable = SignableRequest::new(
        request.method,
        request.url,
        request.headers.iter().copied(),
        SignableBody::Bytes(request.body),
    )
    .map_err(SignError::Request)?;
    let signed = sign_request(signable, &params).map_err(SignError::Request)?;
    let (instructions, _) = signed.into_parts();
    let headers = instructions.headers();
    Ok(headers.map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{endpoint, path};
    use super::*;

    const BODY: &str =
        r#"{"messages": [{"role": "user", "content": [{"text": "Gr\u00fc\u00dfe"}]}]}"#;

    /// 12:34:56 on 29 November 2026.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_955_696)
    }

    fn signed(region: &str, path: &str, token: Option<&str>) -> Vec<(String, String)> {
        let keys = Keys {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: token.map(Into::into),
        };
        let url = endpoint(region).unwrap() + path;
        let request = Unsigned {
            method: "POST",
            url: &url,
            headers: &[("content-type", "application/json")],
            body: BODY.as_bytes(),
        };
        let mut headers = sign(&request, region, &keys, now()).unwrap();
        headers.sort();
        headers
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
        expected.iter().map(owned).collect()
    }

    // Both signatures were made by botocore 1.44.8 for its own requests of these models.

    #[test]
    fn a_models_id_with_a_colon_is_signed_as_botocore_does() {
        let path = path("anthropic.claude-3-5-sonnet-20240620-v1:0", false);
        let expected = pairs(&[
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261129/us-east-1/bedrock/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, \
                 Signature=26601b32a83da7bc31cd8b176bf59c2b1eda5970e470ecc0b66d646367289bb9",
            ),
            ("x-amz-date", "20261129T123456Z"),
        ]);
        assert_eq!(signed("us-east-1", &path, None), expected);
    }

    #[test]
    fn an_arn_with_a_session_token_is_signed_as_botocore_does() {
        let arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc1";
        let token = "FwoGZXIvYXdzEXAMPLE//token==";
        let expected = pairs(&[
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261129/eu-west-1/bedrock/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
                 Signature=3cb78e11eddcb5c9652ccdadae2c9627d85a06464a253c578df9de5ef92d89a2",
            ),
            ("x-amz-date", "20261129T123456Z"),
            ("x-amz-security-token", token),
        ]);
        assert_eq!(signed("eu-west-1", &path(arn, true), Some(token)), expected);
    }

    #[test]
    fn what_is_no_request_is_an_error() {
        let keys = Keys {
            access_key_id: "A".into(),
            secret_access_key: "s".into(),
            session_token: None,
        };
        let request = Unsigned {
            method: "POST",
            url: "https://",
            headers: &[],
            body: b"",
        };
        let refused = sign(&request, "us-east-1", &keys, now());
        assert!(matches!(refused, Err(SignError::Request(_))));
    }
}
