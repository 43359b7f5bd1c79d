//! The queue's behaviour with a model that does as each pair says, and the committed model, run for real.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use futures_util::FutureExt;

use super::reader::Row;
use super::*;
use crate::embed::model::RunError;
use crate::embed::{EmbedConfig, Embedder, Outcome};

/// Reports the number of pairs of each run and says their first token as log-odds.
struct Obedient {
    seen: mpsc::Sender<usize>,
}

/// What a stored question's text orders; its place is the pair's token.
const ORDERS: [&str; 5] = ["fine", "fail", "panic", "nan", "few"];

impl Scorer for Obedient {
    fn run(&mut self, rows: &[Row]) -> Result<Vec<f32>, RunError> {
        self.seen.send(rows.len()).unwrap();
        let order = |row: &Row| ORDERS[row.ids[0] as usize];
        assert!(!rows.iter().any(|row| order(row) == "panic"), "told to");
        if rows.iter().any(|row| order(row) == "fail") {
            return Err(RunError::Shape(vec![]));
        }
        let said = |row: &Row| match order(row) {
            "nan" => f32::NAN,
            _ => 2.5,
        };
        let all = rows.iter().filter(|row| order(row) != "few").map(said);
        Ok(all.collect())
    }
}

fn read(pair: &Pair) -> Result<Row, Unread> {
    assert_ne!(&*pair.stored, "unreadable");
    let order = ORDERS.iter().position(|known| *known == &*pair.stored);
    let order = order.ok_or(Unread::UnknownTokens)?;
    Ok(Row {
        ids: vec![u32::try_from(order).unwrap()],
        types: vec![0],
    })
}

fn pairs(stored: &[&str]) -> Vec<Pair> {
    let pair = |stored: &&str| Pair {
        stored: (*stored).into(),
        asked: "asked".into(),
    };
    stored.iter().map(pair).collect()
}

struct Bench {
    lane: Lane,
    verifier: Verifier,
    seen: mpsc::Receiver<usize>,
}

impl Bench {
    fn new(queue: usize) -> Self {
        let (saw, seen) = mpsc::channel();
        let scorers: Vec<Box<dyn Scorer>> = vec![Box::new(Obedient { seen: saw })];
        let (mut lanes, queue) = over(scorers, read, queue);
        let verifier = Verifier {
            queue,
            version: "v".into(),
        };
        Self {
            lane: lanes.remove(0),
            verifier,
            seen,
        }
    }

