//! The process's one metrics recorder and the text that Prometheus reads. Does
//! not know when something is counted.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::metrics::Metrics;
use super::table::{self, METRICS, MetricKind};

/// Why nothing can be counted.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// A row of the table has unusable buckets.
    #[error("a metric's buckets are unusable")]
    Buckets(#[source] BuildError),
    /// Another recorder took the process's only place.
    #[error("another metrics recorder is installed in this process")]
    Taken,
}

/// The process's metrics, to be rendered.
///
/// Histograms keep each sample until they are drained, so someone must call
/// [`Recorder::upkeep`] every few seconds, scraped or not.
#[derive(Clone)]
pub struct Recorder {
    handle: PrometheusHandle,
    nano_usd_saved: Arc<AtomicU64>,
}

impl Recorder {
    /// Installs the recorder for this process, or gives the one installed
    /// before: tests start several gateways in one process.
    ///
    /// # Errors
    /// When another library installed one.
    pub fn install() -> Result<Self, RecorderError> {
        static INSTALLED: OnceLock<Recorder> = OnceLock::new();
        static INSTALLING: parking_lot::Mutex<()> = parking_lot::Mutex::new(());
        let _one_at_a_time = INSTALLING.lock();
        if let Some(installed) = INSTALLED.get() {
            return Ok(installed.clone());
        }
        let (recorder, this) = build()?;
        metrics::set_global_recorder(recorder).map_err(|_| RecorderError::Taken)?;
        describe();
        Ok(INSTALLED.get_or_init(|| this).clone())
    }

    /// Handles to count with, all of them shown as 0 from now on.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics::new(Arc::clone(&self.nano_usd_saved))
    }

    /// The text that Prometheus reads (exposition format 0.0.4).
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        // `metrics` counts whole numbers only and Prometheus wants base units,
        // so this one counter of dollars is written here.
        let nano = self.nano_usd_saved.load(Ordering::Relaxed);
        let (name, whole, rest) = (table::USD_SAVED, nano / 1_000_000_000, nano % 1_000_000_000);
        let help = METRICS
            .iter()
            .find(|metric| metric.name == name)
            .map_or("", |m| m.help);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "# HELP {name} {help}\n# TYPE {name} counter\n{name} {whole}.{rest:09}\n"
        );
        text
    }

    /// Drains the histograms' samples into their buckets. To be called every
    /// five seconds or so; without it memory grows by 8 bytes a sample.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

