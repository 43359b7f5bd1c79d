//! The pool's behaviour with a model that does as each text says.

use std::sync::mpsc;
use std::time::Duration;

use futures_util::FutureExt;

use super::*;
use crate::embed::model::RunError;

const DIMENSION: usize = 2;

/// Reports the lengths of each run, then waits for leave to go on.
struct Obedient {
    seen: mpsc::Sender<Vec<usize>>,
    leave: Receiver<()>,
}

/// What the reader makes of a text's first word; the number of words is the number of tokens.
const ORDERS: [&str; 6] = ["fine", "fail", "panic", "nan", "wide", "few"];

impl Model for Obedient {
    fn run(&mut self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, RunError> {
        self.seen
            .send(batch.iter().map(Vec::len).collect())
            .unwrap();
        self.leave.recv().unwrap();
        let orders: Vec<&str> = batch
            .iter()
            .map(|tokens| ORDERS[tokens[0] as usize])
            .collect();
        assert!(!orders.contains(&"panic"), "told to panic");
        if orders.contains(&"fail") {
            return Err(RunError::Shape(vec![]));
        }
        let vector = |order| match order {
            "nan" => vec![f32::NAN, 1.0],
            "wide" => vec![1.0, 0.0, 0.0],
            _ => vec![0.6, 0.8],
        };
        Ok(orders
            .into_iter()
            .filter(|&order| order != "few")
            .map(vector)
            .collect())
    }
}

fn read(text: &str) -> Result<Vec<u32>, Skip> {
    let order = text.split(' ').next().unwrap();
    assert_ne!(order, "unreadable");
    match ORDERS.iter().position(|&known| known == order) {
        Some(order) => Ok(vec![u32::try_from(order).unwrap(); text.split(' ').count()]),
        None => Err(Skip::UnknownTokens),
    }
}

struct Bench {
    pool: Pool,
    seen: mpsc::Receiver<Vec<usize>>,
    leave: Sender<()>,
}

impl Bench {
    fn new(queue: usize, batch: usize) -> Self {
        let (saw, seen) = mpsc::channel();
        let (leave, wait) = crossbeam_channel::unbounded();
        let models: Vec<Box<dyn Model>> = vec![Box::new(Obedient {
            seen: saw,
            leave: wait,
        })];
        let pool = Pool::start(
            models,
            vec![],
            read,
            Limits {
                queue,
                batch,
                dimension: DIMENSION,
                space: Space::of("mine"),
            },
        )
        .unwrap();
        Self { pool, seen, leave }
    }

    /// Queues a text; its outcome is awaited later.
    fn ask(&self, text: &str) -> std::pin::Pin<Box<dyn Future<Output = Outcome> + '_>> {
        self.ask_by(text, Instant::now() + Duration::from_secs(60))
    }

    fn ask_by(
        &self,
        text: &str,
        deadline: Instant,
    ) -> std::pin::Pin<Box<dyn Future<Output = Outcome> + '_>> {
        let mut call = Box::pin(self.pool.embed(Words::Text(text.into()), deadline));
        match (&mut call).now_or_never() {
            Some(outcome) => Box::pin(std::future::ready(outcome)),
            None => call,
        }
    }

    /// Keeps the thread busy with a text of one token.
    fn hold(&self) -> std::pin::Pin<Box<dyn Future<Output = Outcome> + '_>> {
        let held = self.ask("fine");
        assert_eq!(self.next_run(), [1]);
        held
    }

    fn next_run(&self) -> Vec<usize> {
        self.seen.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    fn let_run(&self, runs: usize) {
        for _ in 0..runs {
            self.leave.send(()).unwrap();
        }
    }
}

#[track_caller]
fn embedded(outcome: Outcome) -> Embedded {
    match outcome {
        Outcome::Embedded(embedded) => embedded,
        other => panic!("{other:?} instead of a vector"),
    }
}

#[track_caller]
fn unavailable(outcome: Outcome, why: Unavailable) {
    assert!(
        matches!(outcome, Outcome::Unavailable(found) if found == why),
        "{outcome:?} instead of {why:?}"
    );
}

#[tokio::test]
async fn a_text_comes_back_as_a_vector_with_its_tokens() {
    let bench = Bench::new(4, 4);
    bench.let_run(1);
    let embedded = embedded(bench.ask("fine too").await);
    assert_eq!(embedded.token_count, 2);
    assert_eq!(embedded.tokens, digest(&[0, 0]));
    assert!((embedded.embedding[0] - 0.6).abs() < 1e-6);
}

#[tokio::test]
async fn what_waits_is_run_together() {
    let bench = Bench::new(8, 8);
    let held = bench.hold();
    let calls = [
        bench.ask("fine a"),
        bench.ask("fine b"),
        bench.ask("fine c"),
    ];
    bench.let_run(2);
    embedded(held.await);
    assert_eq!(bench.next_run(), [2, 2, 2]);
    for call in calls {
        embedded(call.await);
    }
}

