//! Every metric that Reprise shows, in one table; README and dashboards are
//! written from it. Other modules emit some of these by name.

use metrics::Unit;

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Spreads over [`Metric::buckets`].
    Histogram,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Prometheus name.
    pub name: &'static str,
    /// How it moves.
    pub kind: MetricKind,
    /// What it counts.
    pub unit: Unit,
    /// What it says, with its labels.
    pub help: &'static str,
    /// Upper bounds, in `unit`; empty unless a histogram.
    pub buckets: &'static [f64],
}

/// From a memory hit (50 µs) to a reasoning model (60 s), at most a factor of
/// 2.5 apart, so that a quantile read from it is off by less than that.
const SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
const BATCH: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

const fn counter(name: &'static str, unit: Unit, help: &'static str) -> Metric {
    Metric {
        name,
        kind: MetricKind::Counter,
        unit,
        help,
        buckets: &[],
    }
}

const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Metric {
    Metric {
        name,
        kind: MetricKind::Gauge,
        unit,
        help,
        buckets: &[],
    }
}

const fn seconds(name: &'static str, help: &'static str) -> Metric {
    Metric {
        name,
        kind: MetricKind::Histogram,
        unit: Unit::Seconds,
        help,
        buckets: SECONDS,
    }
}

pub(super) const REQUESTS: &str = "reprise_requests_total";
pub(super) const REQUEST_SECONDS: &str = "reprise_request_seconds";
pub(super) const STAGE_SECONDS: &str = "reprise_stage_seconds";
pub(super) const HITS: &str = "reprise_hits_total";
pub(super) const TOKENS_SAVED: &str = "reprise_tokens_saved_total";
pub(super) const USD_SAVED: &str = "reprise_usd_saved_total";
pub(super) const EMBED_QUEUE: &str = "reprise_embed_queue_depth";
pub(super) const VERIFIER_QUEUE: &str = "reprise_verifier_queue_depth";
pub(super) const STORE_QUEUE: &str = "reprise_store_queue_depth";
pub(super) const INDEX_ENTRIES: &str = "reprise_index_entries";
pub(super) const INDEX_DEAD: &str = "reprise_index_dead_share";
pub(super) const EVICTIONS: &str = "reprise_evictions_total";
pub(super) const NAMESPACE_EVICTIONS: &str = "reprise_namespace_evictions_total";
pub(super) const ERRORS: &str = "reprise_errors_total";
pub(super) const NOT_STORED: &str = "reprise_not_stored_total";
pub(super) const STALE: &str = "reprise_stale_total";
pub(super) const RENEWALS: &str = "reprise_renewals_total";
pub(super) const SIMILAR_WAITS: &str = "reprise_similar_waits_total";
pub(super) const SIMILAR_WAITING: &str = "reprise_similar_waiting";
pub(super) const INVALIDATIONS: &str = "reprise_invalidations_total";
pub(super) const LABELS: &str = "reprise_labels_total";
pub(super) const EVIDENCE_LOST: &str = "reprise_evidence_lost_total";
pub(super) const BUDGETS_TIGHTENED: &str = "reprise_budgets_tightened_total";
pub(super) const ROLLED_BACK: &str = "reprise_changes_rolled_back_total";
pub(super) const JUDGED: &str = "reprise_judged_total";
pub(super) const QUALITY_HITS: &str = "reprise_quality_hits";
pub(super) const QUALITY_LABELLED: &str = "reprise_quality_labelled";
pub(super) const WRONG_SHARE: &str = "reprise_quality_wrong_share";
pub(super) const WRONG_SHARE_UPPER: &str = "reprise_quality_wrong_share_upper_95";
pub(super) const WRONG_BUDGET: &str = "reprise_quality_budget";
pub(super) const CACHE_FAULTS: &str = "reprise_cache_faults_total";
pub(super) const EMBEDDED: &str = "reprise_embedded_total";
pub(super) const REEMBEDDED: &str = "reprise_reembedded_total";
pub(super) const REEMBEDDING_REMAINING: &str = "reprise_reembedding_remaining";
pub(super) const REEMBEDDING_LEFT_OUT: &str = "reprise_reembedding_left_out_total";
pub(super) const REEMBEDDING_FAULTS: &str = "reprise_reembedding_faults_total";
pub(super) const REFUSALS: &str = "reprise_refusals_total";
pub(super) const MISSES: &str = "reprise_misses_in_flight";
pub(super) const UPSTREAM_STATE: &str = "reprise_upstream_state";
pub(super) const BATCHES: &str = "reprise_batches_total";
pub(super) const BATCH_LINES: &str = "reprise_batch_lines_total";
pub(super) const JOBS: &str = "reprise_jobs_total";
pub(super) const WEBHOOKS: &str = "reprise_webhooks_total";
pub(super) const WORK_WAITING: &str = "reprise_work_waiting";
pub(super) const BUILD_INFO: &str = "reprise_build_info";

