//! How the gateway's own limits look on the wire: OpenAI's `x-ratelimit-*` headers.

use actix_web::HttpResponseBuilder;
use actix_web::http::header::{HeaderName, HeaderValue};

use crate::guard::Standing;
use crate::limit::Left;

/// Names of what may be used, what is left of it, and when all of it is left again.
type Names = [HeaderName; 3];

const REQUESTS: Names = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
const TOKENS: Names = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// Tells how the limits stand.
pub(super) fn tell(response: &mut HttpResponseBuilder, standing: &Standing) {
    for (names, left) in [(REQUESTS, standing.requests), (TOKENS, standing.tokens)] {
        if let Some(left) = left {
            set(response, names, left);
        }
    }
}

fn set(response: &mut HttpResponseBuilder, [limit, remaining, reset]: Names, left: Left) {
    response.insert_header((limit, HeaderValue::from(left.limit)));
    response.insert_header((remaining, HeaderValue::from(left.remaining)));
    if let Ok(in_time) = HeaderValue::from_str(&duration(left.reset)) {
        response.insert_header((reset, in_time));
    }
}

/// Milliseconds as OpenAI writes a time: `20ms`, `1s`, `8.64s`, `6m0s`, `23h59m59.5s`.
fn duration(ms: u64) -> String {
    if (1..1000).contains(&ms) {
        return format!("{ms}ms");
    }
    let (hours, minutes, rest) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
    let mut seconds = format!("{}.{:03}", rest / 1000, rest % 1000);
    seconds.truncate(seconds.trim_end_matches('0').trim_end_matches('.').len());
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn times_are_written_as_openai_writes_them() {
        for (ms, told) in [
            (0, "0s"),
            (20, "20ms"),
            (1_000, "1s"),
            (8_640, "8.64s"),
            (60_000, "1m0s"),
            (360_000, "6m0s"),
            (3_605_050, "1h0m5.05s"),
            (86_400_000, "24h0m0s"),
        ] {
            assert_eq!(duration(ms), told, "{ms}");
        }
    }
}
