//! What a run says on stderr while it goes on: a bar for people, a line now and then
//! for logs, and the faults, of each sort a bounded number.

use std::time::{Duration, Instant};

use crate::telemetry::Bar;

/// Time between two progress lines.
const EVERY: Duration = Duration::from_secs(10);
/// Faults of one sort that are told one by one.
const TOLD: u64 = 20;

/// Where a run's progress is shown.
pub struct Progress {
    bar: Bar,
    size: Option<u64>,
    said: Instant,
    bad: u64,
    failed: u64,
}

impl Progress {
    /// Shows progress through an input of `size` bytes, if that is known.
    #[must_use]
    pub fn new(size: Option<u64>) -> Self {
        let form = match size {
            Some(_) => "{bar:30} {percent:>3} %  {msg}  {eta}",
            None => "{spinner}  {msg}",
        };
        Self {
            bar: Bar::new("warm", size, form),
            size,
            said: Instant::now(),
            bad: 0,
            failed: 0,
        }
    }

    /// Shows how far it is: bytes of the input, and counts in words.
    pub fn at(&mut self, bytes: u64, words: impl FnOnce() -> String) {
        if self.bar.is_shown() {
            self.bar.at(bytes);
            self.bar.words(words());
        } else if self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            let size = self.size.filter(|s| *s > 0);
            let share = size.map_or_else(String::new, |size| format!("{} %, ", bytes * 100 / size));
            self.say(&format!("{share}{}", words()));
        }
    }

    /// Tells of a line that gives nothing to ask.
    pub fn bad_line(&mut self, number: u64, why: &str) {
        self.bad += 1;
        self.one_of(self.bad, "bad lines", &format!("line {number}: {why}"));
    }

    /// Tells of a request that was not answered.
    pub fn failure(&mut self, number: u64, kind: &str, why: &str) {
        self.failed += 1;
        let text = format!("line {number} failed, {kind}: {why}");
        self.one_of(self.failed, "failures", &text);
    }

    /// Says one line.
    pub fn say(&self, text: &str) {
        self.bar.say(text);
    }

    /// Takes the bar away.
    pub fn done(self) {
        self.bar.done();
    }

    fn one_of(&self, count: u64, sort: &str, text: &str) {
        if count <= TOLD {
            self.say(text);
        }
        if count == TOLD {
            self.say(&format!("further {sort} are only counted"));
        }
    }
}
