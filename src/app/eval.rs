//! `reprise eval`: puts a gateway of its own on trial, in a temporary folder and with a stand-in
//! for the provider, and says how often it was right.

mod gateway;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::gateway::trial;
use super::StartError;
use super::default_policy::configured;
use crate::cache::policy::{Policy, PolicyDraft, PolicyKind};
use crate::cache::verdict::Verify;
use crate::chat::number::shortest;
use crate::chat::unix_ms;
use crate::config::Config;
use crate::eval::budget::{self, Cases};
use crate::eval::rows::{self, BudgetRow, ConversationRow, PairRow, RowsError, TraceRow};
use crate::eval::{Figures, Measured, Progress, Row, Trial, measure_rows, plot, table, trace};

/// What `reprise eval` measures on.
#[derive(Subcommand)]
pub enum EvalCommand {
    /// Pairs of questions: objects with `a`, `b`, `label` (1: one answer serves both) and `tag`.
    Pairs {
        /// How it is measured.
        #[command(flatten)]
        args: EvalArgs,
        /// JSONL files, plain or gzipped.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Pairs of conversations: objects with `a` and `b` (lists of messages), `label` and `kind`.
    Conversations {
        /// How it is measured.
        #[command(flatten)]
        args: EvalArgs,
        /// JSONL files, plain or gzipped.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Requests in order: objects with `tenant`, `q`, `group` and `kind`; a hit is right when groups agree.
    Trace {
        /// How it is measured.
        #[command(flatten)]
        args: EvalArgs,
        /// A JSONL file, plain or gzipped.
        file: PathBuf,
    },
    /// Whether a budget holds: half of a file's comparisons to learn from, the other half to serve, dealt out anew
    /// for each seed. Pairs of questions or a trace.
    Budget {
        /// How it is measured.
        #[command(flatten)]
        args: EvalArgs,
        /// Share of the hits that may be wrong, 0.001 to 0.5.
        #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
        budget: f32,
        /// Comparisons to learn from, and as many to serve, drawn again and again: as if traffic went on for longer
        /// [default: half of the file's each].
        #[arg(long, value_name = "N")]
        traffic: Option<usize>,
        /// How often it is tried.
        #[arg(long, value_name = "N", default_value_t = 20)]
        seeds: u64,
        /// A JSONL file, plain or gzipped.
        file: PathBuf,
    },
}

impl EvalCommand {
    /// How it is measured.
    fn args(&self) -> &EvalArgs {
        match self {
            Self::Pairs { args, .. }
            | Self::Conversations { args, .. }
            | Self::Budget { args, .. }
            | Self::Trace { args, .. } => args,
        }
    }

    /// What is measured on.
    fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Pairs { files, .. } | Self::Conversations { files, .. } => files.clone(),
            Self::Trace { file, .. } | Self::Budget { file, .. } => vec![file.clone()],
        }
    }
}

/// How it is measured.
#[derive(Args)]
pub struct EvalArgs {
    /// The policy to measure, a JSON object as the admin API takes it [default: that of the configuration].
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Measure with the model that reads both questions, or without it [default: as the configuration and the policy say].
    #[arg(long, value_name = "on|off")]
    verifier: Option<Switch>,
    /// Print one JSON object instead of tables.
    #[arg(long)]
    json: bool,
    /// Draw hit rate against wrong-hit rate into this file, as SVG.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Write each wrong hit into this file: a JSON object a line, with what was asked, what was stored, and the score.
    #[arg(long, value_name = "FILE.jsonl")]
    wrong: Option<PathBuf>,
}

/// Whether a part takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    /// It does.
    On,
    /// It does not.
    Off,
}

