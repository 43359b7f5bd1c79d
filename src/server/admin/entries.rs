//! What is remembered: listed, shown and forgotten.

use std::collections::HashSet;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Door, PAGE, Reply, audit, blocking, caller, finish, query, rows};
use crate::cache::entry::{Cached, label, parse_label};
use crate::cache::invalidation::Features;
use crate::chat::RequestId;
use crate::evidence::{Whose, hex};
use crate::gateway::error::{ApiError, Code};
use crate::identity::{Caller, Role};
use crate::store::{Entry, EntryFilter, Order};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct EntryQuery {
    tenant: Option<String>,
    namespace: Option<String>,
    model: Option<String>,
    user: Option<String>,
    cursor: Option<u64>,
    limit: Option<usize>,
}

impl EntryQuery {
    /// Whose entries `user` means is said by the tenant, too: two apps may call two people the same.
    fn check(&self) -> Result<(), ApiError> {
        if self.user.is_some() && self.tenant.is_none() {
            return Err(ApiError {
                param: Some("tenant".into()),
                ..ApiError::new(
                    Code::InvalidRequest,
                    "With `user`, say which `tenant` calls them that.",
                )
            });
        }
        Ok(())
    }

    fn whose(&self, door: &Door) -> Whose {
        Whose {
            asker: self.filter(door).asker.map(|asker| hex(&asker)),
            tenant: self.tenant.clone(),
            namespace: self.namespace.clone(),
            model: self.model.clone(),
            entries: HashSet::new(),
        }
    }

    fn filter(&self, door: &Door) -> EntryFilter {
        let asker = self.tenant.as_deref().zip(self.user.as_deref());
        EntryFilter {
            asker: asker.map(|(tenant, user)| door.gateway.asker_id(tenant, user)),
            tenant: self.tenant.clone(),
            namespace: self.namespace.clone(),
            model: self.model.clone(),
        }
    }
}

pub(super) async fn entries(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let listed = async {
        caller::with_role(&request, &door, Role::Admin)?;
        must_be_read(&door)?;
        let query: EntryQuery = query(&request)?;
        query.check()?;
        let (door, limit) = (door.clone(), rows(query.limit)?);
        blocking(move || Ok(list(&door, &query, limit))).await
    };
    finish(id, listed.await)
}

/// Refuses to tell of entries that nobody could read yet: what looks deleted would come back.
pub(super) fn must_be_read(door: &Door) -> Result<(), ApiError> {
    if door.gateway.cache().memory().store().is_read() {
        return Ok(());
    }
    Err(ApiError::new(
        Code::StorageFailed,
        "What is remembered cannot be read until there is space on the disk.",
    ))
}

fn list(door: &Door, query: &EntryQuery, limit: usize) -> Value {
    let (memory, filter) = (door.gateway.cache().memory(), query.filter(door));
    let page = memory
        .store()
        .list(&filter, Order::Newest, query.cursor, limit);
    let mut data: Vec<Value> = Vec::new();
    if query.cursor.is_none() {
        let transient = memory.transients(&filter);
        data.extend(transient.iter().take(limit).map(|e| summary(door, e)));
    }
    let still = |entry: &Entry| !memory.marks().hide(&Features::from(entry));
    let stored = page.entries.into_iter().filter(still);
    let stored = stored.filter_map(Cached::from_stored);
    data.extend(stored.map(|e| summary(door, &e)));
    json!({"object": "list", "data": data, "cursor": page.cursor})
}

pub(super) async fn entry(
    request: HttpRequest,
    entry: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let shown = async {
        caller::with_role(&request, &door, Role::Admin)?;
        must_be_read(&door)?;
        let entry = entry_id(&entry)?;
        let memory = door.gateway.cache().memory().clone();
        let found = blocking(move || Ok(memory.load(entry))).await?;
        let found = found.ok_or_else(no_entry)?;
        let mut shown = summary(&door, &found);
        shown["answer"] = serde_json::to_value(found.replay.answer())
            .map_err(|_| ApiError::new(Code::Internal, "The answer cannot be shown."))?;
        Ok(shown)
    };
    finish(id, shown.await)
}

pub(super) async fn delete_entry(
    request: HttpRequest,
    entry: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let deleted = async {
        let caller = caller::with_role(&request, &door, Role::Admin)?;
        must_be_read(&door)?;
        let entry = entry_id(&entry)?;
        let door = door.clone();
        blocking(move || delete_one(&door, &caller, entry)).await
    };
    finish(id, deleted.await)
}

