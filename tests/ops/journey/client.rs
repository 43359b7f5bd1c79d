//! A running gateway and those who speak with it, until it is gone.

use std::io;
use std::net::SocketAddr;

use serde_json::Value;

use crate::helpers::{CHAT, Gateway, chat};
use crate::http::{Reply, try_send};

use super::known::Lap;

pub(super) struct Keys {
    pub(super) app: String,
    pub(super) foreign: String,
    pub(super) analyst: String,
    pub(super) admin: String,
}

pub(super) struct Client<'a> {
    address: SocketAddr,
    pub(super) keys: &'a Keys,
}

impl<'a> Client<'a> {
    pub(super) fn new(gateway: &Gateway, keys: &'a Keys) -> Self {
        Self {
            address: gateway.address,
            keys,
        }
    }

    /// An error if the gateway died before all of the reply was there.
    pub(super) fn send(
        &self,
        key: &str,
        request: (&str, &str),
        more: &[(&str, &str)],
        body: Option<&str>,
    ) -> io::Result<Reply> {
        let bearer = format!("Bearer {key}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(more);
        let reply = try_send(self.address, request, &headers, body)?;
        let length = reply.header("content-length").map(str::parse::<usize>);
        match length {
            Some(Ok(length)) if length > reply.body.len() => {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            _ => Ok(reply),
        }
    }

    pub(super) fn get(&self, path: &str) -> io::Result<Value> {
        let reply = self.send(&self.keys.analyst, ("GET", path), &[], None)?;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        Ok(reply.json())
    }

    pub(super) fn post(&self, key: &str, path: &str, body: &Value) -> io::Result<Reply> {
        self.send(key, ("POST", path), &[], Some(&body.to_string()))
    }

    /// The answer to a question, which must be one to this question, whoever gave it.
    pub(super) fn ask(
        &self,
        lap: &Lap,
        question: &Question,
        more: &[(&str, &str)],
    ) -> io::Result<Reply> {
        let namespace = lap.namespace.as_str();
        let mut headers = vec![("x-reprise-namespace", namespace)];
        headers.extend((!question.user.is_empty()).then_some(("x-reprise-user", question.user)));
        headers.extend(more);
        let body = chat("mock-plain", &question.text);
        let reply = self.send(&self.keys.app, CHAT, &headers, Some(&body))?;
        assert!(
            [200, 504].contains(&reply.status),
            "{question:?}: {reply:?}"
        );
        let right = reply.status == 504 || reply.text().contains(&question.about);
        assert!(
            right && !reply.body.contains("reach"),
            "{question:?}: {reply:?}"
        );
        Ok(reply)
    }

    /// The same from memory alone.
    pub(super) fn recall(&self, lap: &Lap, question: &Question) -> io::Result<Reply> {
        self.ask(lap, question, &[("x-reprise-cache", "only")])
    }
}

/// A question, who asks it, and what its answer must speak of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    pub(super) text: String,
    pub(super) user: &'static str,
    pub(super) about: String,
}