#[tokio::test]
async fn a_batch_is_no_larger_than_its_limit() {
    let bench = Bench::new(8, 2);
    let held = bench.hold();
    let calls = [
        bench.ask("fine a"),
        bench.ask("fine b"),
        bench.ask("fine c"),
    ];
    bench.let_run(3);
    assert_eq!(bench.next_run(), [2, 2]);
    assert_eq!(bench.next_run(), [2]);
    for call in calls {
        embedded(call.await);
    }
    embedded(held.await);
}

#[tokio::test]
async fn texts_of_different_lengths_run_apart_and_the_short_ones_first() {
    let bench = Bench::new(8, 8);
    let held = bench.hold();
    let words = |count: usize| vec!["fine"; count].join(" ");
    let calls = [words(20), words(3), words(18), words(3)].map(|text| bench.ask(&text));
    bench.let_run(3);
    embedded(held.await);
    assert_eq!(bench.next_run(), [3, 3]);
    assert_eq!(bench.next_run(), [18, 20]);
    let counts = futures_util::future::join_all(calls)
        .await
        .into_iter()
        .map(|o| embedded(o).token_count);
    assert_eq!(counts.collect::<Vec<_>>(), [20, 3, 18, 3]);
}

#[test]
fn a_run_holds_a_bounded_number_of_tokens() {
    let job = || Ready {
        tokens: vec![0; 64],
        deadline: Instant::now(),
        reply: oneshot::channel().0,
    };
    let sizes: Vec<usize> = runs((0..9).map(|_| job()).collect())
        .iter()
        .map(Vec::len)
        .collect();
    assert_eq!(sizes, [4, 4, 1]);
}

#[tokio::test]
async fn a_full_queue_is_said_at_once() {
    let bench = Bench::new(1, 1);
    let held = bench.hold();
    let waits = bench.ask("fine a");
    assert_eq!(bench.pool.depth(), 1);
    unavailable(bench.ask("fine b").await, Unavailable::QueueFull);
    bench.let_run(2);
    embedded(held.await);
    embedded(waits.await);
}

#[tokio::test]
async fn a_caller_waits_no_longer_than_its_deadline() {
    let bench = Bench::new(4, 4);
    let held = bench.hold();
    let late = bench.ask_by("fine a", Instant::now() + Duration::from_millis(1));
    unavailable(late.await, Unavailable::Deadline);
    bench.let_run(1);
    embedded(held.await);
}

#[tokio::test]
async fn a_text_that_nobody_waits_for_is_not_run() {
    let bench = Bench::new(4, 4);
    let held = bench.hold();
    drop(bench.ask("fine a b"));
    let wanted = bench.ask("fine c");
    bench.let_run(2);
    embedded(held.await);
    embedded(wanted.await);
    assert_eq!(bench.next_run(), [2]);
    assert!(bench.seen.try_recv().is_err());
}

#[test]
fn a_text_whose_deadline_passed_is_answered_and_not_run() {
    let (reply, mut answer) = oneshot::channel();
    assert!(wanted(reply, Instant::now()).is_none());
    unavailable(answer.try_recv().unwrap(), Unavailable::Deadline);
}

#[tokio::test]
async fn a_text_that_is_skipped_does_not_reach_the_model() {
    let bench = Bench::new(4, 4);
    let outcome = bench.ask("strange").await;
    assert!(
        matches!(outcome, Outcome::Skipped(Skip::UnknownTokens)),
        "{outcome:?}"
    );
    assert!(bench.seen.try_recv().is_err());
}

#[tokio::test]
async fn the_pool_outlives_whatever_one_text_does_to_it() {
    let bench = Bench::new(4, 4);
    bench.let_run(6);
    for text in ["fail", "panic", "nan", "wide", "few", "unreadable"] {
        unavailable(bench.ask(text).await, Unavailable::Failed);
    }
    embedded(bench.ask("fine").await);
}

#[tokio::test]
async fn a_text_that_breaks_the_model_fails_alone() {
    let bench = Bench::new(4, 4);
    let held = bench.hold();
    let (good, bad, also_good) = (
        bench.ask("fine a"),
        bench.ask("panic a"),
        bench.ask("fine b"),
    );
    bench.let_run(5);
    embedded(held.await);
    embedded(good.await);
    unavailable(bad.await, Unavailable::Failed);
    embedded(also_good.await);
}

#[tokio::test]
async fn without_threads_every_text_fails_at_once() {
    let pool = Pool::start(
        vec![],
        vec![],
        read,
        Limits {
            queue: 4,
            batch: 4,
            dimension: DIMENSION,
            space: Space::of("mine"),
        },
    )
    .unwrap();
    unavailable(
        pool.embed(
            Words::Text("fine".into()),
            Instant::now() + Duration::from_secs(60),
        )
        .await,
        Unavailable::Failed,
    );
}

#[tokio::test]
async fn a_job_that_dies_with_its_thread_fails() {
    let (queue, waiting) = bounded(1);
    let pool = Pool { queue };
    let dies = thread::spawn(move || drop(waiting.recv().unwrap()));
    unavailable(
        pool.embed(
            Words::Text("fine".into()),
            Instant::now() + Duration::from_secs(60),
        )
        .await,
        Unavailable::Failed,
    );
    dies.join().unwrap();
}
