//! Files that clients upload and that are written for them: a description in the store, the bytes in a plain file. A
//! tenant finds its own alone.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ask::{shown, unavailable};
use super::page::{List, Page, fresh, is_id, key, parts};
use crate::chat::unix_ms;
use crate::config;
use crate::gateway::error::{ApiError, Code};
use crate::store::{Blobs, Draft, Table, WorkChange, WorkError, WorkStore};

/// How a file's id begins.
pub(super) const PREFIX: &str = "file-";
/// Rows of one page of the list.
const PAGE: usize = 10_000;
/// Bytes of a file's name.
const NAME_BYTES: usize = 256;
/// Bytes of a form around its file.
const FORM: u64 = 64 << 10;
/// What a file that is written here is for.
pub(super) const OUTPUT: &str = "batch_output";

/// A file's description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileRow {
    /// Its id, which is also its name on the disk.
    pub id: String,
    /// How long it is.
    pub bytes: u64,
    pub(super) created_ms: u64,
    pub(super) expires_ms: u64,
    pub(super) filename: String,
    pub(super) purpose: String,
}

impl FileRow {
    /// As OpenAI shows it.
    #[must_use]
    pub fn object(&self) -> Value {
        json!({"id": self.id, "object": "file", "bytes": self.bytes,
            "created_at": self.created_ms / 1000, "expires_at": self.expires_ms / 1000,
            "filename": self.filename, "purpose": self.purpose, "status": "processed",
            "status_details": null})
    }
}

/// All files. What reads or writes blocks.
pub struct Files {
    pub(super) store: Arc<WorkStore>,
    pub(super) blobs: Blobs,
    settings: config::Files,
    /// Held while a file is counted and added.
    adding: Mutex<()>,
    /// Files that are being read by batches, by how many.
    held: Mutex<HashMap<String, usize>>,
}

/// A file on its way in.
pub struct Upload {
    id: String,
    draft: Draft,
    most: u64,
}

impl Upload {
    /// Appends.
    ///
    /// # Errors
    /// It becomes too large, or the disk does not take it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        let whole = self.draft.bytes() + bytes.len() as u64;
        if whole > self.most {
            return Err(too_large(self.most));
        }
        self.draft.write(bytes).map_err(|error| unwritten(&error))
    }
}

/// What a client says of a file.
#[derive(Debug, Default)]
pub struct Described {
    /// Its name.
    pub filename: String,
    /// What it is for.
    pub purpose: String,
    /// Seconds after which it is to go.
    pub expires_s: Option<u64>,
}

/// Holds a file that is being read.
pub(super) struct Hold(Arc<Files>, String);

impl Files {
    /// All files described in `store`, with their bytes in `blobs`.
    #[must_use]
    pub fn new(store: Arc<WorkStore>, blobs: Blobs, settings: config::Files) -> Self {
        Self {
            store,
            blobs,
            settings,
            adding: Mutex::default(),
            held: Mutex::default(),
        }
    }

