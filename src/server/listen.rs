//! Servers on bound sockets: the API, the metrics, the operator's socket. Knows how the HTTP
//! library is put together and set; what is answered is the business of the routes.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Request};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder, ServerHandle};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::{App, web};
use futures_util::future::{Either, ready};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use super::address::{Address, nowhere};
use super::connection::{Connection, Edge, LINGER};
use super::turn::{Held, Sending};
use super::{Door, control, head, ops, routes};
use crate::gateway::error::Code;

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Threads; 0 is one per core.
    pub workers: usize,
    /// Connections at a time, over all workers.
    pub max_connections: usize,
    /// Time until the head of a request must be complete.
    pub head_time: Duration,
    /// Time that a client may let pass without taking a byte of its answer.
    pub write_time: Duration,
}

/// Serves the API on a bound socket.
///
/// # Errors
/// The socket cannot be listened on.
pub fn serve(door: Arc<Door>, listener: TcpListener, config: &ServerConfig) -> io::Result<Running> {
    on_tcp(door, routes, listener, config)
}

/// Serves `/metrics` alone on its own socket.
///
/// # Errors
/// The socket cannot be listened on.
pub fn serve_metrics(
    door: Arc<Door>,
    listener: TcpListener,
    config: &ServerConfig,
) -> io::Result<Running> {
    let routes = |config: &mut web::ServiceConfig| {
        config.service(Address::at("/metrics").get(web::to(ops::metrics_alone)));
    };
    on_tcp(door, routes, listener, &config.with_one_worker())
}

/// Serves the operator's socket: keys, and requests in any tenant's name. Whoever can open the
/// socket owns the data folder.
///
/// # Errors
/// The socket cannot be listened on.
pub fn serve_control(
    door: Arc<Door>,
    listener: UnixListener,
    config: &ServerConfig,
) -> io::Result<Running> {
    let config = config.with_one_worker();
    let server = config.builder();
    let site = Site {
        door: door.into(),
        routes: control::routes,
        head_time: config.head_time,
        write_time: config.write_time,
        leaving: server.graceful_shutdown_signal(),
    };
    let connections = move || site.connections(|_: &UnixStream| {});
    let server = server.listen_uds("control", listener, connections)?;
    Ok(Running::start(server.run()))
}

fn on_tcp(
    door: Arc<Door>,
    routes: Routes,
    listener: TcpListener,
    config: &ServerConfig,
) -> io::Result<Running> {
    let server = config.builder();
    let site = Site {
        door: door.into(),
        routes,
        head_time: config.head_time,
        write_time: config.write_time,
        leaving: server.graceful_shutdown_signal(),
    };
    // A stream's events leave at once; a connection that cannot be told so serves as well.
    let at_once = |io: &TcpStream| drop(io.set_nodelay(true));
    let connections = move || site.connections(at_once);
    Ok(Running::start(
        server.listen("http", listener, connections)?.run(),
    ))
}

impl ServerConfig {
    fn with_one_worker(&self) -> Self {
        Self {
            workers: 1,
            ..self.clone()
        }
    }

    fn builder(&self) -> ServerBuilder {
        let workers = match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        };
        Server::build()
            .workers(workers)
            .max_concurrent_connections(self.max_connections.div_ceil(workers))
            .disable_signals()
            .shutdown_timeout(5)
    }
}

type Routes = fn(&mut web::ServiceConfig);

/// What a worker needs to serve connections.
#[derive(Clone)]
struct Site {
    door: web::Data<Door>,
    routes: Routes,
    head_time: Duration,
    write_time: Duration,
    leaving: GracefulShutdownSignal,
}

impl Site {
    /// A worker's service of connections, each prepared by `prepare`.
    fn connections<T>(
        &self,
        prepare: fn(&T),
    ) -> impl ServiceFactory<T, Config = (), Response = (), Error = DispatchError, InitError = ()> + use<T>
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let (door, leaving) = (self.door.clone(), self.leaving.clone());
        let count = move |code: Code| door.gateway.metrics().error(code.as_str());
        let edge = Rc::new(Edge {
            head_time: self.head_time,
            write_time: self.write_time,
            count: Box::new(count),
        });
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let leaving = leaving.clone();
                async move { leaving.notified().await }
            })
            .client_request_timeout(self.head_time)
            .client_disconnect_timeout(LINGER)
            // A client that closes its side is gone: nobody reads the answer, so nobody should pay for it.
            .h1_allow_half_closed(false)
            .on_connect_ext(|connection: &Connection<T>, data| {
                data.insert(connection.turns());
            })
            .h1(map_config(self.application(), |()| AppConfig::default()));
        fn_service(move |io: T| {
            prepare(&io);
            ready(Ok((Connection::new(io, edge.clone()), None)))
        })
        .and_then(http)
    }

    /// The routes, behind what holds for each of them.
    fn application(
        &self,
    ) -> impl ServiceFactory<
        Request,
        Config = AppConfig,
        Response = ServiceResponse<Sending>,
        Error = actix_web::Error,
        InitError = (),
    > + use<> {
        App::new()
            .app_data(self.door.clone())
            .configure(self.routes)
            .default_service(web::to(nowhere))
            .wrap_fn(|request, routes| {
                let turn = Held::take(&request);
                let answer = match head::refused(&request) {
                    None => Either::Left(routes.call(request)),
                    Some(refused) => Either::Right(ready(Ok(request.into_response(refused)))),
                };
                async move {
                    let answer = answer.await?;
                    Ok(answer.map_body(|_, body| turn.until_sent(body)))
                }
            })
            .into_factory()
    }
}

/// A server that serves until it is stopped.
pub struct Running {
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
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