/// Why nothing could be measured; one line each.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum EvalError {
    #[error(transparent)]
    Rows(#[from] RowsError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the policy in {path}: {why}")]
    Policy { path: PathBuf, why: String },
    #[error("--wrong: {} is what is measured on; name another file", .0.display())]
    Input(PathBuf),
    #[error("--verifier on: {0}")]
    NeverAsked(&'static str),
    #[error("--budget: {0}")]
    Budget(String),
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    System(#[from] std::io::Error),
    #[error("the figures cannot be told: {0}")]
    Json(#[from] serde_json::Error),
}

/// Nobody is to take figures for the verifier's that it had no part in.
fn asks(config: &Config, policy: Option<&Policy>) -> Result<(), EvalError> {
    let rule = match policy {
        Some(policy) => policy.rule(None),
        None => configured(config).rule(None),
    };
    let compared = config.cache.enabled && config.cache.semantic && config.embedding.enabled;
    let why = match () {
        () if !compared => "meaning is not compared",
        () if rule.probability.is_none() => {
            "the policy decides by `threshold`, where it is not asked"
        }
        () if rule.verify == Verify::Never => "the policy asks it of nothing (`verifier`: `never`)",
        () => return Ok(()),
    };
    Err(EvalError::NeverAsked(why))
}

/// Measures, and prints the figures on stdout.
///
/// # Errors
/// What keeps it from measuring or telling.
pub async fn eval(command: EvalCommand, mut config: Config) -> Result<(), EvalError> {
    let args = command.args();
    if let Some(switch) = args.verifier {
        config.verifier.enabled = switch == Switch::On;
    }
    let policy = args.policy.as_deref();
    let policy = policy.map(|path| read_policy(path, &config)).transpose()?;
    if args.verifier == Some(Switch::On) {
        asks(&config, policy.as_ref())?;
    }
    let (json, picture, wrong) = (args.json, args.plot.clone(), args.wrong.clone());
    let inputs = command.files();
    if let Some(path) = wrong.as_ref().filter(|path| is_one_of(path, &inputs)) {
        return Err(EvalError::Input(path.clone()));
    }
    let (texts, value, lines, hits) = match command {
        EvalCommand::Pairs { files, .. } => {
            let trial = trial(config, policy, None, wrong.is_some())?;
            of_rows::<PairRow>(&trial, &files).await?
        }
        EvalCommand::Conversations { files, .. } => {
            let trial = trial(config, policy, None, wrong.is_some())?;
            of_rows::<ConversationRow>(&trial, &files).await?
        }
        EvalCommand::Trace { file, .. } => {
            let rows = rows::read(&file)?;
            let trial = trial(config, policy, None, wrong.is_some())?;
            of_trace(&trial, rows, file.display().to_string()).await?
        }
        EvalCommand::Budget {
            budget,
            traffic,
            seeds,
            file,
            ..
        } => {
            let draft = PolicyDraft {
                kind: Some(PolicyKind::Budget),
                budget: Some(budget),
                ..PolicyDraft::default()
            };
            let base = policy.unwrap_or_else(|| configured(&config));
            let policy = base.changed(&draft, unix_ms());
            let policy = policy.map_err(|e| EvalError::Budget(e.to_string()))?;
            of_budget((config, policy), &file, (seeds, traffic), wrong.is_some()).await?
        }
    };
    if let Some(path) = picture {
        let svg = plot::svg("What can be served at which share of wrong serves", &lines);
        std::fs::write(&path, svg).map_err(|source| EvalError::File { path, source })?;
    }
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{value}")?;
    } else {
        write!(out, "{}", texts.join("\n"))?;
    }
    out.flush()?;
    // Last: whatever becomes of that file, the figures are told.
    wrong.map_or(Ok(()), |path| write_lines(path, &hits))
}

fn write_lines(path: PathBuf, lines: &[serde_json::Value]) -> Result<(), EvalError> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&path, text).map_err(|source| EvalError::File { path, source })
}

/// Whether a path leads to one of some files.
fn is_one_of(path: &Path, files: &[PathBuf]) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    let wanted = real(path);
    wanted.is_some() && files.iter().any(|file| real(file) == wanted)
}

/// Wrong hits with the name of their file.
fn of_file(hits: Vec<serde_json::Value>, name: &str) -> Vec<serde_json::Value> {
    let named = |mut hit: serde_json::Value| {
        hit["file"] = name.into();
        hit
    };
    hits.into_iter().map(named).collect()
}

/// Tables, the JSON of the same figures, the rows behind them, and the wrong hits.
type Told = (
    Vec<String>,
    serde_json::Value,
    Vec<(String, Vec<Measured>)>,
    Vec<serde_json::Value>,
);

