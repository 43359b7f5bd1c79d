//! Changes as they are kept.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::Door;
use crate::cache::policy::{Policy, Stage};
use crate::chat::{RequestId, unix_ms};
use crate::gateway::error::{ApiError, Code};
use crate::identity::Caller;
use crate::store::RowChange;

const TABLE: &str = "changes";
/// Changes of one namespace that are kept; of those that are over the oldest go.
const KEPT: usize = 100;

/// One change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) id: String,
    pub(super) namespace: String,
    pub(super) stage: Stage,
    /// Part of the requests that it decides.
    pub(super) share: f32,
    /// Share of its hits that may be wrong.
    pub(super) bound: f64,
    /// Version of the policy that it changes.
    pub(super) base_version: u64,
    /// The version that it made.
    pub(super) applied_version: Option<u64>,
    /// The policy that it changes.
    pub(super) before: Policy,
    /// The policy that it makes.
    pub(super) policy: Policy,
    pub(super) steps: Vec<Step>,
}

/// What became of it, and by whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) stage: Stage,
    /// Unix milliseconds.
    pub(super) time_ms: u64,
    /// Id of the key of who did it; none where it happened by itself.
    pub(super) author: Option<String>,
    pub(super) reason: Option<String>,
}

impl Step {
    pub(super) fn by(caller: &Caller, stage: Stage, reason: Option<String>) -> Self {
        Self {
            author: caller.key_id.as_deref().map(str::to_owned),
            ..Self::by_itself(stage, reason)
        }
    }

    pub(super) fn by_itself(stage: Stage, reason: Option<String>) -> Self {
        Self {
            stage,
            time_ms: unix_ms(),
            author: None,
            reason,
        }
    }
}

impl Change {
    /// Unix milliseconds of its draft.
    pub(super) fn time_ms(&self) -> u64 {
        self.steps.first().map_or(0, |s| s.time_ms)
    }

    /// As replies show it.
    pub(super) fn shown(&self) -> Value {
        json!({
            "object": "change",
            "id": self.id,
            "namespace": self.namespace,
            "stage": self.stage,
            "share": crate::chat::number::shortest(self.share),
            "bound": self.bound,
            "base_version": self.base_version,
            "applied_version": self.applied_version,
            "policy": self.policy,
            "steps": self.steps,
        })
    }

    fn is_over(&self) -> bool {
        !matches!(self.stage, Stage::Draft | Stage::Shadow | Stage::Share)
    }
}

/// A name that no other change has.
pub(super) fn fresh_id() -> String {
    RequestId::fresh().to_string().replacen("req_", "chg_", 1)
}

/// All that are kept.
pub(super) fn all(door: &Door) -> Vec<Change> {
    let rows = door.state.all(TABLE).into_iter();
    rows.filter_map(|(_, row)| serde_json::from_value(row).ok())
        .collect()
}

pub(super) fn find(door: &Door, id: &str) -> Option<Change> {
    serde_json::from_value(door.state.get(TABLE, id)?).ok()
}

/// The rows that write one down, and drop the oldest that is over where there are many.
pub(super) fn rows_of(door: &Door, change: &Change) -> Vec<RowChange> {
    let row = |id: &str, value| RowChange {
        table: TABLE,
        key: id.to_owned(),
        value,
    };
    let mut rows = vec![row(&change.id, Some(json!(change)))];
    let mut over: Vec<_> = all(door)
        .into_iter()
        .filter(|c| c.namespace == change.namespace && c.is_over() && c.id != change.id)
        .collect();
    if over.len() >= KEPT {
        over.sort_by_key(Change::time_ms);
        rows.push(row(&over[0].id, None));
    }
    rows
}

/// Writes one down.
///
/// # Errors
/// [`Code::StorageFailed`]: it is as it was.
pub(super) fn keep(door: &Door, change: &Change) -> Result<(), ApiError> {
    let stored = door.state.put_all(&rows_of(door, change));
    stored.map_err(|cause| {
        tracing::error!(%cause, "a change could not be stored");
        ApiError::new(Code::StorageFailed, "The change could not be stored.")
    })
}
