//! The composition root: opens the data folder, builds every part once, binds,
//! runs until told to stop, and drains.

mod asker_key;
mod build;
mod check;
pub mod cli;
mod data;
mod default_policy;
mod encoder;
mod error;
pub mod eval;
pub mod keys;
mod memory;
mod router;
pub mod socket;
pub mod warm;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Config;
use crate::ledger::Prices;
use crate::server::{self, Door, Running, ServerConfig};

pub use build::{Built, Environment, build};
pub use check::{check, refusal};
pub use data::DataError;
pub use error::{Lines, StartError};

/// Time between two rounds of keeping histograms small.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// Serves until a signal says stop, then drains.
///
/// # Errors
/// What kept it from starting, in one line.
pub async fn serve(config: &Config, environment: &Environment) -> Result<(), StartError> {
    let listener = listen(config.server.bind_addr())?;
    let metrics = match config.server.metrics_addr() {
        Some(address) => Some(listen(Some(address))?),
        None => None,
    };
    let built = build(config, environment)?;
    let mut addresses = vec![("listening", listener.local_addr()?)];
    if let Some(metrics) = &metrics {
        addresses.push(("metrics", metrics.local_addr()?));
    }
    let control = socket::Socket::bind(config.data_dir()).map_err(StartError::Socket)?;
    let servers = start(&built.door, config, listener, metrics, control.listener()?)?;
    // Listened for before anybody is told that this runs: a stop must never find nobody waiting for it.
    let mut stop = StopSignal::listen()?;
    let hangup = signal(SignalKind::hangup())?;
    announce(&addresses);
    built.door.gateway.keep_probing();
    let drain = built.door.drain.clone();
    let (notice, deadline) = (config.server.drain_notice(), config.server.drain_deadline());
    let work = built.door.work.clone();
    if let Some(work) = &work {
        work.start(deadline);
    }
    let recorder = built.door.recorder.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(METRICS_UPKEEP).await;
            recorder.upkeep();
        }
    });
    let prices = built.door.gateway.prices().clone();
    tokio::spawn(reload_when_told(hangup, prices));
    stop.come().await;
    tracing::info!("stopping: what is being answered is finished first");
    let leave = async {
        let work = async {
            if let Some(work) = &work {
                work.stop().await;
            }
        };
        tokio::join!(drain.run(notice, deadline), work);
    };
    // A second signal means now.
    tokio::select! {
        () = leave => {}
        () = stop.come() => {}
    }
    drop(work);
    for server in servers {
        server.stop().await;
    }
    control.remove();
    // Closing takes a last snapshot; what waits is written before, whoever still holds the store. It blocks.
    let close = move || {
        if let Err(cause) = built.door.gateway.cache().memory().store().flush() {
            tracing::warn!(%cause, "the last answers may be lost");
        }
        drop(built);
    };
    drop(tokio::task::spawn_blocking(close).await);
    Ok(())
}

/// Takes the catalogue's file anew with each SIGHUP.
async fn reload_when_told(mut told: Signal, prices: Arc<Prices>) {
    while told.recv().await.is_some() {
        let Some(live) = prices.catalogue().cloned() else {
            continue;
        };
        let reload = tokio::task::spawn_blocking(move || live.reload());
        match reload.await {
            Ok(Ok(_)) => tracing::info!("the catalogue is as its file says"),
            Ok(Err(fault)) => tracing::error!(%fault, "the catalogue stays as it was"),
            Err(_) => {}
        }
    }
}

fn start(
    door: &Arc<Door>,
    config: &Config,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    control: UnixListener,
) -> Result<Vec<Running>, StartError> {
    let serving = ServerConfig {
        workers: config.server.workers,
        max_connections: config.server.max_connections,
        head_time: config.server.header_timeout(),
        write_time: config.server.write_timeout(),
    };
    let mut servers = vec![
        server::serve(door.clone(), listener, &serving).map_err(StartError::Socket)?,
        server::serve_control(door.clone(), control, &serving).map_err(StartError::Socket)?,
    ];
    if let Some(metrics) = metrics {
        let metrics = server::serve_metrics(door.clone(), metrics, &serving);
        servers.push(metrics.map_err(StartError::Socket)?);
    }
    Ok(servers)
}

fn listen(address: Option<SocketAddr>) -> Result<TcpListener, StartError> {
    let address = address.ok_or(StartError::Address)?;
    let busy = |source| StartError::Bind { address, source };
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).map_err(busy)?;
    // A restart must not wait for the old connections' TIME_WAIT.
    socket.set_reuse_address(true).map_err(busy)?;
    socket.bind(&address.into()).map_err(busy)?;
    socket.listen(1024).map_err(busy)?;
    Ok(socket.into())
}

/// Says on stdout where it listens, for people and for scripts that chose port 0.
fn announce(addresses: &[(&str, SocketAddr)]) {
    let mut out = std::io::stdout().lock();
    for (what, address) in addresses {
        tracing::info!(%address, "{what}");
        // Nobody reading stdout is no reason to stop.
        drop(writeln!(out, "{what} on http://{address}"));
    }
    drop(out.flush());
}

/// The two signals that ask a process to stop.
struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn come(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
