//! What becomes of changes by themselves: rolled back where their hits go wrong, over where another policy came
//! into force, taken up again after a restart.

use std::sync::Arc;

use serde_json::json;

use super::super::policies::{in_force, write_down};
use super::super::versions::Made;
use super::super::{Door, audit, audit_as};
use super::record::{self, Change, Step};
use super::{is_under_way, on_trial};
use crate::cache::policy::{Policy, Stage, Trial};
use crate::chat::unix_ms;
use crate::evidence::watch::Seen;
use crate::gateway::error::ApiError;
use crate::identity::{Caller, Role, TenantId};

/// Who does what happens by itself, in the audit log and in versions.
const ITSELF: &str = "reprise";

/// Takes up the changes that were under way when the process ended, and looks after all from now on. Blocks.
pub(in crate::server) fn resume(door: &Arc<Door>) {
    let weak = Arc::downgrade(door);
    door.gateway.when_wrong(move |namespace, trial, seen| {
        if let Some(door) = weak.upgrade() {
            roll_back(&door, namespace, trial, seen);
        }
    });
    for change in record::all(door) {
        let version = door.gateway.policies().of(&change.namespace).version;
        match change.stage {
            Stage::Shadow | Stage::Share if version == change.base_version => {
                on_trial(door, &change);
            }
            Stage::Shadow | Stage::Share => over(door, change),
            Stage::Applied if change.applied_version == Some(version) => on_trial(door, &change),
            _ => {}
        }
    }
    for namespace in door.gateway.policies().on_trial() {
        door.gateway.look_after(&namespace);
    }
}

/// A policy came into force by another way: what was under way in its namespace was meant for the one before.
pub(in crate::server) fn superseded(door: &Door, namespace: &str) {
    let _one_at_a_time = door.changes.lock();
    let Some(trial) = door.gateway.policies().trial(namespace) else {
        return;
    };
    door.gateway.policies().set_trial(namespace, None);
    if let Some(change) = record::find(door, &trial.id).filter(|c| c.stage != Stage::Applied) {
        over(door, change);
    }
}

fn over(door: &Door, mut change: Change) {
    let before = change.shown();
    change.stage = Stage::Superseded;
    change.share = 0.0;
    change.steps.push(Step::by_itself(change.stage, None));
    let target = ("change.superseded", change.id.as_str());
    let audited = audit_as(door, ITSELF, target, (before, change.shown()));
    // What could not be written is told in the log; the next start comes to the same end.
    drop(audited.and_then(|()| record::keep(door, &change)));
}

/// Gives up a change whose hits go wrong: at once, and then on disk.
fn roll_back(door: &Door, namespace: &str, trial: &Trial, seen: &Seen) {
    let _one_at_a_time = door.changes.lock();
    let Some(change) = record::find(door, &trial.id).filter(|c| is_under_way(door, c)) else {
        return;
    };
    door.gateway.policies().set_trial(namespace, None);
    let known = &seen.on_trial;
    let reason = format!(
        "rolled back by itself: more than {:.1} % of its hits are wrong ({} of {} that chance chose, {} of all {} by report)",
        trial.bound * 100.0,
        known.wrong,
        known.labelled,
        seen.reported_wrong,
        known.hits
    );
    tracing::warn!(namespace, change = trial.id, %reason, "a change was rolled back");
    door.gateway.metrics().changes_rolled_back.increment(1);
    if let Err(error) = undo(door, change, &reason) {
        // The next start finds the same labels, and tries again.
        tracing::error!(namespace, change = trial.id, %error, "a change that was rolled back could not be written down");
    }
}

fn undo(door: &Door, mut change: Change, reason: &str) -> Result<(), ApiError> {
    let tenant = change.namespace.split('/').next().unwrap_or_default();
    let Ok(tenant) = tenant.trim_start_matches('@').parse::<TenantId>() else {
        return Ok(());
    };
    let itself = Caller {
        tenant,
        role: Role::Admin,
        key_id: Some(ITSELF.into()),
    };
    let (before, served) = (change.shown(), change.stage == Stage::Applied);
    change.stage = Stage::RolledBack;
    change.share = 0.0;
    let step = Step::by_itself(Stage::RolledBack, Some(reason.to_owned()));
    change.steps.push(step);
    let target = ("change.rolled_back", change.id.as_str());
    let audited = audit(door, &itself, target, (before, json!(change.shown())));
    if served {
        let made = Made {
            by: &itself,
            reason: Some(reason),
            back_to: Some(change.base_version),
        };
        let store = |before: &Policy, after: &Policy| {
            write_down(door, &made, (before, after), record::rows_of(door, &change))
        };
        let restore = |now: &Policy| now.restored(&change.before, unix_ms());
        let version = change.applied_version.unwrap_or(0);
        let policies = door.gateway.policies();
        let after = policies.change_by(&change.namespace, version, restore, store)?;
        in_force(door, &after)?;
    } else {
        record::keep(door, &change)?;
    }
    audited
}
