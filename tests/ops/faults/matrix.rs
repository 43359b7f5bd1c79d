//! One row of the matrix: what is expected of a fault, and what was seen.

use std::time::Duration;

use super::bench::{Bench, Came, Case};
use crate::clients::{Client, Heard};

/// When a fault strikes, and what a client hears then.
#[derive(Debug, Clone, Copy)]
pub(super) enum Strikes {
    /// Before the client has read a word: a plain error with this status and code after so many calls. Another
    /// provider may answer in its place.
    Before(u16, &'static str, u64),
    /// The same of one that asks to be left alone: after so many calls, which it takes time to make, where nobody else
    /// can answer, and otherwise at once.
    Limited(u16, &'static str, u64),
    /// The same where no other provider is asked: a part of the answer is paid for, or the time is up.
    ForGood(u16, &'static str),
    /// After words of a stream: an event with the code, and the status that it would have had.
    After(u16, &'static str),
    /// Not so that the client would notice, after so many calls.
    Unnoticed(u64),
}

/// A fault in both framings.
pub(super) struct Fault {
    /// Its name in the matrix.
    pub(super) name: &'static str,
    pub(super) json: Strikes,
    pub(super) stream: Strikes,
    /// For as long it lasts at least, and at most.
    pub(super) lasts: [Duration; 2],
}

/// Far more than a busy machine adds to what a fault takes.
pub(super) const AT_ONCE: [Duration; 2] = [Duration::ZERO, Duration::from_secs(15)];

impl Fault {
    /// One that takes no time.
    pub(super) fn new(name: &'static str, json: Strikes, stream: Strikes) -> Self {
        Self {
            name,
            json,
            stream,
            lasts: AT_ONCE,
        }
    }

    /// One that takes so long.
    pub(super) fn lasting(self, least: u64, most: u64) -> Self {
        Self {
            lasts: [least, most].map(Duration::from_millis),
            ..self
        }
    }

    fn strikes(&self, case: Case) -> Strikes {
        match if case.stream { self.stream } else { self.json } {
            Strikes::Limited(status, code, _) if case.fallback => Strikes::Before(status, code, 1),
            Strikes::Limited(status, code, calls) => Strikes::Before(status, code, calls),
            other => other,
        }
    }

    /// For how long it lasts at least.
    fn least(&self, case: Case) -> Duration {
        let at_once = match if case.stream { self.stream } else { self.json } {
            Strikes::Unnoticed(_) => true,
            Strikes::Limited(..) => case.fallback,
            _ => false,
        };
        if at_once {
            Duration::ZERO
        } else {
            self.lasts[0]
        }
    }

    /// Checks all that came, and prints the row.
    #[track_caller]
    pub(super) fn check(&self, bench: &Bench, came: &[Came]) {
        for (i, came) in came.iter().enumerate() {
            self.one(bench, i, came);
        }
        let cells = [(false, false), (false, true), (true, false), (true, true)];
        let cells = cells.map(|(stream, fallback)| {
            let of_cell =
                |came: &&Came| came.case.stream == stream && came.case.fallback == fallback;
            cell(came.iter().filter(of_cell))
        });
        println!("matrix: | {} | {} |", self.name, cells.join(" | "));
    }

    #[track_caller]
    fn one(&self, bench: &Bench, i: usize, came: &Came) {
        let case = came.case;
        let name = self.name;
        let (calls, heard) = (came.calls, &came.heard);
        match self.strikes(case) {
            Strikes::Before(_, _, count) if case.fallback => {
                assert_eq!(answer(heard), came.question, "{name}: {came:?}");
                assert_eq!(calls, [count, 1], "{name}: {came:?}");
                self.is_remembered(bench, i, came);
            }
            Strikes::Before(status, code, count) | Strikes::Limited(status, code, count) => {
                self.refused(came, status, code);
                assert_eq!(calls, [count, 0], "{name}: {came:?}");
                self.is_forgotten(bench, i, came);
            }
            Strikes::ForGood(status, code) => {
                self.refused(came, status, code);
                assert_eq!(calls, [1, 0], "{name}: {came:?}");
                self.is_forgotten(bench, i, came);
            }
            Strikes::After(status, code) => {
                let Heard::Broken { text, told } = heard else {
                    panic!("{name}: not broken off: {came:?}");
                };
                assert_eq!(
                    told.what,
                    what(case.client, status, code),
                    "{name}: {came:?}"
                );
                // The large ones say something else.
                let begun = whole(came).starts_with(text) || text.starts_with("xxx");
                assert!(begun && !text.is_empty(), "{name}: {came:?}");
                assert_eq!(calls, [1, 0], "{name}: {came:?}");
                self.is_forgotten(bench, i, came);
            }
            Strikes::Unnoticed(count) => {
                assert_eq!(answer(heard), whole(came), "{name}: {came:?}");
                assert_eq!(calls, [count, 0], "{name}: {came:?}");
                self.is_remembered(bench, i, came);
            }
        }
        let in_time = self.least(case)..=self.lasts[1];
        assert!(
            in_time.contains(&came.took),
            "{name} took {:?}: {came:?}",
            came.took
        );
    }

    #[track_caller]
    fn refused(&self, came: &Came, status: u16, code: &str) {
        let Heard::Refused(told) = &came.heard else {
            panic!("{}: not refused: {came:?}", self.name);
        };
        let client = came.case.client;
        let heard = (told.status, told.what.as_str());
        let expected = (status_for(client, code, status), what(client, status, code));
        assert_eq!(heard, expected, "{}: {came:?}", self.name);
        // Our own tries are spent: the SDK's would only multiply them.
        let hint = came.reply.header("x-should-retry");
        assert_eq!(hint, Some("false"), "{}: {came:?}", self.name);
    }

    /// Nothing of it is found again, and looking calls nobody.
    #[track_caller]
    fn is_forgotten(&self, bench: &Bench, i: usize, came: &Came) {
        let reply = bench.remembered(i, came, came.case.stream);
        let heard = came.case.client.read(reply.status, &reply.body);
        let told = heard.refused();
        let code = what(came.case.client, 504, "cache_miss");
        assert_eq!(
            (told.status, told.what.as_str()),
            (504, code),
            "{}",
            self.name
        );
        assert_eq!(bench.calls(i, &came.question), came.calls, "{}", self.name);
    }

    /// All of it is found again, whole and as a stream.
    #[track_caller]
    fn is_remembered(&self, bench: &Bench, i: usize, came: &Came) {
        for stream in [false, true] {
            let reply = bench.remembered(i, came, stream);
            assert_eq!(reply.cache(), "hit-exact", "{}: {reply:?}", self.name);
            let heard = came.case.client.read(reply.status, &reply.body);
            assert_eq!(answer(&heard), answer(&came.heard), "{}", self.name);
        }
    }
}

/// What a provider would have said in full.
fn whole(came: &Came) -> String {
    format!("Mock answer to: {} 🍎", came.question)
}

#[track_caller]
fn answer(heard: &Heard) -> &str {
    match heard {
        Heard::Whole(said) => &said.text,
        other => panic!("no answer: {other:?}"),
    }
}

/// A fault as a client's dialect calls it: Anthropic has types, the others the gateway's codes.
fn what(client: Client, status: u16, code: &str) -> &str {
    match (client, status) {
        (Client::Messages, _) if code == "upstream_overloaded" => "overloaded_error",
        (Client::Messages, 429) => "rate_limit_error",
        (Client::Messages, 504) => "timeout_error",
        (Client::Messages, _) => "api_error",
        _ => code,
    }
}

fn status_for(client: Client, code: &str, status: u16) -> u16 {
    match (client, code) {
        (Client::Messages, "upstream_overloaded") => 529,
        _ => status,
    }
}

/// What was seen in a cell: what OpenAI's client heard, the calls, how long it took.
fn cell<'a>(came: impl Iterator<Item = &'a Came>) -> String {
    let came: Vec<_> = came.collect();
    let openai = |came: &&&Came| came.case.client == Client::Chat;
    let Some(first) = came.iter().find(openai).or(came.first()) else {
        return "-".to_owned();
    };
    let heard = match &first.heard {
        Heard::Whole(_) if first.calls[1] > 0 => "answer of the fallback".to_owned(),
        Heard::Whole(_) => "answer".to_owned(),
        Heard::Refused(told) => format!("{} `{}`", told.status, told.what),
        Heard::Broken { told, .. } => format!("words, then `{}`", told.what),
    };
    let calls = match first.calls {
        [own, 0] => own.to_string(),
        [own, other] => format!("{own} + {other}"),
    };
    let ms = came.iter().map(|came| came.took.as_millis());
    let (least, most) = (ms.clone().min().unwrap_or(0), ms.max().unwrap_or(0));
    format!("{heard}; {calls} calls; {least}–{most} ms")
}
