//! How far a command is, on stderr: a bar where people look on, and lines that do not tear it.
//! Knows nothing of what is done.

use std::io::{IsTerminal, Write, stderr};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar, if stderr is a terminal, and a way to say a line beside it.
pub struct Bar {
    bar: Option<ProgressBar>,
    command: &'static str,
}

impl Bar {
    /// Starts at none of `length`, or of nobody knows how much; `form` is an indicatif template. Lines begin
    /// with the name of the `command`.
    #[must_use]
    pub fn new(command: &'static str, length: Option<u64>, form: &str) -> Self {
        let bar = stderr().is_terminal().then(|| {
            // It draws on stderr by itself.
            let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            let style = ProgressStyle::with_template(form);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { bar, command }
    }

    /// Whether anybody sees it.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.bar.is_some()
    }

    /// Where it is.
    pub fn at(&self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }

    /// One more.
    pub fn step(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// What stands beside it.
    pub fn words(&self, words: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(words);
        }
    }

    /// Says one line.
    pub fn say(&self, text: &str) {
        // Nobody reading stderr is no reason to stop.
        let write = || drop(writeln!(stderr(), "reprise {}: {text}", self.command));
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away.
    pub fn done(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
