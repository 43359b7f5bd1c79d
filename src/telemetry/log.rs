//! Log lines on stderr, as `[log]` asks for. stdout stays for what commands answer.

use std::io::{self, IsTerminal as _, Write as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};

/// Why nothing is logged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `log.filter` is not a list of directives.
    #[error("log.filter: not a list of directives such as \"info,reprise=debug\"")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Another subscriber took the process's only place.
    #[error("another log subscriber is installed in this process")]
    Taken(#[source] tracing_subscriber::util::TryInitError),
}

/// Starts logging for the whole process; to be called once, before any thread
/// that logs is started.
///
/// # Errors
/// When the filter cannot be read, or logging was started before.
pub fn init(settings: &Log) -> Result<(), LogError> {
    let colours = io::stderr().is_terminal();
    subscriber(settings, colours, io::stderr)?
        .try_init()
        .map_err(LogError::Taken)
}

/// Whether logging could be started by these settings.
///
/// # Errors
/// When the filter cannot be read.
pub fn check(settings: &Log) -> Result<(), LogError> {
    filter(settings).map(drop)
}

/// Makes every panic one line of the log: message and place, no backtrace. Damaged pages make sled
/// panic; that is caught and handled, and must not look like a crash.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let cause = text.and_then(|text| text.lines().next()).unwrap_or("");
        let place = panic.location().map(ToString::to_string);
        let place = place.unwrap_or_default();
        if tracing::dispatcher::has_been_set() {
            tracing::error!(cause, place, "a part failed inside");
        } else {
            drop(writeln!(
                io::stderr(),
                "reprise: failed inside: {cause} ({place})"
            ));
        }
    }));
}

fn subscriber<W>(
    settings: &Log,
    colours: bool,
    out: W,
) -> Result<Box<dyn tracing::Subscriber + Send + Sync>, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(settings)?)
        .with_writer(out);
    Ok(match settings.format {
        LogFormat::Text => Box::new(builder.with_ansi(colours).finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

fn filter(settings: &Log) -> Result<EnvFilter, LogError> {
    EnvFilter::builder()
        .parse(&settings.filter)
        .map_err(LogError::Filter)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written for one info and one debug line.
    fn written(filter: &str, format: LogFormat) -> String {
        let (sink, settings) = (
            Sink::default(),
            Log {
                filter: filter.into(),
                format,
            },
        );
        let out = sink.clone();
        let subscriber = subscriber(&settings, false, move || out.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(entry = 7, "told");
            tracing::debug!("whispered");
        });
        String::from_utf8(sink.0.lock().clone()).unwrap()
    }

    #[test]
    fn json_lines_carry_fields_as_keys() {
        let line = written("info", LogFormat::Json);
        let value: serde_json::Value = serde_json::from_str(line.trim_end()).unwrap();
        assert_eq!(
            (&value["message"], &value["entry"]),
            (&"told".into(), &7.into())
        );
        assert_eq!(value["level"], "INFO");
    }

    #[test]
    fn the_filter_decides_what_is_written() {
        let text = written("info", LogFormat::Text);
        assert!(
            text.contains("told entry=7") && !text.contains("whispered"),
            "{text}"
        );
        assert!(written("warn,reprise=debug", LogFormat::Text).contains("whispered"));
        assert_eq!(written("off", LogFormat::Text), "");
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_an_error_and_not_silence() {
        let settings = Log {
            filter: "reprise=loud".into(),
            format: LogFormat::Text,
        };
        assert!(matches!(
            subscriber(&settings, false, io::sink),
            Err(LogError::Filter(_))
        ));
    }
}
