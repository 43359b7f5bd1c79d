//! The only module that knows the HTTP server: routes, what a request must be to
//! be heard at all, and how answers and errors look on the wire.

mod admin;
mod body;
mod caller;
mod control;
mod drain;
mod openai;
mod ops;
mod reply;

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpResponse, HttpServer, web};
use tokio::task::JoinHandle;

use crate::cache::upkeep::Upkeep;
use crate::gateway::Gateway;
use crate::gateway::error::{ApiError, Code};
use crate::identity::Registry;
use crate::store::{AuditLog, StateStore};
use crate::telemetry::Recorder;

pub use drain::Drain;

/// What a handler needs: the gateway and everything around it.
pub struct Door {
    /// The line that answers.
    pub gateway: Arc<Gateway>,
    /// Who holds keys.
    pub registry: Arc<Registry>,
    /// Keys and policies on disk.
    pub state: Arc<StateStore>,
    /// What was changed by whom.
    pub audit: Arc<AuditLog>,
    /// Looks after the index.
    pub upkeep: Arc<Upkeep>,
    /// What was counted.
    pub recorder: Recorder,
    /// Whether the gateway is stopping.
    pub drain: Arc<Drain>,
    /// Limits on what comes in.
    pub limits: Limits,
    /// Whether the data folder may be used without a key: no key ever existed and only this
    /// machine can connect.
    pub open: bool,
    /// Whether `/metrics` is served beside the API.
    pub metrics_here: bool,
}

/// Limits on what comes in.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Time that a body may take.
    pub body_time: Duration,
}

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Threads; 0 is one per core.
    pub workers: usize,
    /// Connections at a time, over all workers.
    pub max_connections: usize,
    /// Time until the head of a request must be complete.
    pub head_time: Duration,
}

/// Serves the API on a bound socket.
///
/// # Errors
/// The socket cannot be listened on.
pub fn serve(
    door: Arc<Door>,
    listener: TcpListener,
    config: &ServerConfig,
) -> std::io::Result<Running> {
    let door = web::Data::from(door);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(door.clone())
            .configure(routes)
            .default_service(web::to(not_found))
    });
    let workers = match config.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    let server = server
        .workers(workers)
        .max_connections(config.max_connections.div_ceil(workers))
        .client_request_timeout(config.head_time)
        // An early answer reaches a client that is still sending: what it sends is read for this long.
        .client_disconnect_timeout(Duration::from_secs(5))
        // A client that closes its side is gone: nobody reads the answer, so nobody should pay for it.
        .h1_allow_half_closed(false)
        .tcp_nodelay(true)
        .disable_signals()
        .shutdown_timeout(5);
    Ok(Running::start(server.listen(listener)?.run()))
}

/// Serves `/metrics` alone on its own socket.
///
/// # Errors
/// The socket cannot be listened on.
pub fn serve_metrics(door: Arc<Door>, listener: TcpListener) -> std::io::Result<Running> {
    let door = web::Data::from(door);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(door.clone())
            .service(web::resource("/metrics").route(web::get().to(ops::metrics_alone)))
            .default_service(web::to(not_found))
    });
    Ok(Running::start(
        server.workers(1).disable_signals().listen(listener)?.run(),
    ))
}

/// Serves the operator's socket: keys, and requests in any tenant's name. Whoever can open the
/// socket owns the data folder.
///
/// # Errors
/// The socket cannot be listened on.
pub fn serve_control(door: Arc<Door>, listener: UnixListener) -> std::io::Result<Running> {
    let door = web::Data::from(door);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(door.clone())
            .configure(control::routes)
            .default_service(web::to(not_found))
    });
    Ok(Running::start(
        server
            .workers(1)
            .disable_signals()
            .listen_uds(listener)?
            .run(),
    ))
}

/// A server that serves until it is stopped.
pub struct Running {
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    fn start(server: Server) -> Self {
        Self {
            handle: server.handle(),
            task: tokio::spawn(server),
        }
    }

    /// Ends it once its connections are done, or after five seconds.
    pub async fn stop(self) {
        self.handle.stop(true).await;
        drop(self.task.await);
    }
}

/// Runs a future on a runtime that servers can be started on.
pub fn block_on<F: Future>(future: F) -> F::Output {
    actix_web::rt::System::new().block_on(future)
}

fn routes(config: &mut web::ServiceConfig) {
    let only = |path: &str, route: actix_web::Route| {
        web::resource(path.to_owned())
            .route(route)
            .default_service(web::to(method_not_allowed))
    };
    config
        .service(only("/v1/chat/completions", web::post().to(openai::chat)))
        .service(only("/v1/models", web::get().to(openai::models)))
        .service(only("/v1/models/{id:.+}", web::get().to(openai::model)))
        .service(only("/healthz", web::get().to(ops::healthz)))
        .service(only("/readyz", web::get().to(ops::readyz)))
        .service(only("/metrics", web::get().to(ops::metrics)));
    admin::routes(config);
}

async fn not_found() -> HttpResponse {
    reply::fault(&ApiError::new(
        Code::NotFound,
        "There is nothing at this address.",
    ))
}

async fn method_not_allowed() -> HttpResponse {
    reply::fault(&ApiError::new(
        Code::MethodNotAllowed,
        "This address does not take that method.",
    ))
}
