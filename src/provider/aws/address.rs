//! Where Bedrock is: a region's base URL, and a model's path behind it.

use std::fmt::Write;

/// The base URL of Bedrock's runtime in `region`; none if that is no region's name, which must not become part of
/// another host's.
#[must_use]
pub fn endpoint(region: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.is_empty() || region.len() > 32 || !region.chars().all(fits) {
        return None;
    }
    // Partitions with domains of their own; those cut off from the internet are named in the configuration.
    let domain = match region.split('-').next() {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    Some(format!("https://bedrock-runtime.{region}.{domain}"))
}

/// The path of Converse for `model`, an id or an ARN, as a URL has it. All of the model's name is one segment: a
/// colon and a slash in it are escaped, and the signature escapes the escapes once more.
#[must_use]
pub fn path(model: &str, stream: bool) -> String {
    let mut path = String::from("/model/");
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path.push_str(if stream {
        "/converse-stream"
    } else {
        "/converse"
    });
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_its_partitions_domain() {
        for (region, url) in [
            (
                "us-east-1",
                "https://bedrock-runtime.us-east-1.amazonaws.com",
            ),
            (
                "us-gov-west-1",
                "https://bedrock-runtime.us-gov-west-1.amazonaws.com",
            ),
            (
                "cn-north-1",
                "https://bedrock-runtime.cn-north-1.amazonaws.com.cn",
            ),
            (
                "eusc-de-east-1",
                "https://bedrock-runtime.eusc-de-east-1.amazonaws.eu",
            ),
        ] {
            assert_eq!(endpoint(region).as_deref(), Some(url));
        }
    }

    #[test]
    fn what_is_no_region_is_no_part_of_a_host() {
        for region in ["", "us-east-1.evil.example/", "x@y", "US-EAST-1", "é"] {
            assert_eq!(endpoint(region), None, "{region}");
        }
    }

    #[test]
    fn a_models_name_is_one_segment() {
        assert_eq!(
            path("anthropic.claude-3-5-sonnet-20240620-v1:0", false),
            "/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse"
        );
        assert_eq!(
            path(
                "arn:aws:bedrock:eu-west-1:1:inference-profile/a/../b?ü",
                true
            ),
            "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Fa%2F..%2Fb%3F%C3%BC/converse-stream"
        );
    }
}