fn delete_one(door: &Door, caller: &Caller, entry: u64) -> Reply {
    let cache = door.gateway.cache();
    let before = cache.memory().load(entry).map(|found| {
        let mut told = summary(door, &found);
        // The trail is kept for ever: people's words do not belong in it.
        told["question"] = Value::Null;
        told
    });
    let (target, before) = (label(entry), before.ok_or_else(no_entry)?);
    // The trail comes first: a deletion that nobody could account for is not made.
    audit(
        door,
        caller,
        ("entry.delete", &target),
        (before, Value::Null),
    )?;
    let whose = Whose {
        entries: [entry].into(),
        ..Whose::default()
    };
    wipe_ahead(door, &whose);
    match cache.forget(&[entry]) {
        0 => Err(no_entry()),
        deleted => written(door, &whose).map(|()| json!({"deleted": deleted})),
    }
}

/// Wipes the texts of decisions about entries that are to be deleted: once these are gone nobody could name them
/// any more, if the process ended in between. What fails here is tried again, and told, once they are.
fn wipe_ahead(door: &Door, whose: &Whose) {
    drop(door.gateway.evidence().forget_texts(whose));
}

/// Waits until what was deleted is gone from the disk: a crash must not bring it back. The decisions about it
/// stay, without their texts.
fn written(door: &Door, whose: &Whose) -> Result<(), ApiError> {
    let failed = |cause: &dyn std::error::Error| {
        tracing::error!(%cause, "a deletion could not be written");
        let told = "It is not served any more, but its deletion could not be written to disk.";
        ApiError::new(Code::StorageFailed, told)
    };
    let flushed = door.gateway.cache().memory().store().flush();
    flushed.map_err(|cause| failed(&cause))?;
    let wiped = door.gateway.evidence().forget_texts(whose);
    wiped.map_err(|cause| failed(&cause))
}

pub(super) async fn delete_entries(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let deleted = async {
        let caller = caller::with_role(&request, &door, Role::Admin)?;
        must_be_read(&door)?;
        let query: EntryQuery = query(&request)?;
        query.check()?;
        if query.tenant.is_none() && query.namespace.is_none() && query.model.is_none() {
            return Err(ApiError::new(
                Code::InvalidRequest,
                "Say which entries: `tenant`, `namespace` or `model`.",
            ));
        }
        let door = door.clone();
        blocking(move || delete_where(&door, &caller, &query)).await
    };
    finish(id, deleted.await)
}

fn delete_where(door: &Door, caller: &Caller, query: &EntryQuery) -> Reply {
    let (cache, filter) = (door.gateway.cache(), query.filter(door));
    let mut whose = query.whose(door);
    let mut ids = ids_of(door, &filter);
    let target = json!({"tenant": query.tenant, "namespace": query.namespace, "model": query.model,
            // Not who it was: the trail is kept for ever.
            "of_one_user": query.user.is_some()});
    // The trail comes first: a deletion that nobody could account for is not made.
    audit(
        door,
        caller,
        ("entries.delete", &target.to_string()),
        (Value::Null, json!({"deleted": ids.len()})),
    )?;
    whose.entries.extend(&ids);
    wipe_ahead(door, &whose);
    let mut deleted = cache.forget(&ids);
    deleted += cache.embeddings().map_or(0, |e| e.forget(&filter));
    // What was stored meanwhile.
    ids = ids_of(door, &filter);
    whose.entries.extend(&ids);
    deleted += cache.forget(&ids);
    written(door, &whose).map(|()| json!({"deleted": deleted}))
}

/// All entries that a filter names.
fn ids_of(door: &Door, filter: &EntryFilter) -> Vec<u64> {
    let memory = door.gateway.cache().memory();
    let mut ids: Vec<u64> = memory.transients(filter).iter().map(|e| e.id).collect();
    let mut cursor = None;
    loop {
        let page = memory.store().list(filter, Order::Newest, cursor, PAGE);
        ids.extend(page.entries.iter().map(|e| e.id));
        cursor = page.cursor;
        if cursor.is_none() {
            return ids;
        }
    }
}

fn summary(door: &Door, entry: &Cached) -> Value {
    // What was remembered before the policy stopped keeping text has it still, but does not show it.
    let keeps_text = door.gateway.policies().of(&entry.namespace).keep_text;
    json!({
        "id": label(entry.id),
        "tenant": entry.tenant,
        "namespace": entry.namespace,
        "model": entry.model,
        "origin": entry.origin,
        "question": entry.question_text().filter(|_| keeps_text),
        "created_ms": entry.created_ms,
        "expires_ms": entry.expires_ms,
        "stale_from_ms": entry.made.fresh_ms,
        "tags": entry.made.tags,
        "prompt_version": entry.made.prompt_version,
    })
}

pub(super) fn entry_id(text: &str) -> Result<u64, ApiError> {
    parse_label(text).ok_or_else(no_entry)
}

pub(super) fn no_entry() -> ApiError {
    ApiError::new(Code::NotFound, "There is no such entry.")
}
