//! Being seen: metrics and logs. Knows what is counted, not why it happened.

mod log;
mod metrics;
mod table;

pub use log::{LogError, init as init_log};
pub use metrics::{Metrics, Outcome, Recorder, RecorderError, Stage};
pub use table::{METRICS, Metric, MetricKind};
