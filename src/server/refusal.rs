//! What the HTTP library refuses by itself: a request that it cannot parse, or whose head is too
//! large or too slow. It answers with a bare head and offers no hook; here such a head is told
//! from an answer of ours, and gets ids and a body like every other fault.

use super::reply;
use crate::gateway::error::{ApiError, Code};

/// Headers that a request may have: the library parses no more.
pub(super) const HEADERS: usize = 96;
/// KiB that all header names and values may take together.
pub(super) const HEAD_KIB: usize = 64;

/// No bare head is longer.
const LONGEST: usize = 192;

/// Where a bare refusal begins in bytes that are about to be written, which it then ends, and
/// what it means. Answers of ours carry a request id and are never taken for one.
pub(super) fn find(bytes: &[u8]) -> Option<(usize, Code)> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let from = bytes.len().saturating_sub(LONGEST);
    let begun = |window: &[u8]| window == b"HTTP/1.";
    let start = from + bytes[from..].windows(7).rposition(begun)?;
    let mut lines = std::str::from_utf8(&bytes[start..]).ok()?.split("\r\n");
    let code = match lines.next()?.split(' ').nth(1)? {
        "400" => Code::InvalidRequest,
        "408" => Code::RequestTimeout,
        "431" => Code::HeadersTooLarge,
        "500" => Code::Internal,
        _ => return None,
    };
    // Right behind the status line, where no header's value that looks like one can have it.
    let is_empty = lines.next()? == "content-length: 0";
    let bare = |line: &str| {
        line.is_empty() || line.starts_with("connection: ") || line.starts_with("date: ")
    };
    (is_empty && lines.all(bare)).then_some((start, code))
}

/// The whole answer in place of a bare head.
pub(super) fn dressed(bare: &[u8], code: Code) -> Vec<u8> {
    let answer = reply::fault(&error(code));
    let mut bytes = Vec::with_capacity(512);
    for line in bare.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b"HTTP/") || line.starts_with(b"date: ") {
            bytes.extend_from_slice(line);
        }
    }
    for (name, value) in answer.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let body = error_body(answer);
    let end = format!(
        "content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    bytes.extend_from_slice(end.as_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

fn error_body(answer: actix_web::HttpResponse) -> bytes::Bytes {
    use actix_web::body::MessageBody;
    // The body of an error is whole from the start.
    answer.into_body().try_into_bytes().unwrap_or_default()
}

/// The error behind a refusal.
pub(super) fn error(code: Code) -> ApiError {
    let message = match code {
        Code::RequestTimeout => "The head of the request did not arrive in time.".into(),
        Code::HeadersTooLarge => {
            format!("The request has more than {HEADERS} headers, or {HEAD_KIB} KiB of them.")
        }
        Code::Internal => "The request failed.".into(),
        _ => "The request is not valid HTTP/1.1.".into(),
    };
    ApiError::new(code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\
        date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";

    #[test]
    fn a_bare_refusal_is_found_at_the_end_of_what_is_written() {
        assert_eq!(find(BARE.as_bytes()), Some((0, Code::InvalidRequest)));
        let behind = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{{}}{BARE}");
        let start = behind.len() - BARE.len();
        assert_eq!(find(behind.as_bytes()), Some((start, Code::InvalidRequest)));
    }

    #[test]
    fn an_answer_of_the_application_is_no_bare_refusal() {
        for answer in [
            "",
            "\r\n\r\n",
            "0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 12\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nx-request-id: req_1\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-told: HTTP/1.1 400 Bad\r\ndate: x\r\n\r\n",
        ] {
            assert_eq!(find(answer.as_bytes()), None, "{answer:?}");
        }
    }

    #[test]
    fn a_dressed_refusal_keeps_its_status_and_date_and_says_how_long_it_is() {
        let told = String::from_utf8(dressed(BARE.as_bytes(), Code::InvalidRequest)).unwrap();
        let (head, body) = told.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\ndate: Thu, 01 Jan 1970"));
        let length = format!("content-length: {}", body.len());
        assert_eq!(head.matches("content-length").count(), 1, "{head}");
        assert!(head.contains(&length) && head.ends_with("connection: close"));
        assert!(body.contains("invalid_request"), "{body}");
    }
}