    /// What is said of pairs by a thread that has nothing else to do.
    async fn ask(&mut self, stored: &[&str]) -> Vec<Result<f32, Unread>> {
        let mut asked = Box::pin(self.verifier.verify(pairs(stored), later()));
        assert!((&mut asked).now_or_never().is_none());
        let job = self.lane.waiting.try_recv().unwrap();
        self.lane.serve(job);
        asked.await
    }
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[tokio::test]
async fn the_pairs_of_a_request_are_run_together_and_what_cannot_be_read_is_left_out() {
    let mut bench = Bench::new(4);
    let told = bench.ask(&["fine", "strange", "fine"]).await;
    assert_eq!(told, [Ok(2.5), Err(Unread::UnknownTokens), Ok(2.5)]);
    assert_eq!(bench.seen.try_iter().collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn a_pair_that_breaks_the_model_is_unread_and_the_thread_goes_on() {
    let mut bench = Bench::new(4);
    for order in ["fail", "panic", "nan", "few", "unreadable"] {
        assert_eq!(bench.ask(&[order]).await, [Err(Unread::Failed)], "{order}");
    }
    assert_eq!(bench.ask(&["fine"]).await, [Ok(2.5)]);
}

#[tokio::test]
async fn a_full_queue_is_said_at_once_and_a_deadline_ends_the_wait() {
    let bench = Bench::new(1);
    let soon = Instant::now() + Duration::from_millis(1);
    let late = bench.verifier.verify(pairs(&["fine", "fine"]), soon).await;
    assert_eq!(late, [Err(Unread::Deadline); 2]);
    assert_eq!(bench.verifier.queue_depth(), 1);
    let full = bench.verifier.verify(pairs(&["fine"]), later()).await;
    assert_eq!(full, [Err(Unread::QueueFull)]);
}

#[tokio::test]
async fn what_is_said_behind_the_deadline_is_heard_as_well() {
    let mut bench = Bench::new(1);
    let (hears, heard) = tokio::sync::oneshot::channel();
    let soon = Instant::now() + Duration::from_millis(20);
    let late = |told| hears.send(told).unwrap();
    let asked = bench.verifier.verify_or_later(pairs(&["fine"]), soon, late);
    assert_eq!(asked.await, [Err(Unread::Deadline)]);
    let mut job = bench.lane.waiting.try_recv().unwrap();
    // As if a thread had taken it in time.
    job.deadline = later();
    bench.lane.serve(job);
    assert_eq!(heard.await.unwrap(), [Ok(2.5)]);
}

#[tokio::test]
async fn what_nobody_waits_for_or_is_too_late_is_not_run() {
    let mut bench = Bench::new(4);
    let mut left = Box::pin(bench.verifier.verify(pairs(&["fine"]), later()));
    assert!((&mut left).now_or_never().is_none());
    drop(left);
    bench.lane.serve(bench.lane.waiting.try_recv().unwrap());
    let (reply, mut answer) = tokio::sync::oneshot::channel();
    bench.lane.serve(Job {
        pairs: pairs(&["fine"]),
        deadline: Instant::now(),
        reply,
    });
    assert_eq!(answer.try_recv().unwrap(), [Err(Unread::Deadline)]);
    assert!(bench.seen.try_recv().is_err());
}

#[tokio::test]
async fn without_threads_nothing_is_said() {
    let Bench { lane, verifier, .. } = Bench::new(4);
    drop(lane);
    let told = verifier.verify(pairs(&["fine"]), later()).await;
    assert_eq!(told, [Err(Unread::Failed)]);
}

fn committed() -> Embedder {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let config = EmbedConfig {
        model_dir: models.join("all-MiniLM-L6-v2"),
        runtime_lib: None,
        threads: 1,
        queue: 16,
        max_batch: 8,
        verifier: Some(VerifierConfig {
            model_dir: models.join("verifier"),
            queue: 16,
        }),
    };
    Embedder::start(&config).unwrap()
}

#[tokio::test]
async fn the_committed_model_tells_another_wording_from_another_question() {
    let embedder = committed();
    let pair = |stored: &str, asked: &str| Pair {
        stored: stored.into(),
        asked: asked.into(),
    };
    let pairs = vec![
        pair(
            "How do I reset my password?",
            "What's the way to reset my password?",
        ),
        pair(
            "What should I wear to a funeral?",
            "What should I say to a funeral guest?",
        ),
        pair("How do I water an orchid?", "How do I repot an orchid?"),
        pair("Wie geht es dir?", "Как дела?"),
    ];
    let told = embedder.verifier().unwrap().verify(pairs, later()).await;
    assert!(told[0].unwrap() > 1.0, "{told:?}");
    assert!(told[1].unwrap() < -0.5, "{told:?}");
    assert!(told[2].unwrap() < -0.5, "{told:?}");
    assert_eq!(told[3], Err(Unread::UnsupportedLanguage));
    let vector = embedder.embed("How do I reset my password?", later()).await;
    assert!(
        matches!(vector, Outcome::Embedded(_)),
        "the same thread embeds"
    );
}

#[tokio::test]
async fn a_pair_says_the_same_whatever_it_is_run_with() {
    let embedder = committed();
    let verifier = embedder.verifier().unwrap();
    let long = "What is the meaning of the very long name that my neighbour gave to the smaller one of his two dogs last year?";
    let pair = |stored: &str| Pair {
        stored: stored.into(),
        asked: "What does the name of my neighbour's dog mean?".into(),
    };
    let alone = verifier.verify(vec![pair("What is a dog?")], later()).await;
    let both = verifier
        .verify(vec![pair("What is a dog?"), pair(long)], later())
        .await;
    assert!(both[1].is_ok(), "{both:?}");
    assert!((alone[0].unwrap() - both[0].unwrap()).abs() < 0.01);
}
