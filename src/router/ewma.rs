//! A moving average of how long something takes, quick to rise and slow to fall: a peak counts at once, so that load
//! leaves a slowed target with its first slow answer. Takes `now`.

use std::time::{Duration, Instant};

/// Whoever gives up sooner has not waited for it.
const NO_WAIT: Duration = Duration::from_millis(100);

/// Such an average; nothing before the first measure.
#[derive(Debug, Clone, Copy, Default)]
pub struct PeakEwma {
    last: Option<(f64, Instant)>,
}

impl PeakEwma {
    /// Takes down that something took `took`. What was known fades with the time since the last measure: after `decay`
    /// to about a third.
    pub fn observe(&mut self, took: Duration, decay: Duration, now: Instant) {
        let took = took.as_secs_f64() * 1e3;
        let ms = match self.last {
            Some((ms, at)) if took < ms => {
                let idle = now.saturating_duration_since(at).as_secs_f64();
                let kept = (-idle / decay.as_secs_f64().max(1e-3)).exp();
                ms * kept + took * (1.0 - kept)
            }
            _ => took,
        };
        self.last = Some((ms, now));
    }

    /// Takes down that something takes `took` at least: it was given up then.
    pub fn at_least(&mut self, took: Duration, now: Instant) {
        if took < NO_WAIT {
            return;
        }
        let took = took.as_secs_f64() * 1e3;
        if self.last.is_none_or(|(ms, _)| ms < took) {
            self.last = Some((took, now));
        }
    }

    /// The average in milliseconds, and how old its last measure is.
    #[must_use]
    pub fn read(&self, now: Instant) -> Option<(f64, Duration)> {
        let (ms, at) = self.last?;
        Some((ms, now.saturating_duration_since(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECAY: Duration = Duration::from_secs(5);

    fn after(measures: &[(u64, u64)]) -> f64 {
        let start = Instant::now();
        let mut ewma = PeakEwma::default();
        for (at, took) in measures {
            let now = start + Duration::from_millis(*at);
            ewma.observe(Duration::from_millis(*took), DECAY, now);
        }
        ewma.read(start).unwrap().0
    }

    #[test]
    fn a_peak_counts_at_once_and_fades_with_time() {
        assert!((after(&[(0, 50), (1, 2000)]) - 2000.0).abs() < 1e-9);
        let soon = after(&[(0, 2000), (10, 50)]);
        assert!(soon > 1900.0, "{soon}");
        let later = after(&[(0, 2000), (5000, 50)]);
        assert!((700.0..800.0).contains(&later), "{later}");
        let much_later = after(&[(0, 2000), (60_000, 50)]);
        assert!((50.0..51.0).contains(&much_later), "{much_later}");
    }

    #[test]
    fn it_fades_with_time_and_not_with_the_number_of_measures() {
        let few: Vec<_> = (0..=5)
            .map(|i| (i * 1000, if i == 0 { 900 } else { 100 }))
            .collect();
        let many: Vec<_> = (0..=500)
            .map(|i| (i * 10, if i == 0 { 900 } else { 100 }))
            .collect();
        assert!((after(&few) - after(&many)).abs() < 1e-6);
    }

    #[test]
    fn what_was_given_up_counts_where_it_took_longer_than_is_known_and_only_there() {
        let (mut ewma, start) = (PeakEwma::default(), Instant::now());
        let seconds = Duration::from_secs;
        ewma.at_least(NO_WAIT / 2, start);
        assert_eq!(ewma.read(start), None, "nobody waited");
        ewma.at_least(seconds(2), start);
        ewma.at_least(seconds(1), start + seconds(3));
        assert_eq!(ewma.read(start + seconds(3)), Some((2000.0, seconds(3))));
        ewma.at_least(seconds(4), start + seconds(5));
        assert_eq!(ewma.read(start + seconds(5)), Some((4000.0, seconds(0))));
    }

    #[test]
    fn nothing_is_known_before_the_first_measure_and_its_age_after_it() {
        let (mut ewma, start) = (PeakEwma::default(), Instant::now());
        assert_eq!(ewma.read(start), None);
        ewma.observe(Duration::from_millis(7), DECAY, start);
        let age = Duration::from_secs(3);
        assert_eq!(ewma.read(start + age), Some((7.0, age)));
    }
}
