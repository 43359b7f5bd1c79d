//! A request whose answer is fetched later, as it is written down and as its client sees it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::super::ask::Who;
use crate::chat::Dialect;
use crate::gateway::head::Head;

/// Where a job stands on the disk; that it is being asked is known in memory alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Queued,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Where a request was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Endpoint {
    #[serde(rename = "/v1/chat/completions")]
    Chat,
    #[serde(rename = "/v1/completions")]
    Completions,
    #[serde(rename = "/v1/responses")]
    Responses,
    #[serde(rename = "/v1/messages")]
    Messages,
}

impl Endpoint {
    /// None of a dialect that no client speaks.
    pub(super) fn of(dialect: Dialect) -> Option<Self> {
        let all = [
            Self::Chat,
            Self::Completions,
            Self::Responses,
            Self::Messages,
        ];
        all.into_iter().find(|e| e.dialect() == dialect)
    }

    pub(super) fn dialect(self) -> Dialect {
        match self {
            Self::Chat => Dialect::Chat,
            Self::Completions => Dialect::Completions,
            Self::Responses => Dialect::Responses,
            Self::Messages => Dialect::Messages,
        }
    }
}

/// The answer to a job, or why there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) status_code: u16,
    pub(super) headers: Map<String, Value>,
    pub(super) body: Box<RawValue>,
}

/// Whom to tell, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hook {
    pub(super) url: String,
    pub(super) status: HookStatus,
    pub(super) attempts: u32,
}

/// Whether somebody was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum HookStatus {
    Pending,
    Delivered,
    Failed,
}

/// A job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct JobRow {
    pub(super) id: String,
    pub(super) who: Who,
    pub(super) head: Head,
    pub(super) endpoint: Endpoint,
    /// The request; gone when it is answered.
    pub(super) body: Option<Box<RawValue>>,
    pub(super) created_ms: u64,
    pub(super) ended_ms: Option<u64>,
    pub(super) expires_ms: Option<u64>,
    pub(super) status: Status,
    pub(super) answer: Option<Answer>,
    pub(super) webhook: Option<Hook>,
}

impl JobRow {
    /// As its client sees it; `asking` says that it is being asked.
    pub(super) fn object(&self, asking: bool) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            id: &'a str,
            object: &'static str,
            status: &'static str,
            endpoint: Endpoint,
            created_at: u64,
            ended_at: Option<u64>,
            expires_at: Option<u64>,
            response: Option<&'a Answer>,
            webhook: Option<&'a Hook>,
        }
        serde_json::to_string(&Shown {
            id: &self.id,
            object: "reprise.job",
            status: match self.status {
                Status::Queued if asking => "in_progress",
                status => status.as_str(),
            },
            endpoint: self.endpoint,
            created_at: self.created_ms / 1000,
            ended_at: self.ended_ms.map(|ms| ms / 1000),
            expires_at: self.expires_ms.map(|ms| ms / 1000),
            response: self.answer.as_ref(),
            webhook: self.webhook.as_ref(),
        })
    }

    /// What a webhook tells.
    pub(super) fn message(&self) -> Result<String, serde_json::Error> {
        let kind = json!(format!("job.{}", self.status.as_str()));
        let when = json!(rfc3339(self.ended_ms.unwrap_or(self.created_ms)));
        let job = self.object(false)?;
        Ok(format!(
            r#"{{"type":{kind},"timestamp":{when},"data":{job}}}"#
        ))
    }
}

/// A moment in Unix milliseconds as `2026-11-29T23:53:26.123Z`.
fn rfc3339(ms: u64) -> String {
    let (days, of_day) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = date(days);
    let (seconds, ms) = (of_day / 1000, of_day % 1000);
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
}

/// Year, month and day of a day since 1970. Years are counted from March, so that the odd day comes last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_world_writes_them() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_795_996_406_123, "2026-11-29T23:53:26.123Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
    }
}
