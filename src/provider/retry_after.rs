//! How long a provider asks to be left alone, in each form in which it may say so.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Reads `retry-after-ms`, else `retry-after` in seconds or as an HTTP date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let ms = text("retry-after-ms").and_then(|v| seconds(v, 1e-3));
    ms.or_else(|| {
        let value = text(RETRY_AFTER.as_str())?;
        seconds(value, 1.0).or_else(|| until(value, now))
    })
}

fn seconds(value: &str, unit: f64) -> Option<Duration> {
    let number: f64 = value.trim().parse().ok()?;
    Duration::try_from_secs_f64(number * unit).ok()
}

/// A date that has passed asks for no pause.
fn until(value: &str, now: SystemTime) -> Option<Duration> {
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn parse(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
        let map = headers
            .iter()
            .map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v)))
            .collect();
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(&map, now)
    }

    #[test]
    fn each_form_is_read() {
        let cases = [
            ("retry-after", "2", 2000),
            ("retry-after", "0.5", 500),
            ("retry-after-ms", "250", 250),
            ("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT", 3000),
            ("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT", 0),
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
    fn nonsense_asks_for_nothing() {
        for value in ["-1", "NaN", "1e400", "soon", ""] {
            assert_eq!(parse(&[("retry-after", value)]), None, "{value}");
        }
        assert_eq!(parse(&[]), None);
    }
}
