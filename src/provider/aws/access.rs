//! How this gateway shows AWS who it is: by a key of Bedrock's own, or by signatures with an account's keys.

use std::time::SystemTime;

use secrecy::{ExposeSecret, SecretString};

use super::sign::{SignError, Unsigned, sign};

/// Keys of an AWS account.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Names the pair of keys; no secret.
    pub access_key_id: String,
    /// Signs.
    pub secret_access_key: SecretString,
    /// Comes with keys that were lent for some hours.
    pub session_token: Option<SecretString>,
}

/// What makes a request ours.
#[derive(Debug, Clone)]
pub enum Access {
    /// A key of Bedrock's own, sent as it is.
    Bearer(SecretString),
    /// A signature with each request.
    Signed(Keys),
}

impl Access {
    /// What the variables that all AWS tools read say; `env` looks one up. Bedrock's own key comes first, as it does
    /// with those tools.
    #[must_use]
    pub fn from_env(env: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let env = |name| env(name).filter(|value| !value.trim().is_empty());
        if let Some(key) = env("AWS_BEARER_TOKEN_BEDROCK") {
            return Some(Self::Bearer(key.into()));
        }
        Some(Self::Signed(Keys {
            access_key_id: env("AWS_ACCESS_KEY_ID")?,
            secret_access_key: env("AWS_SECRET_ACCESS_KEY")?.into(),
            session_token: env("AWS_SESSION_TOKEN").map(SecretString::from),
        }))
    }

    /// What of it nobody may be told.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        match self {
            Self::Bearer(key) => vec![key.clone()],
            Self::Signed(keys) => {
                let token = keys.session_token.clone();
                token
                    .into_iter()
                    .chain([keys.secret_access_key.clone()])
                    .collect()
            }
        }
    }

    /// The headers that `request` must carry besides its own, at the time `now`.
    ///
    /// # Errors
    /// What cannot be signed: a URL or a header that is none.
    pub fn headers(
        &self,
        request: &Unsigned<'_>,
        region: &str,
        now: SystemTime,
    ) -> Result<Vec<(String, String)>, SignError> {
        match self {
            Self::Bearer(key) => {
                let bearer = format!("Bearer {}", key.expose_secret());
                Ok(vec![("authorization".into(), bearer)])
            }
            Self::Signed(keys) => sign(request, region, keys, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(set: &[(&str, &str)]) -> Option<Access> {
        let value = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        Access::from_env(|name| value(name).map(str::to_owned))
    }

    #[test]
    fn a_key_of_bedrocks_own_is_sent_as_it_is() {
        let access = found(&[
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-x"),
        ]);
        let request = Unsigned {
            method: "POST",
            url: "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse",
            headers: &[],
            body: b"{}",
        };
        let headers = access
            .unwrap()
            .headers(&request, "us-east-1", SystemTime::UNIX_EPOCH);
        let bearer = "Bearer bedrock-api-key-x".to_owned();
        assert_eq!(headers.unwrap(), [("authorization".to_owned(), bearer)]);
    }

    #[test]
    fn an_accounts_keys_are_taken_whole_or_not_at_all() {
        let pair = [
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
        ];
        let Some(Access::Signed(keys)) = found(&pair) else {
            panic!("no keys");
        };
        assert_eq!(keys.access_key_id, "AKID");
        assert!(keys.session_token.is_none());
        assert!(found(&pair[..1]).is_none());
        assert!(found(&[pair[0], ("AWS_SECRET_ACCESS_KEY", " ")]).is_none());
    }

    #[test]
    fn no_secret_can_be_printed() {
        let all = [
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "hidden"),
            ("AWS_SESSION_TOKEN", "hidden"),
        ];
        for set in [&all[..], &[("AWS_BEARER_TOKEN_BEDROCK", "hidden")]] {
            let printed = format!("{:?}", found(set).unwrap());
            assert!(!printed.contains("hidden"), "{printed}");
        }
    }
}
