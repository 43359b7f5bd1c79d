//! Being seen: metrics and logs. Knows what is counted, not why it happened.

mod bar;
mod labels;
mod log;
mod metrics;
mod quality;
mod recorder;
mod table;
mod upstream;

pub use bar::Bar;
pub use labels::{Ending, Outcome, Stage};
pub use log::{LogError, check as check_log, init as init_log, log_panics};
pub use metrics::Metrics;
pub use quality::{QualityGauge, quality_text};
pub use recorder::{Recorder, RecorderError};
pub use table::{METRICS, Metric, MetricKind};
pub use upstream::{UpstreamGauge, upstream_text};
