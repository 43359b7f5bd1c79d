//! OpenAI's files: uploaded as a form, piece by piece onto the disk; listed, read and deleted.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::body::SizedStream;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::admin::{blocking, finish, query};
use super::{Door, caller, reply};
use crate::chat::RequestId;
use crate::gateway::error::{ApiError, Code};
use crate::identity::Caller;
use crate::work::{Described, Files, Page, Upload, Work, unavailable};

/// Bytes that are handed to the disk at a time.
const PIECE: usize = 256 << 10;
/// Bytes of a field that is no file.
const FIELD: usize = 1024;
/// Fields of a form.
const FIELDS: usize = 16;

/// `POST /v1/files`
pub(super) async fn create(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let created = async {
        let caller = caller::of_form(&request, &door)?;
        let files = work(&door)?.files.clone();
        let declared = request.headers().get(CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse().ok());
        files.check_length(declared.unwrap_or(0))?;
        let form = Multipart::new(request.headers(), payload);
        let limits = door.limits;
        let reading = read(form, &files, &caller, limits.body_time);
        let slow = |_| ApiError::new(Code::RequestTimeout, "The file did not arrive in time.");
        let (upload, said) = tokio::time::timeout(limits.upload_time, reading)
            .await
            .map_err(slow)??;
        blocking(move || {
            let row = files.finish(caller.tenant.as_str(), upload, said)?;
            Ok(row.object())
        })
        .await
    };
    finish(id, created.await)
}

/// Reads a form whose file goes to the disk as it comes.
async fn read(
    mut form: Multipart,
    files: &Arc<Files>,
    caller: &Caller,
    patience: Duration,
) -> Result<(Upload, Described), ApiError> {
    let (mut upload, mut said) = (None, Described::default());
    for _ in 0..FIELDS {
        let Some(field) = within(patience, form.next()).await? else {
            let missing = || at("file", "`file` is missing.");
            return Ok((upload.ok_or_else(missing)?, said));
        };
        let mut field = field.map_err(|error| broken(&error))?;
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" if upload.is_some() => return Err(at("file", "There is more than one `file`.")),
            "file" => {
                let disposition = field.content_disposition();
                let filename = disposition.and_then(|d| d.get_filename());
                said.filename = filename.unwrap_or_default().to_owned();
                upload = Some(take(field, files.clone(), caller, patience).await?);
            }
            "purpose" => said.purpose = text(&mut field, &name, patience).await?,
            "expires_after[seconds]" => {
                let seconds = text(&mut field, &name, patience).await?;
                let wrong = |_| at(&name, "It must be a whole number of seconds.");
                said.expires_s = Some(seconds.trim().parse().map_err(wrong)?);
            }
            "expires_after[anchor]" => {
                if text(&mut field, &name, patience).await? != "created_at" {
                    return Err(at(&name, "It must be `created_at`."));
                }
            }
            // What this gateway does not know is none of its business, as in any body.
            _ => drop(text(&mut field, &name, patience).await?),
        }
    }
    Err(ApiError::new(
        Code::InvalidRequest,
        "The form has too many fields.",
    ))
}

/// Writes the file's bytes.
async fn take(
    mut field: Field,
    files: Arc<Files>,
    caller: &Caller,
    patience: Duration,
) -> Result<Upload, ApiError> {
    let tenant = caller.tenant.clone();
    let mut upload = blocking(move || files.begin(tenant.as_str())).await?;
    let mut held = BytesMut::new();
    loop {
        let piece = within(patience, field.next()).await?;
        let over = piece.is_none();
        if let Some(piece) = piece {
            held.extend_from_slice(&piece.map_err(|error| broken(&error))?);
        }
        if over || held.len() >= PIECE {
            let bytes = held.split().freeze();
            upload = blocking(move || upload.write(&bytes).map(|()| upload)).await?;
        }
        if over {
            return Ok(upload);
        }
    }
}

