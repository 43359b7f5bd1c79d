//! A span of time or a moment in each of the spellings in which providers write them. Pure: knows no headers.

use std::time::{Duration, SystemTime};

/// A number above this is a moment in seconds since 1970, and above a thousand times this one in milliseconds.
const MOMENT: f64 = 1e9;

/// How long from `now`: `2`, `0.5`, `1s`, `6m0s`, `20ms`, `2m59.56s`, seconds or milliseconds since 1970, an RFC 3339
/// or an HTTP date. What has passed is nought.
#[must_use]
pub fn span(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(number) if number >= MOMENT => {
            let unit = if number >= MOMENT * 1e3 { 1e-3 } else { 1.0 };
            let since = Duration::try_from_secs_f64(number * unit).ok()?;
            Some(until(SystemTime::UNIX_EPOCH.checked_add(since)?, now))
        }
        Ok(number) => Duration::try_from_secs_f64(number).ok(),
        Err(_) => units(text).or_else(|| {
            let moment = rfc3339(text).or_else(|| httpdate::parse_http_date(text).ok())?;
            Some(until(moment, now))
        }),
    }
}

fn until(moment: SystemTime, now: SystemTime) -> Duration {
    moment.duration_since(now).unwrap_or_default()
}

/// Numbers, each with its unit behind it.
fn units(mut text: &str) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    let mut sum = 0.0;
    while !text.is_empty() {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = text.split_at_checked(digits)?;
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.');
        let (unit, rest) = rest.split_at_checked(letters.unwrap_or(rest.len()))?;
        let seconds = match unit {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * seconds;
        text = rest;
    }
    Duration::try_from_secs_f64(sum).ok()
}

/// `2025-01-31T23:59:59.5Z` or with an offset, `+02:00`.
fn rfc3339(text: &str) -> Option<SystemTime> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse::<i64>().ok())?
    };
    let marks = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
    let marked = |(at, mark): (usize, &str)| text.get(at..at + 1) == Some(mark);
    let between = matches!(text.get(10..11), Some("T" | "t" | " "));
    if !marks.into_iter().all(marked) || !between {
        return None;
    }
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let clock = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    let rest = text.get(19..)?;
    let zone = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (fraction, zone) = rest.split_at_checked(zone)?;
    let seconds = days * 86_400 + clock - offset(zone)?;
    let fraction = match fraction {
        "" => 0.0,
        fraction => fraction.parse::<f64>().ok()?,
    };
    let whole = Duration::from_secs(u64::try_from(seconds).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(whole + Duration::try_from_secs_f64(fraction).ok()?)
}

fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let seconds = hours.parse::<u32>().ok()? * 3600 + minutes.parse::<u32>().ok()? * 60;
    match zone.get(..1)? {
        "+" => Some(i64::from(seconds)),
        "-" => Some(-i64::from(seconds)),
        _ => None,
    }
}

/// Days from 1970 to a date in this century or the last.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let before = BEFORE.get(usize::try_from(month - 1).ok()?)?;
    if !(1970..=9999).contains(&year) || !(1..=31).contains(&day) {
        return None;
    }
    // A leap day counts from the March behind it.
    let ended = if month > 2 { year } else { year - 1 };
    let leaps = |year: i64| year / 4 - year / 100 + year / 400;
    Some((year - 1970) * 365 + leaps(ended) - leaps(1969) + before + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const NOW: u64 = 784_111_777;

    fn ms(text: &str) -> Option<u128> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        span(text, now).map(|d| (d.as_secs_f64() * 1e3).round() as u128)
    }

    #[test]
    fn each_spelling_is_read() {
        let cases = [
            ("2", 2000),
            ("0.5", 500),
            (" 33011.382 ", 33_011_382),
            ("1s", 1000),
            ("6m0s", 360_000),
            ("20ms", 20),
            ("2m59.56s", 179_560),
            ("1h2m3s", 3_723_000),
            ("1d", 86_400_000),
            ("500µs", 1),
            ("1994-11-06T08:49:40Z", 3000),
            ("1994-11-06T08:49:40.250Z", 3250),
            ("1994-11-06T10:49:40+02:00", 3000),
            ("1994-11-06T03:19:40-05:30", 3000),
            ("Sun, 06 Nov 1994 08:49:40 GMT", 3000),
            ("1784111780", 1_000_000_003_000),
            ("1784111780500", 1_000_000_003_500),
        ];
        for (text, want) in cases {
            assert_eq!(ms(text), Some(want), "{text}");
        }
    }

    #[test]
    fn what_has_passed_is_nought() {
        for text in ["1994-11-06T08:49:00Z", "Sun, 06 Nov 1994 08:49:00 GMT"] {
            assert_eq!(ms(text), Some(0), "{text}");
        }
    }

    #[test]
    fn nonsense_is_nothing() {
        for text in [
            "",
            "-1",
            "NaN",
            "inf",
            "1e400",
            "soon",
            "5x",
            "s",
            "1m2",
            "1.2.3s",
            "1994-13-06T08:49:40Z",
            "1994-11-06T08:49:40",
            "1994-11-06",
            "1994-11-0éT08:49:40Z",
            "1960-01-01T00:00:00Z",
        ] {
            assert_eq!(ms(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_date_is_the_same_in_both_of_its_spellings(seconds in 0_u64..253_402_300_799) {
            let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let http = httpdate::fmt_http_date(moment);
            let month = "JanFebMarAprMayJunJulAugSepOctNovDec".find(&http[8..11]).unwrap() / 3 + 1;
            let (year, day, clock) = (&http[12..16], &http[5..7], &http[17..25]);
            prop_assert_eq!(rfc3339(&format!("{year}-{month:02}-{day}T{clock}Z")), Some(moment));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-+0-9.:TZmsdhé ]{0,30}", any in ".{0,30}") {
            let _ = (ms(&text), ms(&any));
        }
    }
}
