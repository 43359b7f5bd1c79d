//! Asks the verifier of the candidates whose serving is open: the best of them in one run, each pair of questions once.
//! Knows nothing of what its word counts for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache as Moka;

use super::semantic::Nearest;
use super::verdict::Rule;
use crate::embed::{Pair, Unread, Verifier};

/// Bounds of what it is asked.
#[derive(Debug, Clone, Copy)]
pub struct VerifyLimits {
    /// Time that one reading may take, its wait in the queue included.
    pub deadline: Duration,
    /// Most candidates of one request that are read.
    pub candidates: usize,
    /// Readings that are remembered.
    pub remembered: u64,
}

/// Who asks.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    /// The question asked.
    pub(super) question: &'a str,
    /// What decides it.
    pub(super) rule: &'a Rule,
    /// What is tried beside that.
    pub(super) beside: Option<&'a Rule>,
}

impl Asking<'_> {
    /// Whether a candidate is to be read.
    pub(super) fn of(&self, near: &Nearest) -> bool {
        let mut rules = std::iter::once(self.rule).chain(self.beside);
        rules.any(|rule| near.judgement.asks(rule))
    }
}

/// What was read before, and the bounds.
#[derive(Debug)]
pub(super) struct Verifying {
    known: Moka<PairKey, f32>,
    limits: VerifyLimits,
    /// Held by whoever is in no hurry, while it is asked.
    patient: tokio::sync::Mutex<()>,
}

/// Pairs that whoever is in no hurry asks of at once.
const AT_ONCE: usize = 4;
/// The longest that one waits for all, and between two tries.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// First half of a hash over the model, the place and both texts.
type PairKey = [u8; 16];

impl Verifying {
    /// Nothing read yet.
    #[must_use]
    pub(super) fn new(limits: VerifyLimits) -> Self {
        Self {
            known: Moka::new(limits.remembered),
            limits,
            patient: tokio::sync::Mutex::new(()),
        }
    }

    /// The candidates with what the verifier says of those that are open. What is open and was not read is judged as such.
    pub(super) async fn heard(
        &self,
        verifier: &Verifier,
        asking: &Asking<'_>,
        near: Vec<Nearest>,
    ) -> Vec<Nearest> {
        let open = open(asking, &near);
        let place = near.first().map_or([0; 32], |near| near.entry.key.scope);
        let asked: Arc<str> = asking.question.into();
        let pair = |at: &usize| {
            near[*at].entry.question_text().map(|stored| Pair {
                stored: stored.into(),
                asked: asked.clone(),
            })
        };
        // An open candidate was compared by its words, so they are there.
        let pairs: Option<Vec<_>> = open.iter().take(self.limits.candidates).map(pair).collect();
        let said = match pairs {
            Some(pairs) if !pairs.is_empty() => self.said(verifier, &place, pairs).await,
            _ => Vec::new(),
        };
        let mut words = vec![None; near.len()];
        for (at, said) in open.into_iter().zip(said) {
            words[at] = Some(said.ok());
        }
        let judged = near.into_iter().zip(words);
        judged
            .map(|(near, word)| match word {
                Some(log_odds) => near.heard(log_odds, asking.rule),
                None => near,
            })
            .collect()
    }

    /// Log-odds of each pair, in order, or why nothing was said. What was read in one place is read anew in another: how
    /// quickly an answer comes tells nobody what others asked.
    async fn said(&self, verifier: &Verifier, place: &[u8], pairs: Vec<Pair>) -> Vec<Said> {
        self.within(self.limits.deadline, verifier, place, pairs)
            .await
    }

    /// The same for whoever is in no hurry: a few at a time, one caller after the other, and again where the queue is full,
    /// so that it is kept free for requests.
    pub(super) async fn said_in_time(
        &self,
        verifier: &Verifier,
        place: &[u8],
        pairs: &[Pair],
    ) -> Vec<Said> {
        let until = Instant::now() + PATIENCE;
        let mut all = Vec::with_capacity(pairs.len());
        for some in pairs.chunks(AT_ONCE) {
            let _turn = self.patient.lock().await;
            let said = loop {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break vec![Err(Unread::Deadline); some.len()];
                }
                let said = self.within(left, verifier, place, some.to_vec()).await;
                if !said.contains(&Err(Unread::QueueFull)) {
                    break said;
                }
                tokio::time::sleep(PAUSE).await;
            };
            all.extend(said);
        }
        all
    }

    async fn within(
        &self,
        time: Duration,
        verifier: &Verifier,
        place: &[u8],
        pairs: Vec<Pair>,
    ) -> Vec<Said> {
        let of = |pair| key(verifier, place, pair);
        let keys: Vec<_> = pairs.iter().map(of).collect();
        let known: Vec<_> = keys.iter().map(|key| self.known.get(key)).collect();
        let new: Vec<_> = (0..pairs.len()).filter(|at| known[*at].is_none()).collect();
        let mut said: Vec<Said> = known.into_iter().map(|k| k.ok_or(Unread::Failed)).collect();
        count("remembered", pairs.len() - new.len());
        if new.is_empty() {
            return said;
        }
        let unread = new.iter().map(|at| pairs[*at].clone()).collect();
        let their_keys: Vec<_> = new.iter().map(|at| keys[*at]).collect();
        let (readings, late_keys) = (self.known.clone(), their_keys.clone());
        // Whoever asks again is not to wait for the same once more.
        let late = move |told: Vec<Said>| keep(&readings, &late_keys, &told);
        let told = verifier
            .verify_or_later(unread, Instant::now() + time, late)
            .await;
        keep(&self.known, &their_keys, &told);
        for (at, told) in new.into_iter().zip(told) {
            count(told.map_or_else(Unread::as_str, |_| "read"), 1);
            said[at] = told;
        }
        said
    }
}

/// What the verifier says of a pair.
type Said = Result<f32, Unread>;

fn keep(known: &Moka<PairKey, f32>, keys: &[PairKey], told: &[Said]) {
    for (key, told) in keys.iter().zip(told) {
        if let Ok(log_odds) = told {
            known.insert(*key, *log_odds);
        }
    }
}

/// The places of those that are open, the likeliest first.
fn open(asking: &Asking<'_>, near: &[Nearest]) -> Vec<usize> {
    let mut open: Vec<_> = (0..near.len()).filter(|at| asking.of(&near[*at])).collect();
    let score = |at: &usize| near[*at].judgement.score;
    open.sort_by(|a, b| score(b).total_cmp(&score(a)));
    open
}

fn count(result: &'static str, pairs: usize) {
    if pairs > 0 {
        let pairs = u64::try_from(pairs).unwrap_or(u64::MAX);
        metrics::counter!("reprise_verifier_pairs_total", "result" => result).increment(pairs);
    }
}

fn key(verifier: &Verifier, place: &[u8], pair: &Pair) -> PairKey {
    let mut hasher = blake3::Hasher::new();
    let [version, stored, asked] =
        [verifier.version(), &pair.stored, &pair.asked].map(str::as_bytes);
    for part in [version, place, stored, asked] {
        // With its length before it, so that no two pairs run into each other.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut key = [0; 16];
    hasher.finalize_xof().fill(&mut key);
    key
}
