//! What the gateway is measured against: the least server that reads, understands and answers a request, and the
//! least one that passes it on.

use std::hint::black_box;
use std::net::SocketAddr;

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::web::{Bytes, Data, post};
use actix_web::{App, HttpResponse, HttpServer, Responder, rt};
use serde_json::Value;

use crate::{Fault, process};

/// As long as what the mock answers to the bench's questions.
const ANSWER: &str = r#"{"id":"chatcmpl-0123456789abcdef0123456789abcdef","object":"chat.completion","created":1700000000,"model":"mock-plain","choices":[{"index":0,"message":{"role":"assistant","content":"Mock answer to: How do I change the password of my account 0000000? 🍎","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":14,"total_tokens":24},"system_fingerprint":"fp_mock"}"#;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Parses the body, hashes it and answers the same always.
pub(crate) fn bare() -> Result<(), Fault> {
    rt::System::new().block_on(async {
        let app = || App::new().route("/v1/chat/completions", post().to(constant));
        let server = HttpServer::new(app)
            .workers(1)
            .tcp_nodelay(true)
            .bind(("127.0.0.1", 0))?;
        serve(server.addrs()[0], server.run()).await
    })
}

async fn constant(body: Bytes) -> impl Responder {
    match serde_json::from_slice::<Value>(&body) {
        Ok(value) => {
            black_box((value, blake3::hash(&body)));
            HttpResponse::Ok()
                .insert_header((CONTENT_TYPE, JSON))
                .body(ANSWER)
        }
        Err(_) => HttpResponse::BadRequest().finish(),
    }
}

struct Upstream {
    client: reqwest::Client,
    url: String,
}

/// Passes bodies on to `upstream` (its address) and answers back.
pub(crate) fn pass_through(upstream: &str) -> Result<(), Fault> {
    // Plain HTTP needs no provider; the client's builder insists on one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder()
        .tcp_nodelay(true)
        .no_proxy()
        .tls_certs_only([])
        .build()?;
    let upstream = Data::new(Upstream {
        client,
        url: format!("http://{upstream}/v1/chat/completions"),
    });
    rt::System::new().block_on(async move {
        let app = move || {
            App::new()
                .app_data(upstream.clone())
                .route("/v1/chat/completions", post().to(pass_on))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .tcp_nodelay(true)
            .bind(("127.0.0.1", 0))?;
        serve(server.addrs()[0], server.run()).await
    })
}

async fn pass_on(upstream: Data<Upstream>, body: Bytes) -> HttpResponse {
    match forward(&upstream, body).await {
        Ok(response) => response,
        Err(_) => HttpResponse::BadGateway().finish(),
    }
}

async fn forward(upstream: &Upstream, body: Bytes) -> Result<HttpResponse, reqwest::Error> {
    let request = upstream
        .client
        .post(&upstream.url)
        .header("content-type", "application/json");
    let reply = request.body(body).send().await?;
    let status = StatusCode::from_u16(reply.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = HttpResponse::build(status);
    if let Some(kind) = reply.headers().get("content-type") {
        response.insert_header(("content-type", kind.as_bytes()));
    }
    Ok(match reply.content_length() {
        Some(_) => response.body(reply.bytes().await?),
        None => response.streaming(reply.bytes_stream()),
    })
}

/// Serves until standard input closes.
async fn serve(address: SocketAddr, server: Server) -> Result<(), Fault> {
    std::thread::spawn(move || {
        process::announce(address);
        std::process::exit(0);
    });
    Ok(server.await?)
}
