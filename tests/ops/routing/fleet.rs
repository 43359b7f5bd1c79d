//! Several mock upstreams as providers `a`, `b`, `c` … behind one gateway, which remembers nothing unless told to.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::helpers::{CHAT, Gateway, Place, chat};
use crate::http::{Reply, try_send};
use crate::mock::Mock;

/// Questions for which somebody answers, and nothing more.
pub(super) const PLAIN: &str = "mock-plain";

/// One to be started.
pub(super) struct Fleet {
    mocks: Vec<Mock>,
    place: Place,
    more: BTreeMap<usize, String>,
}

/// A started one.
pub(super) struct Sailing {
    pub(super) mocks: Vec<Mock>,
    pub(super) gateway: Gateway,
    pub(super) place: Place,
}

impl Fleet {
    /// So many providers, each of which answers every model; each call is made once and nobody is left alone.
    pub(super) fn of(providers: usize) -> Self {
        let mocks: Vec<_> = (0..providers).map(|_| Mock::start().unwrap()).collect();
        let place = Place::new(&mocks[0])
            .with("REPRISE_CACHE__ENABLED", "false")
            .with("REPRISE_RETRY__MAX_ATTEMPTS", "1")
            .with("REPRISE_RETRY__QUEUE_MS", "0")
            .with("REPRISE_BREAKER__CONSECUTIVE_FAILURES", "0")
            .with("REPRISE_BREAKER__MIN_REQUESTS", "1000000");
        let more = BTreeMap::new();
        Self { mocks, place, more }
    }

    /// Sets what is named by `section.name`.
    pub(super) fn with(self, setting: &str, value: &str) -> Self {
        let name = setting.replace('.', "__").to_uppercase();
        let place = self.place.with(&format!("REPRISE_{name}"), value);
        Self { place, ..self }
    }

    /// Says more of one provider.
    pub(super) fn provider(mut self, at: usize, more: &str) -> Self {
        self.more.insert(at, format!(", {more}"));
        self
    }

    /// The model `m` goes there.
    pub(super) fn route(self, candidates: &str) -> Self {
        self.with(
            "routes",
            &format!("[{{ model = 'm', candidates = [{candidates}] }}]"),
        )
    }

    /// The model `m` goes to a group of these.
    pub(super) fn group(self, strategy: &str, members: &str) -> Self {
        let group = format!("[{{ name = 'g', strategy = '{strategy}', members = [{members}] }}]");
        self.with("groups", &group).route("{ group = 'g' }")
    }

    /// The same with its providers told, and keys of an app and of an admin.
    pub(super) fn with_keys(self) -> (Self, String, String) {
        let fleet = self.manned();
        let (app, admin) = (
            fleet.place.key("acme", "app"),
            fleet.place.key("root", "admin"),
        );
        (fleet, app, admin)
    }

    fn manned(self) -> Self {
        let mut list = String::new();
        for (at, mock) in self.mocks.iter().enumerate() {
            let more = self.more.get(&at).map_or("", String::as_str);
            let (name, url) = (name(at), mock.base_url());
            list += &format!("{{ name = '{name}', base_url = '{url}'{more} }},");
        }
        self.with("providers", &format!("[{list}]"))
    }

    pub(super) fn start(self) -> Sailing {
        let Self { mocks, place, .. } = self.manned();
        let gateway = place.start();
        Sailing {
            mocks,
            gateway,
            place,
        }
    }
}

fn name(at: usize) -> char {
    char::from(b'a' + u8::try_from(at).unwrap())
}

impl Sailing {
    /// How many calls each provider got.
    pub(super) fn calls(&self) -> Vec<u64> {
        self.mocks.iter().map(|mock| mock.seen().count()).collect()
    }

    /// Asks for the model `m`.
    pub(super) fn ask(&self) -> Reply {
        self.ask_as(&[])
    }

    /// The same with headers.
    pub(super) fn ask_as(&self, headers: &[(&str, &str)]) -> Reply {
        let body = chat("m", "Where does this go?");
        self.gateway.send(CHAT, headers, Some(&body))
    }

    /// Asks for any model.
    pub(super) fn ask_for(&self, model: &str) -> Reply {
        let body = chat(model, "Where does this go?");
        self.gateway.send(CHAT, &[], Some(&body))
    }

    /// Asks so often at so many connections; all that came back.
    pub(super) fn ask_often(
        &self,
        times: usize,
        connections: usize,
        body: impl Fn(usize) -> String + Sync,
    ) -> Vec<Reply> {
        let next = AtomicUsize::new(0);
        let client = || {
            let mut replies = Vec::new();
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= times {
                    return replies;
                }
                let reply = try_send(self.gateway.address, CHAT, &[], Some(&body(turn)));
                replies.push(reply.unwrap());
            }
        };
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..connections).map(|_| scope.spawn(client)).collect();
            let replies = clients.into_iter().flat_map(|c| c.join().unwrap());
            replies.collect()
        })
    }

    /// What the gateway tells of how a provider's model stands.
    pub(super) fn state(&self, provider: char, model: &str) -> Option<u8> {
        let page = self.gateway.get("/metrics", None).body;
        let row = format!("reprise_upstream_state{{provider=\"{provider}\",model=\"{model}\"}} ");
        let state = page.lines().find_map(|line| line.strip_prefix(&row))?;
        state.parse().ok()
    }
}

impl Deref for Sailing {
    type Target = Gateway;

    fn deref(&self) -> &Gateway {
        &self.gateway
    }
}

/// A question for the model `m`, not asked before.
pub(super) fn fresh(turn: usize) -> String {
    chat("m", &format!("What is number {turn}?"))
}

/// A streamed one.
pub(super) fn streamed(model: &str) -> String {
    crate::helpers::streamed(model, "Where does this go?")
}

/// A question with more members.
pub(super) fn asked(more: serde_json::Value) -> String {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "See?"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

/// Who answered.
pub(super) fn provider(reply: &Reply) -> &str {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.header("x-reprise-provider").unwrap_or_default()
}

/// In how many seconds to come back.
pub(super) fn retry_after(reply: &Reply) -> u64 {
    let told = reply.header("retry-after");
    told.and_then(|told| told.parse().ok())
        .unwrap_or_else(|| panic!("no retry-after: {reply:?}"))
}

pub(super) fn all_well(replies: &[Reply]) {
    for reply in replies {
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}