/// Every metric. Dollars saved are written by `Recorder::render` itself, `reprise_quality_*` by `quality_text`,
/// `reprise_upstream_state` by `upstream_text`.
pub const METRICS: &[Metric] = &[
    counter(REQUESTS, Unit::Count, "Requests answered, by outcome."),
    seconds(
        REQUEST_SECONDS,
        "From a request's last byte to its answer's first, by outcome.",
    ),
    seconds(STAGE_SECONDS, "Time inside a request, by stage."),
    counter(HITS, Unit::Count, "Answers from memory, by kind."),
    counter(
        TOKENS_SAVED,
        Unit::Count,
        "Tokens not bought because of a hit, by kind.",
    ),
    counter(
        USD_SAVED,
        Unit::Count,
        "US dollars not spent because of hits, estimated by list price.",
    ),
    gauge(
        EMBED_QUEUE,
        Unit::Count,
        "Texts waiting for the embedding model.",
    ),
    seconds(
        "reprise_embed_seconds",
        "One run of the embedding model, of a whole batch.",
    ),
    Metric {
        name: "reprise_embed_batch_size",
        kind: MetricKind::Histogram,
        unit: Unit::Count,
        help: "Texts of one run of the embedding model.",
        buckets: BATCH,
    },
    gauge(
        VERIFIER_QUEUE,
        Unit::Count,
        "Requests waiting for the model that reads both questions.",
    ),
    seconds(
        "reprise_verifier_seconds",
        "One run of the model that reads both questions, of a request's pairs.",
    ),
    Metric {
        name: "reprise_verifier_batch_size",
        kind: MetricKind::Histogram,
        unit: Unit::Count,
        help: "Pairs of one run of the model that reads both questions.",
        buckets: BATCH,
    },
    counter(
        "reprise_verifier_pairs_total",
        Unit::Count,
        "Pairs of questions that were to be read, by what came of it: `read`, `remembered`, or why they were not.",
    ),
    counter(
        EMBEDDED,
        Unit::Count,
        "Vectors that clients got, by who made them: `memory`, `provider`, `local`.",
    ),
    counter(
        REEMBEDDED,
        Unit::Count,
        "Remembered questions embedded anew for the next model.",
    ),
    gauge(
        REEMBEDDING_REMAINING,
        Unit::Count,
        "Entries that are still to be looked at for the next model.",
    ),
    counter(
        REEMBEDDING_LEFT_OUT,
        Unit::Count,
        "Entries that get no vector of the next model, by reason.",
    ),
    counter(
        REEMBEDDING_FAULTS,
        Unit::Count,
        "Next models that cannot be used, by fault.",
    ),
    gauge(STORE_QUEUE, Unit::Count, "Writes waiting for the store."),
    counter(
        "reprise_store_corrupt_records_total",
        Unit::Count,
        "Stored records whose checksum did not hold; each was a miss.",
    ),
    gauge(
        INDEX_ENTRIES,
        Unit::Count,
        "Remembered questions that can be found by meaning.",
    ),
    gauge(
        INDEX_DEAD,
        Unit::Count,
        "Share of the index that is deleted or expired, 0 to 1.",
    ),
    counter(
        EVICTIONS,
        Unit::Count,
        "Entries dropped to stay within capacity.",
    ),
    counter(
        NAMESPACE_EVICTIONS,
        Unit::Count,
        "Those of them that were dropped to stay within their namespace's capacity.",
    ),
    counter(
        ERRORS,
        Unit::Count,
        "Requests answered with an error, by code.",
    ),
    counter(
        REFUSALS,
        Unit::Count,
        "Requests turned away by a limit, by what it counts together (per) and what it limits (kind).",
    ),
    gauge(
        MISSES,
        Unit::Count,
        "Calls to providers that clients wait for now.",
    ),
    counter(
        NOT_STORED,
        Unit::Count,
        "Answers not remembered, by reason.",
    ),
    counter(
        STALE,
        Unit::Count,
        "Answers served though they are stale, by why.",
    ),
    counter(
        RENEWALS,
        Unit::Count,
        "Calls in the background to renew what is stale, by outcome.",
    ),
    counter(
        SIMILAR_WAITS,
        Unit::Count,
        "Misses that waited for a call under way whose question asks the same, by outcome.",
    ),
    gauge(
        SIMILAR_WAITING,
        Unit::Count,
        "Misses that wait for such a call now.",
    ),
    counter(
        INVALIDATIONS,
        Unit::Count,
        "What was said to hold no more, by what it was said of.",
    ),
    counter(
        LABELS,
        Unit::Count,
        "What was said of answers from memory, by source and verdict.",
    ),
    counter(
        JUDGED,
        Unit::Count,
        "Hits and near misses that chance chose to be checked, by what came of it.",
    ),
    counter(
        BUDGETS_TIGHTENED,
        Unit::Count,
        "Times that a budget took back what it served because hits had become wrong.",
    ),
    counter(
        ROLLED_BACK,
        Unit::Count,
        "Changes to policies that were given up by themselves because their hits were wrong.",
    ),
    gauge(
        QUALITY_HITS,
        Unit::Count,
        "Remembered hits by meaning of the policy in force, by namespace.",
    ),
    gauge(
        QUALITY_LABELLED,
        Unit::Count,
        "Those of them that chance chose and somebody judged, by namespace.",
    ),
    gauge(
        WRONG_SHARE,
        Unit::Count,
        "Share of them that is wrong by these labels, 0 to 1, by namespace; absent without labels.",
    ),
    gauge(
        WRONG_SHARE_UPPER,
        Unit::Count,
        "The share is not above this with 95 % confidence, by namespace.",
    ),
    gauge(
        WRONG_BUDGET,
        Unit::Count,
        "Share that may be wrong, by namespace; absent where the policy is no budget.",
    ),
    counter(
        EVIDENCE_LOST,
        Unit::Count,
        "Decisions that are not kept, or would not outlive the process, by reason.",
    ),
    counter(
        CACHE_FAULTS,
        Unit::Count,
        "Faults of the cache that became misses, by fault.",
    ),
    counter(BATCHES, Unit::Count, "Batches that ended, by status."),
    counter(
        BATCH_LINES,
        Unit::Count,
        "Lines of batches, by what came of asking them once.",
    ),
    counter(
        JOBS,
        Unit::Count,
        "Requests answered later that ended, by status.",
    ),
    counter(WEBHOOKS, Unit::Count, "Calls of webhooks, by outcome."),
    gauge(
        WORK_WAITING,
        Unit::Count,
        "Lines of batches and requests answered later that have no answer yet, by kind.",
    ),
    counter(
        "reprise_upstream_attempts_total",
        Unit::Count,
        "Calls to providers, by provider and outcome.",
    ),
    counter(
        "reprise_upstream_refused_total",
        Unit::Count,
        "Calls that were not made, because a provider rests or has no room, by reason.",
    ),
    counter(
        "reprise_upstream_hedges_total",
        Unit::Count,
        "Calls that were made at another provider too because the first said nothing for a while.",
    ),
    gauge(
        UPSTREAM_STATE,
        Unit::Count,
        "0: asked, 1: one request at a time tries it, 2: left alone; by provider and model.",
    ),
    counter(
        "reprise_canary_total",
        Unit::Count,
        "Requests that fell to a canary, by who answered them.",
    ),
    counter(
        "reprise_shadow_total",
        Unit::Count,
        "Requests that fell to a shadow, by outcome.",
    ),
    gauge(
        BUILD_INFO,
        Unit::Count,
        "Always 1; its labels say what runs.",
    ),
];
