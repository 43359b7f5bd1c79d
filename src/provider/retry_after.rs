//! How long a provider asks to be left alone, in each form in which it may say so.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::quota::Quota;
use super::spans::span;

/// Reads `retry-after-ms`, else `retry-after` in seconds, with units or as a date, else when a limit that is used up
/// is there again; `limited`: the provider says that one is.
pub(super) fn retry_after(headers: &HeaderMap, limited: bool, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let ms = text("retry-after-ms").and_then(milliseconds);
    let asked = ms.or_else(|| span(text(RETRY_AFTER.as_str())?, now));
    asked.or_else(|| quota(headers, now)?.exhausted(limited))
}

/// What the headers say of what will still be taken.
pub(super) fn quota(headers: &HeaderMap, now: SystemTime) -> Option<Quota> {
    let texts = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    Quota::read(texts, now)
}

fn milliseconds(value: &str) -> Option<Duration> {
    let number: f64 = value.trim().parse().ok()?;
    Duration::try_from_secs_f64(number * 1e-3).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn parse(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
        read(headers, false)
    }

    fn read(headers: &[(&'static str, &'static str)], limited: bool) -> Option<Duration> {
        let map = headers
            .iter()
            .map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v)))
            .collect();
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(&map, limited, now)
    }

    #[test]
    fn each_form_is_read() {
        let cases = [
            ("retry-after", "2", 2000),
            ("retry-after", "0.5", 500),
            ("retry-after-ms", "250", 250),
            ("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT", 3000),
            ("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT", 0),
            ("retry-after", "1994-11-06T08:49:41Z", 4000),
            ("retry-after", "1m2s", 62_000),
        ];
        for (name, value, ms) in cases {
            let want = Some(Duration::from_millis(ms));
            assert_eq!(parse(&[(name, value)]), want, "{name}: {value}");
        }
    }

    #[test]
    fn milliseconds_win_over_seconds() {
        let both = [("retry-after", "9"), ("retry-after-ms", "100")];
        assert_eq!(parse(&both), Some(Duration::from_millis(100)));
    }

    #[test]
    fn without_them_a_limit_that_is_used_up_tells() {
        let left = |n| {
            parse(&[
                ("x-ratelimit-remaining-requests", n),
                ("x-ratelimit-reset-requests", "6m0s"),
            ])
        };
        assert_eq!(left("0"), Some(Duration::from_secs(360)));
        assert_eq!(left("1"), None);
        let both = [
            ("retry-after", "9"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "1s"),
        ];
        assert_eq!(parse(&both), Some(Duration::from_secs(9)));
    }

    #[test]
    fn of_one_who_limits_a_reset_alone_tells() {
        let reset = [("x-ratelimit-reset-requests", "20s")];
        assert_eq!(read(&reset, true), Some(Duration::from_secs(20)));
        assert_eq!(read(&reset, false), None);
        let left = [reset[0], ("x-ratelimit-remaining-requests", "3")];
        assert_eq!(read(&left, true), None);
    }

    #[test]
    fn nonsense_asks_for_nothing() {
        for value in ["-1", "NaN", "1e400", "soon", ""] {
            assert_eq!(parse(&[("retry-after", value)]), None, "{value}");
        }
        assert_eq!(parse(&[]), None);
    }
}
