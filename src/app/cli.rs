//! The command line: what can be said, and which part does it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::eval::{EvalCommand, eval};
use super::keys::{Keys, Made, printed, restore};
use super::warm::{WarmArgs, warm};
use super::{Environment, StartError, check, refusal, serve};
use crate::config::{Config, Faults, Reading, Sources};
use crate::identity::{Role, TenantId};
use crate::warm::{Report, Stopped};
use crate::{server, telemetry};

/// An LLM gateway whose first answer to a prompt is its own memory.
///
/// Point an OpenAI client at it. A question that was asked before, also in other
/// words, is answered from memory; everything else goes on to a provider.
#[derive(Parser)]
#[command(name = "reprise", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway.
    ///
    /// Talks to the providers of the configuration. Without one: to OpenAI, or the server at
    /// OPENAI_BASE_URL, if OPENAI_API_KEY or OPENAI_BASE_URL is set; for claude-* to Anthropic, or the
    /// server at ANTHROPIC_BASE_URL, if ANTHROPIC_API_KEY is set; with neither to a built-in demo.
    Serve {
        #[command(flatten)]
        common: Common,
        /// Address and port to listen on; port 0 takes a free one, told on stdout.
        #[arg(long, value_name = "HOST:PORT")]
        bind: Option<String>,
    },
    /// Ask a file of questions now, so that later ones are answered from memory.
    ///
    /// Goes through the gateway that runs on the data folder, or through the one at --url; when
    /// none runs it does what a gateway would do itself. Interrupted, it goes on where it was.
    Warm {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        args: Box<WarmArgs>,
    },
    /// Measure how often the cache is right, on labelled pairs, conversations or a trace.
    ///
    /// Goes through the real path: scope, index, guards, verdict and policy. Needs no data folder and
    /// asks no provider. Figures go to stdout, progress to stderr.
    Eval {
        /// Configuration file; ./reprise.toml if that exists and none is named.
        #[arg(long, value_name = "FILE", global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        what: EvalCommand,
    },
    /// Make, list and revoke API keys.
    ///
    /// As soon as one key exists every request needs one. Works on a running gateway, at once,
    /// and on the data folder when none runs.
    Keys {
        #[command(subcommand)]
        action: KeyAction,
    },
    /// Check what a start would read, and say all that is wrong with it.
    ///
    /// The configuration, the environment's keys, and the encoder with its runtime; neither opens the
    /// data folder nor listens.
    Check {
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args, Clone)]
struct Common {
    /// Configuration file; ./reprise.toml if that exists and none is named.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder, made when missing [default: index].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Subcommand)]
enum KeyAction {
    /// Make a key and print it; it is not shown again.
    Create {
        #[command(flatten)]
        common: Common,
        /// Whose it is: 1 to 64 characters out of A-Z a-z 0-9 . _ -
        #[arg(long)]
        tenant: TenantId,
        /// What it may do: app asks questions, analyst tunes policies too, admin does everything.
        #[arg(long)]
        role: Role,
        /// A note to recognise it by.
        #[arg(long)]
        label: Option<String>,
    },
    /// List all keys ever made, one JSON object a line, without their secrets.
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Take keys and policies back from an export of state/exports, when a start refused the folder.
    Restore {
        #[command(flatten)]
        common: Common,
        /// The export, as the refused start named it.
        export: PathBuf,
    },
    /// Revoke a key; it is refused from the next request on.
    Revoke {
        #[command(flatten)]
        common: Common,
        /// The key's id, as `keys list` shows it.
        id: String,
    },
}

type Failure = Box<dyn std::error::Error>;

/// Runs the program; what goes wrong is told on stderr, one line a fault.
#[must_use]
pub fn run() -> ExitCode {
    telemetry::log_panics();
    match carry_out(Cli::parse().command) {
        Ok(code) => code,
        Err(failure) => {
            drop(writeln!(std::io::stderr(), "reprise: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn carry_out(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve { common, bind } => {
            let bind = bind.map(|bind| ("server.bind".to_owned(), bind));
            let reading = Config::read(sources(&common, bind));
            let environment = Environment::process();
            served(&reading, &environment)
                .map_err(|fault| refusal(&fault, &reading, &environment))?;
        }
        Command::Check { common } => checked(&common)?,
        Command::Keys { action } => runtime()?.block_on(keys(action))?,
        Command::Warm { common, args } => return warmed(&common, *args),
        Command::Eval { config, what } => evaluated(config, what)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Warms and reports. The status is that of an interrupted program if it was one.
fn warmed(common: &Common, args: WarmArgs) -> Result<ExitCode, Failure> {
    // It serves nobody: what a gateway needs before others may connect is not asked of it.
    let bind = ("server.bind".to_owned(), "127.0.0.1:0".to_owned());
    let mut config = load(common, Some(bind))?;
    // Failures are told by line; a log of each of them would be the same again.
    config.log.filter = "error".into();
    telemetry::init_log(&config.log)?;
    let json = args.json;
    let report = runtime()?.block_on(warm(args, &config))?;
    if json {
        print(&format!("{}\n", serde_json::to_string(&report)?))?;
    } else {
        print(&report.to_string())?;
    }
    Ok(exit_code(&report))
}

/// Measures, with as many threads as there are cores: nobody else is served.
fn evaluated(config: Option<PathBuf>, what: EvalCommand) -> Result<(), Failure> {
    let common = Common { config, data: None };
    let bind = ("server.bind".to_owned(), "127.0.0.1:0".to_owned());
    let mut config = load(&common, Some(bind))?;
    config.log.filter = "error".into();
    telemetry::init_log(&config.log)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(eval(what, config))?;
    Ok(())
}

fn exit_code(report: &Report) -> ExitCode {
    match report.stopped {
        Some(Stopped::Interrupted) => ExitCode::from(130),
        _ if report.is_failure() => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

fn served(reading: &Reading, environment: &Environment) -> Result<(), StartError> {
    let config = reading.checked()?;
    telemetry::init_log(&config.log)?;
    server::block_on(serve(config, environment))
}

/// A configuration without faults.
fn load(common: &Common, flag: Option<(String, String)>) -> Result<Config, Faults> {
    Config::load(sources(common, flag))
}

fn sources(common: &Common, flag: Option<(String, String)>) -> Sources {
    let mut sources = Sources::from_process();
    sources.file.clone_from(&common.config);
    let data = common.data.as_ref().map(|d| d.display().to_string());
    sources
        .overrides
        .extend(data.map(|d| ("data.dir".to_owned(), d)));
    sources.overrides.extend(flag);
    sources
}

fn checked(common: &Common) -> Result<(), Failure> {
    let reading = Config::read(sources(common, None));
    let providers = check(&reading, &Environment::process())?;
    let text = format!(
        "The configuration is fine. Providers: {}.\n",
        providers.join(", ")
    );
    Ok(print(&text)?)
}

async fn keys(action: KeyAction) -> Result<(), Failure> {
    match action {
        KeyAction::Create {
            common,
            tenant,
            role,
            label,
        } => {
            let config = load(&common, None)?;
            let clash = config.namespaces.iter().any(|n| n.name == tenant.as_str());
            if clash {
                return Err(format!("`{tenant}` is the name of a shared namespace").into());
            }
            let keys = Keys::open(config.data_dir())?;
            let made = keys.create(tenant, role, label).await?;
            hand_over(&keys, &made).await
        }
        KeyAction::List { common } => {
            let keys = Keys::open(load(&common, None)?.data_dir())?;
            for key in keys.list().await? {
                print(&format!("{key}\n"))?;
            }
            Ok(())
        }
        KeyAction::Restore { common, export } => {
            let keys = restore(load(&common, None)?.data_dir(), &export)?;
            Ok(print(&format!("{keys} keys are back\n"))?)
        }
        KeyAction::Revoke { common, id } => {
            let keys = Keys::open(load(&common, None)?.data_dir())?;
            Ok(keys.revoke(&id).await?)
        }
    }
}

/// Prints a key just made; one that nobody got to see must not stay in force.
async fn hand_over(keys: &Keys, made: &Made) -> Result<(), Failure> {
    let Err(unprinted) = print(&printed(&made.secret)) else {
        return Ok(());
    };
    let id = &made.id;
    let then = match keys.revoke(id).await {
        Ok(()) => "was revoked again; make another".to_owned(),
        Err(why) => format!("is still in force ({why}): `reprise keys revoke {id}` it"),
    };
    Err(format!("the key {id} could not be printed ({unprinted}) and {then}").into())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