/// One trace.
async fn of_trace(trial: &Trial, rows: Vec<TraceRow>, name: String) -> Result<Told, EvalError> {
    let progress = Progress::new(rows.len(), &name);
    let figures = trace(trial, rows, progress).await;
    let text = table::trace(&name, &figures);
    let wrong = of_file(trial.wrong_hits(), &name);
    let value = by_file([(name, figures)])?;
    Ok((vec![text], value, Vec::new(), wrong))
}

/// A budget on one file.
async fn of_budget(
    (config, policy): (Config, Policy),
    file: &Path,
    (seeds, traffic): (u64, Option<usize>),
    wrong: bool,
) -> Result<Told, EvalError> {
    let rows: Vec<BudgetRow> = rows::read(file)?;
    let name = file.display().to_string();
    let progress = Progress::new(rows.len(), &name);
    let (share, rule) = (policy.budget, policy.rule(None));
    let trial = trial(config, Some(policy), Some(budget::answers(&rows)), wrong)?;
    let cases = match budget::as_trace(&rows) {
        Some(rows) => {
            trace(&trial, rows.clone(), progress).await;
            trial.judged().await;
            Cases::of_trace(&trial, &rows, &rule)
        }
        None => {
            let pairs = budget::as_pairs(&rows);
            Cases::of_pairs(&measure_rows(&trial, 0, pairs, progress).await.all)
        }
    };
    let figures = cases.run(shortest(share), seeds, traffic);
    let text = table::budget(&name, &figures);
    let hits = of_file(trial.wrong_hits(), &name);
    Ok((vec![text], by_file([(name, figures)])?, Vec::new(), hits))
}

/// Files of rows of one form.
async fn of_rows<R: DeserializeOwned + Into<Row>>(
    trial: &Trial,
    files: &[PathBuf],
) -> Result<Told, EvalError> {
    let read: Result<Vec<Vec<R>>, _> = files.iter().map(|f| rows::read(f)).collect();
    let mut told = Telling::default();
    for (number, (path, rows)) in files.iter().zip(read?).enumerate() {
        let name = path.display().to_string();
        let progress = Progress::new(rows.len(), &name);
        let outcomes = measure_rows(trial, number, rows, progress).await;
        told.hits.extend(of_file(trial.wrong_hits(), &name));
        told.add(name, outcomes.figures(), outcomes.all);
    }
    told.finish()
}

#[derive(Default)]
struct Telling {
    texts: Vec<String>,
    figures: Vec<(String, BTreeMap<String, Figures>)>,
    lines: Vec<(String, Vec<Measured>)>,
    hits: Vec<serde_json::Value>,
}

impl Telling {
    fn add(&mut self, name: String, figures: BTreeMap<String, Figures>, rows: Vec<Measured>) {
        self.texts.push(table::figures(&name, &figures));
        self.lines.push((short(&name), rows));
        self.figures.push((name, figures));
    }

    fn finish(self) -> Result<Told, EvalError> {
        Ok((self.texts, by_file(self.figures)?, self.lines, self.hits))
    }
}

/// A file's name without its folders and endings.
fn short(name: &str) -> String {
    let name = Path::new(name)
        .file_name()
        .map_or(name.into(), |n| n.to_string_lossy());
    name.split('.').next().unwrap_or_default().to_owned()
}

fn by_file<F: Serialize>(
    files: impl IntoIterator<Item = (String, F)>,
) -> Result<serde_json::Value, EvalError> {
    let files = files
        .into_iter()
        .map(|(name, figures)| Ok((name, serde_json::to_value(figures)?)));
    files
        .collect::<Result<serde_json::Map<_, _>, _>>()
        .map(Into::into)
}

/// The policy of a file, on top of the configured default.
fn read_policy(path: &Path, config: &Config) -> Result<Policy, EvalError> {
    let unfit = |why: String| EvalError::Policy {
        path: path.to_owned(),
        why,
    };
    let text = std::fs::read_to_string(path).map_err(|e| unfit(e.to_string()))?;
    let draft: PolicyDraft = serde_json::from_str(&text).map_err(|e| unfit(e.to_string()))?;
    let policy = configured(config).changed(&draft, unix_ms());
    policy.map_err(|e| unfit(e.to_string()))
}
