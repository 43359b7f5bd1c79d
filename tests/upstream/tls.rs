//! Connections by TLS: to whom they are made, and to whom not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use reprise::chat::Dialect;
use reprise::config::KeyHeader;
use reprise::dialect::chat::Taste;
use reprise::provider::{Call, FailureKind, Outbound, Provider, Setup, openai};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::{PATIENT, body, no_headers, whole};

const AUTHORITY: &[u8] = include_bytes!("../data/tls/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("../data/tls/server.pem");
const KEY: &[u8] = include_bytes!("../data/tls/server.key");

const ANSWER: &str = r#"{"choices":[{"message":{"content":"sealed"},"finish_reason":"stop"}]}"#;

/// Answers one request after the other, each on a connection of its own, for as long as the test runs.
fn server(at: &str) -> SocketAddr {
    let chain = CertificateDer::pem_slice_iter(CERTIFICATE).map(Result::unwrap);
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.collect(), key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind((at, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut sealed = StreamOwned::new(connection, stream);
            // Whoever does not trust it leaves before the request.
            if sealed.read(&mut [0; 16 * 1024]).is_ok_and(|read| read > 0) {
                let length = ANSWER.len();
                let head = format!("content-type: application/json\r\ncontent-length: {length}");
                let reply =
                    format!("HTTP/1.1 200 OK\r\n{head}\r\nconnection: close\r\n\r\n{ANSWER}");
                let _ = sealed.write_all(reply.as_bytes());
                sealed.conn.send_close_notify();
                let _ = sealed.flush();
            }
        }
    });
    address
}

async fn ask(address: SocketAddr, host: &str, outbound: Outbound) -> Result<String, FailureKind> {
    let setup = Setup {
        name: "sealed".into(),
        base_url: format!("https://{host}:{}/v1", address.port()),
        key: None,
        key_header: KeyHeader::Bearer,
        query: Vec::new(),
        outbound,
        connect: PATIENT.first_byte,
    };
    let provider = openai(setup, Taste::default()).unwrap();
    let call = Call {
        model: "m".into(),
        dialect: Dialect::Chat,
        body: body("m", false).to_string().into(),
        stream: false,
        headers: no_headers(),
        deadlines: PATIENT,
    };
    let reply = provider.chat(call).await;
    reply.map(|reply| whole(reply).text()).map_err(|f| f.kind)
}

fn trusting() -> Outbound {
    Outbound::default().trusting(AUTHORITY).unwrap()
}

#[tokio::test]
async fn a_server_is_trusted_by_an_authority_of_ones_own() {
    let told = ask(server("127.0.0.1"), "127.0.0.1", trusting()).await;
    assert_eq!(told.as_deref(), Ok("sealed"));
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_gets_no_request() {
    let told = ask(server("127.0.0.1"), "127.0.0.1", Outbound::default()).await;
    assert_eq!(told, Err(FailureKind::Connect));
    // Its certificate is for other names.
    let told = ask(server("127.0.0.2"), "127.0.0.2", trusting()).await;
    assert_eq!(told, Err(FailureKind::Connect));
}
