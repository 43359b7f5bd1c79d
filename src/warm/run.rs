//! The loop of a run: takes lines while there is room, sends what must be sent, and
//! counts what becomes of it. One task; what is on its way is dropped only if told so.

use std::cell::RefCell;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;

use super::budget::{Budget, Cost, Limit, Reservation};
use super::driver::{Driver, Refusal, Told};
use super::fold::Fold;
use super::journal::Journal;
use super::lines::{Fault, Item, Line};
use super::pace::Pace;
use super::progress::Progress;
use super::report::{Report, Stopped};
use super::sender::{Fate, Sender};
use crate::chat::unix_seconds;
use crate::embed::Embedder;

/// Failures in a row, none of them the requests' own, after which the rest is spared.
const GIVE_UP: u32 = 10;

/// Whether a run should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum Stop {
    /// No.
    Not,
    /// Once what is on its way is there.
    Soon,
    /// At once.
    Now,
}

/// What a run works with.
pub struct Job<'a> {
    /// The gateway.
    pub driver: &'a dyn Driver,
    /// Requests on their way at the same time, at least 1.
    pub concurrency: usize,
    /// Requests a second.
    pub pace: Pace,
    /// Money and requests.
    pub budget: Budget,
    /// Tells how alike questions are; without one they are not folded by meaning.
    pub encoder: Option<Embedder>,
    /// Least cosine of two questions of which the second waits for the first.
    pub fold: f32,
    /// What earlier runs finished.
    pub journal: Journal,
    /// Where progress is shown.
    pub progress: Progress,
}

/// Asks all of `lines` and reports. The journal goes once nothing is left to do.
pub async fn run(job: Job<'_>, lines: Receiver<Line>, stop: watch::Receiver<Stop>) -> Report {
    let begun = Instant::now();
    let sender = Sender {
        driver: job.driver,
        encoder: job.encoder,
        pace: job.pace,
        fold: RefCell::new(Fold::new(job.fold)),
        stop: stop.clone(),
    };
    let mut run = Run {
        sender: &sender,
        concurrency: job.concurrency.max(1),
        budget: job.budget,
        journal: Some(job.journal),
        progress: job.progress,
        report: Report::default(),
        failures: 0,
        bytes: 0,
    };
    run.go(lines, stop).await;
    run.commit().await;
    let mut report = run.report;
    report.seconds = begun.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "counts of lines")]
    let answered = (report.hits + report.paid) as f64;
    report.rate = answered / report.seconds.max(1e-6);
    let done = run.journal.filter(|_| report.is_complete());
    if let Some(Err(e)) = done.map(Journal::finish) {
        run.progress.say(&format!("the journal stays: {e}"));
    }
    run.progress.done();
    report
}

/// An item that came back.
struct Flown {
    number: u64,
    item: Item,
    kept: Reservation,
    fate: Fate,
}

impl Sender<'_> {
    async fn fly(&self, number: u64, item: Item, kept: Reservation) -> Flown {
        let fate = self.send(&item).await;
        Flown {
            number,
            item,
            kept,
            fate,
        }
    }
}

struct Run<'a> {
    sender: &'a Sender<'a>,
    concurrency: usize,
    budget: Budget,
    journal: Option<Journal>,
    progress: Progress,
    report: Report,
    failures: u32,
    bytes: u64,
}

