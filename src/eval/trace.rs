//! A trace: requests in order, each tenant in its own memory, answered and remembered as live
//! ones are. A hit is right when the groups of asked and stored agree.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::json;

use super::measure::median;
use super::pairs::ALL;
use super::progress::Progress;
use super::rows::TraceRow;
use super::trial::{Hit, Place, Trial, TrialError, question};

/// The figures of one kind of request.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TraceFigures {
    /// Requests.
    pub n: usize,
    /// Answered by the same request, word for word.
    pub exact_hits: usize,
    /// Answered by meaning.
    pub semantic_hits: usize,
    /// Of these: by the answer of another group.
    pub semantic_wrong: usize,
    /// Requests whose group, but not whose text, was seen in that tenant before.
    pub semantic_possible: usize,
    /// Of these: answered by meaning.
    pub semantic_found: usize,
    /// Median milliseconds of a request, the stand-in's answer included.
    pub p50_ms: f64,
}

/// What became of one request.
struct Seen {
    kind: String,
    hit: Option<Hit>,
    wrong: bool,
    possible: bool,
    ms: f64,
}

/// Replays a trace and gives its figures by kind, and of all.
pub async fn trace(
    trial: &Trial,
    rows: Vec<TraceRow>,
    mut progress: Progress,
) -> BTreeMap<String, TraceFigures> {
    let mut tenants: BTreeMap<String, Vec<(usize, TraceRow)>> = BTreeMap::new();
    for (number, row) in rows.into_iter().enumerate() {
        let tenant = tenants.entry(row.tenant.clone()).or_default();
        tenant.push((number, row));
    }
    let (tell, mut told) = tokio::sync::mpsc::channel(64);
    // The order within a tenant decides what is remembered when; tenants do not meet.
    let replay = stream::iter(tenants)
        .map(move |(tenant, rows)| one_tenant(trial, tenant, rows, tell.clone()))
        .buffer_unordered(trial.at_once())
        .collect::<Vec<()>>();
    let collect = async {
        let mut kinds: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
        while let Some(seen) = told.recv().await {
            progress.step();
            match seen {
                Ok(seen) => kinds.entry(seen.kind.clone()).or_default().push(seen),
                Err((number, why)) => progress.fault(number + 1, &why),
            }
        }
        kinds
    };
    // The last sender goes with the replay, which is what ends the collecting.
    let (_, kinds) = tokio::join!(replay, collect);
    progress.done();
    figures(&kinds)
}

type Tell = tokio::sync::mpsc::Sender<Result<Seen, (usize, TrialError)>>;

async fn one_tenant(trial: &Trial, tenant: String, rows: Vec<(usize, TraceRow)>, tell: Tell) {
    let mut memory = Remembered::default();
    for (number, row) in rows {
        let seen = ask(trial, &tenant, row, &mut memory).await;
        if tell.send(seen.map_err(|why| (number, why))).await.is_err() {
            return;
        }
    }
}

/// What one tenant was asked so far.
#[derive(Default)]
struct Remembered {
    groups: HashSet<String>,
    texts: HashSet<String>,
    /// Group of the request that each remembered text was first asked by.
    by_text: HashMap<String, String>,
}

async fn ask(
    trial: &Trial,
    tenant: &str,
    row: TraceRow,
    memory: &mut Remembered,
) -> Result<Seen, TrialError> {
    let said = trial
        .answer(&Place::tenant(tenant)?, &question(&row.q))
        .await?;
    let possible = memory.groups.contains(&row.group) && !memory.texts.contains(&row.q);
    let wrong = match said.hit {
        Some(Hit::Semantic(entry)) => {
            let stored = trial.gateway().cache().memory().load(entry);
            let stored = stored.as_ref().and_then(|e| e.question_text());
            let wrong = stored.and_then(|text| memory.by_text.get(text)) != Some(&row.group);
            if wrong {
                trial.tell_wrong(json!({"kind": row.kind, "tenant": tenant, "asked": row.q, "stored": stored, "score": said.score}));
            }
            wrong
        }
        Some(Hit::Exact) => false,
        None => {
            let by_text = &mut memory.by_text;
            by_text.insert(row.q.clone(), row.group.clone());
            false
        }
    };
    memory.groups.insert(row.group);
    memory.texts.insert(row.q);
    Ok(Seen {
        kind: row.kind,
        hit: said.hit,
        wrong,
        possible,
        ms: said.ms,
    })
}

impl Seen {
    fn semantic(&self) -> bool {
        matches!(self.hit, Some(Hit::Semantic(_)))
    }
}

fn figures(kinds: &BTreeMap<String, Vec<Seen>>) -> BTreeMap<String, TraceFigures> {
    let by_kind = kinds
        .iter()
        .map(|(kind, seen)| (kind.clone(), of(seen.iter())));
    let mut figures: BTreeMap<_, _> = by_kind.collect();
    figures.insert(ALL.to_owned(), of(kinds.values().flatten()));
    figures
}

fn of<'a>(seen: impl Iterator<Item = &'a Seen>) -> TraceFigures {
    let seen: Vec<_> = seen.collect();
    let count = |test: fn(&Seen) -> bool| seen.iter().filter(|s| test(s)).count();
    TraceFigures {
        n: seen.len(),
        exact_hits: count(|s| s.hit == Some(Hit::Exact)),
        semantic_hits: count(Seen::semantic),
        semantic_wrong: count(|s| s.wrong),
        semantic_possible: count(|s| s.possible),
        semantic_found: count(|s| s.possible && s.semantic()),
        p50_ms: median(seen.iter().map(|s| s.ms).collect()),
    }
}
