//! A batch as it is written down, and as OpenAI shows one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::ask::{Who, Wish};
use super::queue::Queue;
use crate::chat::Dialect;
use crate::gateway::head::Head;

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Validating,
    InProgress,
    Finalizing,
    Completed,
    Failed,
    Cancelling,
    Cancelled,
    Expired,
}

impl Status {
    pub(super) fn is_over(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Expired
        )
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::InProgress => "in_progress",
            Self::Finalizing => "finalizing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// Which requests a batch is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Endpoint {
    #[serde(rename = "/v1/chat/completions")]
    Chat,
    #[serde(rename = "/v1/completions")]
    Completions,
    #[serde(rename = "/v1/responses")]
    Responses,
    #[serde(rename = "/v1/embeddings")]
    Embeddings,
}

impl Endpoint {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let talks = [Self::Chat, Self::Completions, Self::Responses];
        let mut all = talks.into_iter().chain([Self::Embeddings]);
        all.find(|e| e.as_str() == text)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Responses => "/v1/responses",
            Self::Embeddings => "/v1/embeddings",
        }
    }

    pub(super) fn wish(self) -> Wish {
        match self {
            Self::Chat => Wish::Said(Dialect::Chat),
            Self::Completions => Wish::Said(Dialect::Completions),
            Self::Responses => Wish::Said(Dialect::Responses),
            Self::Embeddings => Wish::Vectors,
        }
    }

    /// In which dialect its errors are written.
    pub(super) fn dialect(self) -> Dialect {
        match self.wish() {
            Wish::Said(dialect) => dialect,
            Wish::Vectors => Dialect::Chat,
        }
    }
}

/// What is wrong with a batch, or with a line of its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Fault {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) param: Option<String>,
    pub(super) line: Option<usize>,
}

/// Why a batch ends, as soon as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    Completed,
    Cancelled,
    Expired,
    /// Its key is not valid any more.
    Revoked,
}

impl End {
    pub(super) fn status(self) -> Status {
        match self {
            Self::Completed => Status::Completed,
            Self::Cancelled => Status::Cancelled,
            Self::Expired => Status::Expired,
            Self::Revoked => Status::Failed,
        }
    }
}

/// Seconds of Unix time at which a batch came to each of its states.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Times {
    pub(super) in_progress: Option<u64>,
    pub(super) finalizing: Option<u64>,
    pub(super) completed: Option<u64>,
    pub(super) failed: Option<u64>,
    pub(super) expired: Option<u64>,
    pub(super) cancelling: Option<u64>,
    pub(super) cancelled: Option<u64>,
}

/// Lines by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    total: usize,
    completed: usize,
    failed: usize,
}

impl Counts {
    pub(super) fn of(queue: &Queue) -> Self {
        Self {
            total: queue.lines(),
            completed: queue.completed,
            failed: queue.failed,
        }
    }
}

/// A batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct BatchRow {
    pub(super) id: String,
    pub(super) who: Who,
    pub(super) head: Head,
    pub(super) endpoint: Endpoint,
    pub(super) input_file_id: String,
    pub(super) metadata: Option<Map<String, Value>>,
    /// Seconds for which its output is kept, where the client said so.
    pub(super) output_s: Option<u64>,
    pub(super) created: u64,
    pub(super) expires_ms: u64,
    pub(super) status: Status,
    pub(super) end: Option<End>,
    pub(super) times: Times,
    pub(super) errors: Vec<Fault>,
    /// The files that it is to have, written or not.
    pub(super) output: Option<String>,
    pub(super) error: Option<String>,
    pub(super) counts: Counts,
}

impl BatchRow {
    /// Comes to a state, at a moment in Unix seconds.
    pub(super) fn come_to(&mut self, status: Status, now: u64) {
        self.status = status;
        let times = &mut self.times;
        let time = match status {
            Status::Validating => return,
            Status::InProgress => &mut times.in_progress,
            Status::Finalizing => &mut times.finalizing,
            Status::Completed => &mut times.completed,
            Status::Failed => &mut times.failed,
            Status::Cancelling => &mut times.cancelling,
            Status::Cancelled => &mut times.cancelled,
            Status::Expired => &mut times.expired,
        };
        time.get_or_insert(now);
    }

    /// As OpenAI shows it, with the counts of now.
    pub(super) fn object(&self, counts: Counts) -> Value {
        let over = self.status.is_over();
        // Files are named once they are there.
        let file = |id: &Option<String>| id.clone().filter(|_| over);
        let errors =
            (!self.errors.is_empty()).then(|| json!({"object": "list", "data": self.errors}));
        json!({"id": self.id, "object": "batch", "endpoint": self.endpoint,
            "errors": errors, "input_file_id": self.input_file_id, "completion_window": "24h",
            "status": self.status, "output_file_id": file(&self.output),
            "error_file_id": file(&self.error), "created_at": self.created,
            "in_progress_at": self.times.in_progress, "expires_at": self.expires_ms / 1000,
            "finalizing_at": self.times.finalizing, "completed_at": self.times.completed,
            "failed_at": self.times.failed, "expired_at": self.times.expired,
            "cancelling_at": self.times.cancelling, "cancelled_at": self.times.cancelled,
            "request_counts": counts, "metadata": self.metadata})
    }
}
