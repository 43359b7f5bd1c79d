//! `reprise warm`: finds the gateway to ask (by its URL, by the socket of the data
//! folder, or one made here when none runs), and sets up the run.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::SecretString;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::build::prices;
use super::encoder::embed_config;
use super::{Built, Environment, StartError, build, socket};
use crate::chat::unix_seconds;
use crate::config::{Config, Faults, ProviderKind, Route};
use crate::embed::{EmbedConfig, Embedder};
use crate::identity::TenantId;
use crate::provider::local::{Local, LocalError};
use crate::warm::journal::Lives;
use crate::warm::{
    Budget, Defaults, Driver, InProcess, Job, Journal, Pace, Progress, Remote, Report, Stop,
    Tariff, lines, run,
};

/// Longest time for a vector or a search, in milliseconds, of a gateway that is here for this run
/// alone: nobody waits for it, and what it gives up is paid for.
const PATIENCE_MS: u64 = 10_000;

/// What `reprise warm` takes, besides the configuration.
#[derive(Args)]
pub struct WarmArgs {
    /// What to ask, one a line: chat requests (objects with `messages`), questions (objects with
    /// `q`, `question`, `text` or `prompt`, or JSON strings) or plain text; - reads stdin.
    file: PathBuf,
    /// Model of questions, and of requests that name none.
    #[arg(long)]
    model: Option<String>,
    /// Whose memory is warmed; with --url that is whose key it is [default: default].
    #[arg(long, conflicts_with = "url")]
    tenant: Option<TenantId>,
    /// Namespace of that tenant [default: its own].
    #[arg(long)]
    namespace: Option<String>,
    /// Requests on their way at the same time.
    #[arg(long, value_name = "N", default_value = "4")]
    concurrency: NonZeroUsize,
    /// Most requests a second, hits included [default: no limit].
    #[arg(long, value_name = "R", value_parser = positive)]
    rate: Option<f64>,
    /// Stop before more than this is spent, by the price list of the configuration. Strict where
    /// requests set max_tokens; others are expected to be no longer than the longest so far. A model
    /// without a price ends the run before it is asked.
    #[arg(long, value_name = "USD", value_parser = positive)]
    max_usd: Option<f64>,
    /// Stop after this many requests, hits included.
    #[arg(long, value_name = "N")]
    max_requests: Option<u64>,
    /// Least cosine of two questions of which the second waits until the first is answered, so that
    /// the gateway can answer it from memory, which is for its own threshold and policy to decide.
    /// One that fails holds up nobody. Needs the encoder here, also for a gateway elsewhere.
    #[arg(long, value_name = "COSINE", default_value_t = 0.97, value_parser = cosine)]
    fold: f32,
    /// Forget where an earlier run of this file was interrupted.
    #[arg(long)]
    fresh: bool,
    /// Warm the gateway at this URL instead of the one of the data folder.
    #[arg(long)]
    url: Option<String>,
    /// A key of that gateway; better given in the environment, where `ps` does not show it.
    #[arg(long, env = "REPRISE_API_KEY", hide_env_values = true)]
    key: Option<SecretString>,
    /// Report in JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Why nothing could be warmed; one line each.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is its source's own line")]
pub enum WarmError {
    #[error("{path}: {source}")]
    Input {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is a folder; give a file, or - for stdin")]
    IsFolder { path: PathBuf },
    #[error("the journal in {path}: {source}")]
    Journal {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Config(#[from] Faults),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the gateway: {0}")]
    Gateway(#[from] LocalError),
    #[error(
        "nothing to warm: only the built-in demo would answer, and its answers are kept in memory \
         only; set OPENAI_API_KEY or ANTHROPIC_API_KEY, configure a provider, or warm a running \
         gateway"
    )]
    OnlyDemo,
    #[error(transparent)]
    System(#[from] std::io::Error),
}

/// Warms, and returns once everything is kept.
///
/// # Errors
/// What keeps it from starting.
pub async fn warm(args: WarmArgs, config: &Config) -> Result<Report, WarmError> {
    // Installed first: a signal during the start must not be lost.
    let stop = stop_signals()?;
    let (input, size) = open(&args.file)?;
    let progress = Progress::new(size);
    let (target, gateway) = find(&args, config, &progress)?;
    let folder = config.data_dir().join("warm");
    let lives = Lives {
        now_s: unix_seconds(),
        ttl_s: config.cache.ttl_s,
        batch: args.concurrency.get(),
    };
    let name = journal_name(&args, &target);
    let journal = Journal::open(&folder, &name, lives, args.fresh);
    let journal = journal.map_err(|source| WarmError::Journal {
        path: folder,
        source,
    })?;
    let tariff = Tariff::new(prices(config)?, gateway.routes.clone());
    let job = Job {
        driver: gateway.driver.as_ref(),
        concurrency: args.concurrency.get(),
        pace: Pace::new(args.rate),
        budget: Budget::new(tariff, args.max_usd, args.max_requests),
        encoder: gateway.encoder.clone(),
        fold: args.fold,
        journal,
        progress,
    };
    let lines = lines::read(input, Defaults { model: args.model })?;
    let report = run(job, lines, stop).await;
    // Closing writes what waits; it blocks.
    drop(tokio::task::spawn_blocking(move || drop(gateway)).await);
    Ok(report)
}

struct Found {
    driver: Box<dyn Driver>,
    /// Tells how alike questions are.
    encoder: Option<Embedder>,
    /// What it asks for a model, as far as that is known here.
    routes: Vec<Route>,
    /// What the driver asks, if it is in this process; goes after it.
    _built: Option<Built>,
}

impl Found {
    fn running(driver: Remote, encoder: Option<Embedder>, routes: Vec<Route>) -> Self {
        Self {
            driver: Box::new(driver),
            encoder,
            routes,
            _built: None,
        }
    }
}

/// The gateway to ask, and its name for the journal.
fn find(
    args: &WarmArgs,
    config: &Config,
    progress: &Progress,
) -> Result<(String, Found), WarmError> {
    let config = patient(config, args.concurrency.get());
    let namespace = args.namespace.clone();
    if let Some(url) = &args.url {
        // The base URL that an OpenAI client is given means the same gateway.
        let url = url.trim_end_matches('/').trim_end_matches("/v1");
        let local = Local::by_url(url, args.key.clone())?;
        let driver = Remote::by_url(local, namespace);
        let found = Found::running(driver, own_encoder(&config, progress), Vec::new());
        return Ok((url.to_owned(), found));
    }
    let tenant = args.tenant.clone().unwrap_or_else(TenantId::default_tenant);
    let target = tenant.to_string();
    if let Some(reach) = socket::running(config.data_dir()) {
        let (path, held) = reach.into_parts();
        let local = Local::by_socket(&path, held)?;
        let driver = Remote::by_socket(local, &tenant, namespace);
        let encoder = own_encoder(&config, progress);
        return Ok((
            target,
            Found::running(driver, encoder, config.flat_routes()),
        ));
    }
    let environment = Environment::process();
    let providers = config.providers_or_default(|name| (environment.0)(name))?;
    if providers.iter().all(|p| p.kind == ProviderKind::Demo) {
        return Err(WarmError::OnlyDemo);
    }
    let built = build(&config, &environment)?;
    let gateway = built.door.gateway.clone();
    let found = Found {
        encoder: gateway.cache().embedder(),
        driver: Box::new(InProcess::new(gateway, tenant, namespace)),
        routes: config.flat_routes(),
        _built: Some(built),
    };
    Ok((target, found))
}

/// The configuration of a gateway that nobody else uses.
fn patient(config: &Config, concurrency: usize) -> Config {
    let mut config = config.clone();
    let (embedding, cache) = (&mut config.embedding, &mut config.cache);
    // Each item is embedded once to be told from the others, and once more where it is looked up.
    embedding.queue = embedding.queue.max(concurrency.saturating_mul(2));
    embedding.deadline_ms = embedding.deadline_ms.max(PATIENCE_MS);
    cache.lookup_deadline_ms = cache.lookup_deadline_ms.max(PATIENCE_MS);
    config
}

/// An encoder beside that of a gateway which runs: it tells which questions are alike before they are asked.
fn own_encoder(config: &Config, progress: &Progress) -> Option<Embedder> {
    let started = embed_config(config).and_then(|found| {
        let one = found.map(|c| EmbedConfig { threads: 1, ..c });
        Ok(one.as_ref().map(Embedder::start).transpose()?)
    });
    started.unwrap_or_else(|fault| {
        progress.say(&format!(
            "near-duplicates on their way together are each asked, the encoder is missing here: {fault}"
        ));
        None
    })
}

/// The input and its size, where that is known.
fn open(path: &Path) -> Result<(Box<dyn Read + Send>, Option<u64>), WarmError> {
    if path == Path::new("-") {
        return Ok((Box::new(std::io::stdin()), None));
    }
    let fault = |source| WarmError::Input {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(fault)?;
    let about = file.metadata().map_err(fault)?;
    if about.is_dir() {
        let path = path.to_owned();
        return Err(WarmError::IsFolder { path });
    }
    let size = about.is_file().then_some(about.len());
    Ok((Box::new(file), size))
}

/// By the file's place and not its contents: one that has grown goes on where it was.
fn journal_name(args: &WarmArgs, target: &str) -> String {
    let path = args
        .file
        .canonicalize()
        .unwrap_or_else(|_| args.file.clone());
    let namespace = args.namespace.as_deref().unwrap_or_default();
    let mut hasher = blake3::Hasher::new();
    for part in [
        path.as_os_str().as_encoded_bytes(),
        target.as_bytes(),
        namespace.as_bytes(),
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// The first signal lets what is on its way arrive, a second one does not.
fn stop_signals() -> std::io::Result<watch::Receiver<Stop>> {
    let mut signals = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let (say, stop) = watch::channel(Stop::Not);
    tokio::spawn(async move {
        for level in [Stop::Soon, Stop::Now] {
            either(&mut signals).await;
            say.send_replace(level);
        }
        // Kept, or waiting for it would end.
        say.closed().await;
    });
    Ok(stop)
}

async fn either((interrupt, terminate): &mut (Signal, Signal)) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|n: &f64| n.is_finite() && *n > 0.0);
    number.ok_or_else(|| "not a number above 0".into())
}

fn cosine(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|n| (0.0..=1.0).contains(n));
    number.ok_or_else(|| "not a number between 0 and 1".into())
}