async fn text(field: &mut Field, name: &str, patience: Duration) -> Result<String, ApiError> {
    let large = |_| at(name, "This field is too large.");
    let bytes = within(patience, field.bytes(FIELD)).await?.map_err(large)?;
    let bytes = bytes.map_err(|_| at(name, "This field cannot be read."))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| at(name, "This field is no text."))
}

async fn within<T>(patience: Duration, wait: impl Future<Output = T>) -> Result<T, ApiError> {
    let slow = |_| {
        let message = "The request body did not arrive in time.";
        ApiError::new(Code::RequestTimeout, message)
    };
    tokio::time::timeout(patience, wait).await.map_err(slow)
}

fn broken(error: &MultipartError) -> ApiError {
    tracing::debug!(%error, "a form cannot be read");
    let message = "The body must be a form of the type multipart/form-data, whole and well-formed.";
    ApiError::new(Code::InvalidRequest, message)
}

fn at(param: &str, message: &str) -> ApiError {
    ApiError {
        param: Some(param.into()),
        ..ApiError::new(Code::InvalidRequest, message)
    }
}

/// `GET /v1/files`
pub(super) async fn list(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let listed = async {
        let caller = caller::caller(&request, &door)?;
        let files = work(&door)?.files.clone();
        let asked: Vec<(String, String)> = query(&request)?;
        let page = Page::asked(&asked, &["limit", "after", "order", "purpose"])?;
        let mut purposes = asked.into_iter().filter(|(name, _)| name == "purpose");
        let purpose = purposes.next().map(|(_, purpose)| purpose);
        blocking(move || files.list(caller.tenant.as_str(), &page, purpose.as_deref())).await
    };
    finish(id, listed.await)
}

/// `GET /v1/files/{id}`
pub(super) async fn retrieve(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let found = of_one(&request, name, &door, |files, tenant, name| {
        Ok(files.find(tenant, name)?.object())
    });
    finish(RequestId::fresh(), found.await)
}

/// `DELETE /v1/files/{id}`
pub(super) async fn delete(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let deleted = of_one(&request, name, &door, |files, tenant, name| {
        files.delete(tenant, name)?;
        let gone: Value = json!({"id": name, "object": "file", "deleted": true});
        Ok(gone)
    });
    finish(RequestId::fresh(), deleted.await)
}

/// `GET /v1/files/{id}/content`
pub(super) async fn content(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let opened = of_one(&request, name, &door, |files, tenant, name| {
        let row = files.find(tenant, name)?;
        Ok((files.open(&row)?, row.bytes))
    });
    match opened.await {
        Ok((file, bytes)) => reply::status(StatusCode::OK, id)
            .content_type("application/octet-stream")
            .body(SizedStream::new(bytes, pieces(file))),
        Err(error) => reply::error(id, &error),
    }
}

/// A file piece by piece, each read beside the worker.
fn pieces(file: File) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    let next = |file: Option<File>| async move {
        let mut file = file?;
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; PIECE];
            let length = file.read(&mut piece)?;
            piece.truncate(length);
            Ok((Bytes::from(piece), file))
        });
        match read
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
        {
            Ok((piece, _)) if piece.is_empty() => None,
            Ok((piece, file)) => Some((Ok(piece), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    };
    Box::pin(stream::unfold(Some(file), next))
}

async fn of_one<T: Send + 'static>(
    request: &HttpRequest,
    name: web::Path<String>,
    door: &Door,
    work_on: impl FnOnce(&Files, &str, &str) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let caller = caller::caller(request, door)?;
    let files = work(door)?.files.clone();
    blocking(move || work_on(&files, caller.tenant.as_str(), &name)).await
}

/// What is done later, where the disk has room for it.
pub(super) fn work(door: &Door) -> Result<&Arc<Work>, ApiError> {
    door.work.as_ref().ok_or_else(unavailable)
}