    /// Refuses an upload that says itself that it is too large.
    ///
    /// # Errors
    /// It is.
    pub fn check_length(&self, declared: u64) -> Result<(), ApiError> {
        let most = self.settings.max_bytes;
        match declared > most.saturating_add(FORM) {
            true => Err(too_large(most)),
            false => Ok(()),
        }
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// The tenant has as many as it may, or there is no room.
    pub fn begin(&self, tenant: &str) -> Result<Upload, ApiError> {
        self.must_fit(tenant, 0)?;
        let id = fresh(PREFIX);
        let draft = self.blobs.draft(&id).map_err(|error| unwritten(&error))?;
        let most = self.settings.max_bytes;
        Ok(Upload { id, draft, most })
    }

    /// Ends an upload: from now on the file is there, and survives a power cut.
    ///
    /// # Errors
    /// What is wrong with its description, or it cannot be kept.
    pub fn finish(
        &self,
        tenant: &str,
        upload: Upload,
        said: Described,
    ) -> Result<FileRow, ApiError> {
        let lasts = self.lasts(&said)?;
        let _one_at_a_time = self.adding.lock();
        self.must_fit(tenant, upload.draft.bytes())?;
        let bytes = upload.draft.finish();
        let now = unix_ms();
        let row = FileRow {
            id: upload.id,
            bytes: bytes.map_err(|error| unwritten(&error))?,
            created_ms: now,
            expires_ms: now.saturating_add(lasts * 1000),
            filename: name(&said.filename),
            purpose: said.purpose,
        };
        let kept = self.store.apply(&[change(tenant, &row)]);
        if let Err(error) = kept.and_then(|()| self.store.sync()) {
            drop(self.blobs.remove(&row.id));
            return Err(untold(&error));
        }
        Ok(row)
    }

    /// One of `tenant`'s.
    ///
    /// # Errors
    /// It is not there, or the store does not answer.
    pub fn find(&self, tenant: &str, id: &str) -> Result<FileRow, ApiError> {
        if !is_id(id) {
            return Err(unknown(id));
        }
        let row = self.store.get(Table::Files, &key(tenant, id), unix_ms());
        let row = row.map_err(|_| unavailable())?;
        let row = row.and_then(|row| serde_json::from_slice(&row).ok());
        row.ok_or_else(|| unknown(id))
    }

    /// Opens one that was found.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(&self, row: &FileRow) -> Result<File, ApiError> {
        self.blobs.file(&row.id).map_err(|_| unavailable())
    }

    /// A page of `tenant`'s, those for `purpose` where one is named.
    ///
    /// # Errors
    /// A page that cannot be, or the store does not answer.
    pub fn list(
        &self,
        tenant: &str,
        page: &Page,
        purpose: Option<&str>,
    ) -> Result<Value, ApiError> {
        let wanted = |row: &[u8]| {
            let row: FileRow = serde_json::from_slice(row).ok()?;
            purpose.is_none_or(|p| p == row.purpose).then_some(row)
        };
        let list = List {
            store: &self.store,
            table: Table::Files,
            tenant,
            prefix: PREFIX,
        };
        let page = Page {
            limit: Some(page.limit.unwrap_or(PAGE)),
            ..page.clone()
        };
        let (rows, more) = page.read(list, PAGE, wanted)?;
        let id = |row: Option<&FileRow>| row.map(|row| row.id.clone());
        Ok(
            json!({"object": "list", "first_id": id(rows.first()), "last_id": id(rows.last()),
            "has_more": more, "data": rows.iter().map(FileRow::object).collect::<Vec<_>>()}),
        )
    }

    /// Removes one.
    ///
    /// # Errors
    /// It is not there, a batch reads it, or the store does not do it.
    pub fn delete(&self, tenant: &str, id: &str) -> Result<(), ApiError> {
        let row = self.find(tenant, id)?;
        let held = self.held.lock();
        if held.contains_key(&row.id) {
            let message = "A batch that is not finished reads this file: cancel it first.";
            return Err(ApiError::new(Code::Conflict, message));
        }
        let gone = WorkChange {
            value: None,
            ..change(tenant, &row)
        };
        let removed = self.store.apply(&[gone]).and_then(|()| self.store.sync());
        removed.map_err(|error| untold(&error))?;
        if let Err(error) = self.blobs.remove(&row.id) {
            tracing::warn!(%error, "a deleted file is still on the disk");
        }
        Ok(())
    }

    /// Keeps a file from being removed for as long as the value lives.
    pub(super) fn hold(self: &Arc<Self>, id: &str) -> Hold {
        *self.held.lock().entry(id.to_owned()).or_default() += 1;
        Hold(self.clone(), id.to_owned())
    }

    /// Removes what has ended: its bytes, and once these are gone what is known of it.
    pub(super) fn sweep(&self) -> Result<(), WorkError> {
        let now = unix_ms();
        for key in self.store.keys(Table::Files, &[])? {
            if self.store.get(Table::Files, &key, now)?.is_some() {
                continue;
            }
            let held = self.held.lock();
            let Some((_, id)) = parts(&key).filter(|(_, id)| !held.contains_key(*id)) else {
                continue;
            };
            if let Err(error) = self.blobs.remove(id) {
                tracing::warn!(%error, "a file that has ended is still on the disk");
                continue;
            }
            drop(held);
            self.store.apply(&[WorkChange {
                table: Table::Files,
                key,
                value: None,
                ends_ms: 0,
            }])?;
        }
        Ok(())
    }

