//! The settings of work that is done later: files, batches, and requests whose answer is fetched.

use std::time::Duration;

use serde::Deserialize;

/// `[files]`: what clients upload, and what is written for them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Files {
    pub max_bytes: u64,
    pub per_tenant: usize,
    pub per_tenant_bytes: u64,
    pub upload_timeout_s: u64,
    pub ttl_s: u64,
}

impl Files {
    /// `upload_timeout_s` as a duration.
    #[must_use]
    pub fn upload_timeout(&self) -> Duration {
        Duration::from_secs(self.upload_timeout_s)
    }
}

/// `[batch]`: files of requests, answered over hours.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Batch {
    pub workers: usize,
    pub window: String,
    pub completion_s: u64,
    pub max_lines: usize,
    pub per_tenant: usize,
    pub per_tenant_lines: usize,
    pub queue: usize,
    pub kept: usize,
    pub ttl_s: u64,
    pub retry_base_ms: u64,
    pub retry_max_ms: u64,
    pub max_tries: u32,
}

impl Batch {
    /// The hours in which providers are called.
    #[must_use]
    pub fn hours(&self) -> DayWindow {
        DayWindow::parse(&self.window).unwrap_or_default()
    }
}

/// `[async]`: single requests whose answer is fetched later.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Later {
    pub workers: usize,
    pub queue: usize,
    pub per_tenant: usize,
    pub body_limit_bytes: usize,
    pub kept: usize,
    pub ttl_s: u64,
    pub retry_after_s: u64,
    pub webhook_secret_env: String,
    pub webhook_allow: Vec<String>,
    pub webhook_tries: u32,
    pub webhook_base_ms: u64,
    pub webhook_timeout_ms: u64,
}

impl Later {
    /// `webhook_timeout_ms` as a duration.
    #[must_use]
    pub fn webhook_timeout(&self) -> Duration {
        Duration::from_millis(self.webhook_timeout_ms)
    }
}

const DAY_MS: u64 = 86_400_000;

/// Hours of each day (UTC), over midnight or not; by default all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayWindow(Option<(u64, u64)>);

impl DayWindow {
    /// Reads `22:00-06:00`, or nothing for always.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Some(Self(None));
        }
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minute_of_day(from)?, minute_of_day(to)?);
        (from != to).then_some(Self(Some((from * 60_000, to * 60_000))))
    }

    /// Whether a moment, in Unix milliseconds, lies in it.
    #[must_use]
    pub fn is_open(self, now_ms: u64) -> bool {
        let Some((from, to)) = self.0 else {
            return true;
        };
        let now = now_ms % DAY_MS;
        if from < to {
            (from..to).contains(&now)
        } else {
            now >= from || now < to
        }
    }

    /// When it opens next: now, where it is open.
    #[must_use]
    pub fn opens_ms(self, now_ms: u64) -> u64 {
        match self.0 {
            Some((from, _)) if !self.is_open(now_ms) => {
                let wait = (from + DAY_MS - now_ms % DAY_MS) % DAY_MS;
                now_ms + wait
            }
            _ => now_ms,
        }
    }
}

fn minute_of_day(text: &str) -> Option<u64> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |digits: &str, most: u64| {
        let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        let number: u64 = plain.then(|| digits.parse().ok()).flatten()?;
        (number <= most).then_some(number)
    };
    Some(number(hour, 23)? * 60 + number(minute, 59)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn a_window_may_reach_over_midnight() {
        let night = DayWindow::parse("22:00-06:00").unwrap();
        let day = 20_000 * DAY_MS;
        for (hour, open) in [(21, false), (22, true), (0, true), (5, true), (6, false)] {
            assert_eq!(night.is_open(day + hour * HOUR), open, "{hour}");
        }
        assert_eq!(night.opens_ms(day + 7 * HOUR), day + 22 * HOUR);
        assert_eq!(night.opens_ms(day + 23 * HOUR), day + 23 * HOUR);
        let noon = DayWindow::parse("12:00-13:30").unwrap();
        assert!(noon.is_open(day + 13 * HOUR) && !noon.is_open(day + 14 * HOUR));
        assert_eq!(noon.opens_ms(day + 14 * HOUR), day + 36 * HOUR);
    }

    #[test]
    fn no_window_is_always_open_and_a_malformed_one_is_none() {
        let always = DayWindow::parse("").unwrap();
        assert!(always.is_open(0) && always.opens_ms(7) == 7);
        for wrong in [
            "22:00",
            "22-06",
            "24:00-01:00",
            "1:00-2:00",
            "06:00-06:00",
            "a:b-c:d",
        ] {
            assert_eq!(DayWindow::parse(wrong), None, "{wrong}");
        }
    }
}