fn build() -> Result<(PrometheusRecorder, Recorder), RecorderError> {
    let mut builder = PrometheusBuilder::new();
    for metric in METRICS
        .iter()
        .filter(|metric| metric.kind == MetricKind::Histogram)
    {
        let name = Matcher::Full(metric.name.to_owned());
        builder = builder
            .set_buckets_for_metric(name, metric.buckets)
            .map_err(RecorderError::Buckets)?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    Ok((
        recorder,
        Recorder {
            handle,
            nano_usd_saved: Arc::default(),
        },
    ))
}

fn describe() {
    for metric in METRICS {
        match metric.kind {
            MetricKind::Counter => describe_counter!(metric.name, metric.unit, metric.help),
            MetricKind::Gauge => describe_gauge!(metric.name, metric.unit, metric.help),
            MetricKind::Histogram => describe_histogram!(metric.name, metric.unit, metric.help),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use std::time::Duration;

    use metrics::histogram;

    use super::*;
    use crate::telemetry::{Ending, Stage};

    /// What is shown after `count` was run, on a recorder of its own.
    fn shown(count: impl FnOnce(&Metrics)) -> String {
        let (recorder, this) = build().unwrap();
        metrics::with_local_recorder(&recorder, || {
            describe();
            count(&this.metrics());
        });
        this.upkeep();
        this.render()
    }

    #[track_caller]
    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|l| l == line), "{line}\nnot in\n{text}");
    }

    #[test]
    fn hot_metrics_are_shown_as_zero_before_anything_happened() {
        let text = shown(|_| {});
        for ending in Ending::ALL {
            has(
                &text,
                &format!("reprise_requests_total{{outcome=\"{}\"}} 0", ending.label()),
            );
        }
        has(&text, "reprise_hits_total{kind=\"semantic\"} 0");
        has(&text, "reprise_usd_saved_total 0.000000000");
        has(&text, "reprise_evictions_total 0");
        has(
            &text,
            concat!(
                "reprise_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
        );
    }

    #[test]
    fn each_outcome_and_stage_counts_under_its_own_label() {
        for ending in Ending::ALL {
            let text = shown(|m| m.request(ending, Duration::from_micros(80)));
            let label = ending.label();
            has(
                &text,
                &format!("reprise_requests_total{{outcome=\"{label}\"}} 1"),
            );
            let name = "reprise_request_seconds_bucket";
            has(
                &text,
                &format!("{name}{{outcome=\"{label}\",le=\"0.00005\"}} 0"),
            );
            has(
                &text,
                &format!("{name}{{outcome=\"{label}\",le=\"0.0001\"}} 1"),
            );
        }
        for stage in Stage::ALL {
            let text = shown(|m| m.stage(stage, Duration::from_secs(59)));
            has(
                &text,
                &format!(
                    "reprise_stage_seconds_count{{stage=\"{}\"}} 1",
                    stage.label()
                ),
            );
        }
    }

    #[test]
    fn only_hits_count_as_hits() {
        let text = shown(|m| {
            for ending in Ending::ALL {
                m.request(ending, Duration::ZERO);
            }
        });
        has(&text, "reprise_hits_total{kind=\"exact\"} 1");
        has(&text, "reprise_hits_total{kind=\"semantic\"} 1");
    }

    #[test]
    fn savings_are_a_counter_in_dollars_that_keeps_fractions_of_a_cent() {
        let text = shown(|m| {
            m.saved(1000, 20, Some(1.5));
            m.saved(1, 2, Some(0.000_001_5));
            m.saved(0, 0, None);
            m.saved(0, 0, Some(-7.0));
        });
        has(&text, "# TYPE reprise_usd_saved_total counter");
        has(&text, "reprise_usd_saved_total 1.500001500");
        has(&text, "reprise_tokens_saved_total{kind=\"prompt\"} 1001");
        has(&text, "reprise_tokens_saved_total{kind=\"completion\"} 22");
    }

    #[test]
    fn cold_metrics_carry_their_label() {
        let text = shown(|m| {
            m.error("rate_limited");
            m.not_stored("too_large");
            m.cache_fault("deadline");
        });
        has(&text, "reprise_errors_total{code=\"rate_limited\"} 1");
        has(&text, "reprise_not_stored_total{reason=\"too_large\"} 1");
        has(&text, "reprise_cache_faults_total{fault=\"deadline\"} 1");
    }

    #[test]
    fn everything_shown_is_in_the_table_with_its_kind_and_help() {
        let text = shown(|m| {
            m.error("x");
            histogram!("reprise_embed_batch_size").record(3.0);
        });
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            let metric = METRICS.iter().find(|m| m.name == name);
            let metric = metric.unwrap_or_else(|| panic!("{name} is not in the table"));
            assert_eq!(format!("{:?}", metric.kind).to_lowercase(), kind, "{name}");
            has(&text, &format!("# HELP {name} {}", metric.help));
        }
        has(&text, "reprise_embed_batch_size_bucket{le=\"4\"} 1");
    }

    #[test]
    fn names_in_the_table_are_unique_and_follow_prometheus() {
        let mut seen = HashSet::new();
        for metric in METRICS {
            assert!(seen.insert(metric.name), "{} twice", metric.name);
            assert!(metric.name.starts_with("reprise_"));
            assert_eq!(
                metric.kind == MetricKind::Counter,
                metric.name.ends_with("_total")
            );
            assert_eq!(
                metric.kind == MetricKind::Histogram,
                !metric.buckets.is_empty()
            );
            assert!(metric.buckets.is_sorted(), "{}", metric.name);
        }
    }

    #[test]
    fn installing_twice_gives_the_same_recorder() {
        let (first, second) = (Recorder::install().unwrap(), Recorder::install().unwrap());
        assert!(Arc::ptr_eq(&first.nano_usd_saved, &second.nano_usd_saved));
    }
}