    /// Removes what a crash left behind; for when nobody writes.
    pub(super) fn tidy(&self) -> Result<(), WorkError> {
        let keys = self.store.keys(Table::Files, &[])?;
        let mut known: HashSet<String> = self.held.lock().keys().cloned().collect();
        known.extend(keys.iter().filter_map(|key| Some(parts(key)?.1.to_owned())));
        if let Err(error) = self.blobs.keep_only(&known) {
            tracing::warn!(%error, "what a crash left among the files is still there");
        }
        Ok(())
    }

    fn lasts(&self, said: &Described) -> Result<u64, ApiError> {
        let at = |param: &str, message: String| ApiError {
            param: Some(param.into()),
            ..ApiError::new(Code::InvalidRequest, message)
        };
        match said.purpose.as_str() {
            "batch" => {}
            "" => return Err(at("purpose", "`purpose` is missing.".into())),
            other => {
                let other = shown(other);
                let message = format!("`{other}` is no purpose that files have here: use `batch`.");
                return Err(at("purpose", message));
            }
        }
        let most = self.settings.ttl_s;
        match said.expires_s {
            Some(0) => Err(at(
                "expires_after[seconds]",
                "A file must last a second at least.".into(),
            )),
            wanted => Ok(wanted.map_or(most, |wanted| wanted.min(most))),
        }
    }

    fn must_fit(&self, tenant: &str, bytes: u64) -> Result<(), ApiError> {
        let full = |message: String| Err(ApiError::new(Code::FileQuota, message));
        let keys = self.store.keys(Table::Files, &key(tenant, ""));
        let keys = keys.map_err(|_| unavailable())?;
        let (mut sum, mut files, now) = (bytes, 0, unix_ms());
        for key in keys {
            let row = self.store.get(Table::Files, &key, now);
            let row = row.map_err(|_| unavailable())?;
            let row: Option<FileRow> = row.and_then(|row| serde_json::from_slice(&row).ok());
            files += usize::from(row.is_some());
            sum += row.map_or(0, |row| row.bytes);
        }
        if files >= self.settings.per_tenant {
            return full(format!("There are {files} files already: delete some."));
        }
        match self.settings.per_tenant_bytes {
            most if sum > most => full(format!(
                "All files together may have {most} bytes: delete some."
            )),
            _ => Ok(()),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.0.held.lock();
        if let Some(count) = held.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.1);
            }
        }
    }
}

/// The row of a file that is there from now on.
pub(super) fn change(tenant: &str, row: &FileRow) -> WorkChange {
    WorkChange {
        table: Table::Files,
        key: key(tenant, &row.id),
        value: serde_json::to_vec(row).ok(),
        ends_ms: row.expires_ms,
    }
}

fn unknown(id: &str) -> ApiError {
    ApiError {
        param: Some("id".into()),
        ..ApiError::new(
            Code::NotFound,
            format!("No such File object: {}", shown(id)),
        )
    }
}

/// A name as it is shown: without a path, and not longer than a name.
fn name(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = last.chars().filter(|c| !c.is_control());
    let mut name = String::new();
    for c in plain {
        if name.len() + c.len_utf8() > NAME_BYTES {
            break;
        }
        name.push(c);
    }
    if name.is_empty() { "file".into() } else { name }
}

fn too_large(most: u64) -> ApiError {
    let message = format!("The file is larger than {most} bytes.");
    ApiError::new(Code::RequestTooLarge, message)
}

fn unwritten(error: &io::Error) -> ApiError {
    tracing::warn!(%error, "a file could not be written");
    ApiError::new(Code::StorageFailed, "The file cannot be written now.")
}

/// The error of a change that could not be written down.
pub(super) fn untold(error: &WorkError) -> ApiError {
    tracing::warn!(%error, "work could not be written down");
    ApiError::new(Code::StorageFailed, "This cannot be written down now.")
}