impl Run<'_> {
    async fn go(&mut self, mut lines: Receiver<Line>, stop: watch::Receiver<Stop>) {
        let sender = self.sender;
        tokio::select! {
            () = stopped(&stop, Stop::Soon) => {}
            () = sender.driver.ready() => {}
        }
        let mut flights = FuturesUnordered::new();
        // An item for which there is no money until others have come back.
        let mut held: Option<(u64, Item)> = None;
        let mut ended = false;
        loop {
            if self.report.stopped.is_some() {
                self.report.left += u64::from(held.take().is_some());
            } else if let Some((number, item)) = held.take() {
                match self.budget.reserve(&item.request) {
                    Ok(kept) => flights.push(sender.fly(number, item, kept)),
                    Err(Limit::NoPrice) => self.no_price(number, &item),
                    Err(_) if !flights.is_empty() => held = Some((number, item)),
                    Err(Limit::Usd) => self.end(Stopped::MaxUsd),
                    Err(Limit::Requests) => self.end(Stopped::MaxRequests),
                }
            }
            let more = !ended && self.report.stopped.is_none();
            let room = more && held.is_none() && flights.len() < self.concurrency;
            if !more && held.is_none() && flights.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                () = stopped(&stop, Stop::Now) => break,
                () = stopped(&stop, Stop::Soon), if self.report.stopped.is_none() => {
                    self.report.stopped = Some(Stopped::Interrupted);
                }
                Some(flown) = flights.next() => self.landed(flown).await,
                line = lines.recv(), if room => match line {
                    Some(line) => held = self.taken(line),
                    None => ended = true,
                },
            }
        }
        self.report.stopped = Some(Stopped::Interrupted);
        self.report.left += flights.len() as u64 + u64::from(held.is_some());
    }

    fn end(&mut self, why: Stopped) {
        self.report.left += 1;
        self.report.stopped = Some(why);
    }

    fn no_price(&mut self, number: u64, item: &Item) {
        let model = item.request.model().escape_debug();
        self.progress.say(&format!(
            "line {number}: no price is known for `{model}`, so --max-usd cannot limit what it costs: add \
             [[prices]] for it to the configuration, or leave --max-usd out (--max-requests needs none)"
        ));
        self.end(Stopped::NoPrice);
    }

    /// What is to be asked of a line, if anything.
    fn taken(&mut self, line: Line) -> Option<(u64, Item)> {
        self.bytes = line.end;
        let item = match line.item {
            Ok(item) => item,
            Err(Fault::Input(e)) => {
                self.progress.say(&Fault::Input(e).to_string());
                self.report.stopped = Some(Stopped::Input);
                return None;
            }
            Err(fault) => {
                self.report.lines += 1;
                self.report.bad += 1;
                self.progress.bad_line(line.number, &fault.to_string());
                return None;
            }
        };
        self.report.lines += 1;
        if self.journal.as_ref().is_some_and(|j| j.has(&item.key)) {
            self.report.already_done += 1;
            return None;
        }
        if !self.sender.fold.borrow_mut().is_new(item.key) {
            self.report.folded += 1;
            return None;
        }
        Some((line.number, item))
    }

    async fn landed(&mut self, flown: Flown) {
        let Flown {
            number,
            item,
            kept,
            fate,
        } = flown;
        match fate {
            Fate::Unsent => {
                self.budget.cancel(kept);
                self.report.left += 1;
            }
            Fate::Folded(told) => {
                let _ = self.budget.settle(kept, &item.request, &told);
                self.failures = 0;
                self.report.folded += 1;
                self.finished(&item);
            }
            Fate::Asked(Ok(told)) => {
                let cost = self.budget.settle(kept, &item.request, &told);
                self.answered(&told, cost);
                self.finished(&item);
            }
            Fate::Asked(Err(refusal)) => {
                if refusal.maybe_paid {
                    self.budget.forfeit(kept);
                } else {
                    self.budget.refused(kept);
                }
                self.failed(number, refusal);
            }
        }
        if self.journal.as_ref().is_some_and(Journal::is_due) {
            self.commit().await;
        }
        let report = &self.report;
        self.progress.at(self.bytes, || {
            let (paid, hits, failed) = (report.paid, report.hits, report.failed);
            format!(
                "{} lines, {paid} paid, {hits} hits, {failed} failed, {:.2} USD",
                report.lines, report.usd
            )
        });
    }

    fn finished(&mut self, item: &Item) {
        if let Some(journal) = &mut self.journal {
            journal.note(item.key);
        }
    }

    fn answered(&mut self, told: &Told, cost: Cost) {
        self.failures = 0;
        let report = &mut self.report;
        if !told.paid {
            report.hits += 1;
            return;
        }
        report.paid += 1;
        let (prompt, completion) = told.tokens.unwrap_or_default();
        report.prompt_tokens += prompt;
        report.completion_tokens += completion;
        match cost {
            Cost::Usd(usd) => report.usd += usd,
            Cost::Unknown => report.unpriced += 1,
            Cost::Nothing => {}
        }
    }

    fn failed(&mut self, number: u64, refusal: Refusal) {
        self.report.failed += 1;
        self.progress
            .failure(number, &refusal.kind, &refusal.message);
        if refusal.is_the_requests_own() {
            self.failures = 0;
        } else {
            self.failures += 1;
        }
        *self.report.errors.entry(refusal.kind).or_default() += 1;
        if self.failures >= GIVE_UP && self.report.stopped.is_none() {
            self.report.stopped = Some(Stopped::GaveUp);
        }
    }

    /// Writes down what is finished, once it cannot be lost. Only what is written down is never asked again.
    async fn commit(&mut self) {
        if !self.sender.driver.settle().await {
            return;
        }
        if let Some(journal) = &mut self.journal
            && let Err(e) = journal.commit(unix_seconds())
        {
            self.progress.say(&format!(
                "the journal cannot be written, an interrupted run will ask again: {e}"
            ));
            self.journal = None;
        }
    }
}

pub(super) async fn stopped(stop: &watch::Receiver<Stop>, level: Stop) {
    if stop.clone().wait_for(|now| *now >= level).await.is_err() {
        // Nobody is left who could say so.
        std::future::pending().await
    }
}
