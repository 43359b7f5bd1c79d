//! A gateway in front of as many providers as there are cases, so that none sees another's calls.

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::clients::{Client, Heard};
use crate::helpers::{Gateway, Place, UPSTREAM_KEY};
use crate::http::Reply;
use crate::mock::Mock;

/// Cases under way at a time.
const AT_ONCE: usize = 12;

/// The dialect of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upstream {
    Openai,
    Anthropic,
    Gemini,
    Bedrock,
    Cohere,
}

/// A request to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) client: Client,
    pub(super) upstream: Upstream,
    pub(super) stream: bool,
    pub(super) fallback: bool,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) case: Case,
    pub(super) question: String,
    pub(super) heard: Heard,
    pub(super) reply: Reply,
    /// At the provider, and at the one that it falls back on.
    pub(super) calls: [u64; 2],
    pub(super) took: Duration,
}

/// The gateway and its providers.
pub(super) struct Bench {
    pub(super) gateway: Gateway,
    cases: Vec<Case>,
    mocks: Vec<Mock>,
    spare: Mock,
    _place: Place,
}

impl Upstream {
    /// Both that clients speak as well.
    pub(super) const SPOKEN: [Self; 2] = [Self::Openai, Self::Anthropic];
    pub(super) const ALL: [Self; 5] = [
        Self::Openai,
        Self::Anthropic,
        Self::Gemini,
        Self::Bedrock,
        Self::Cohere,
    ];

    fn kind(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Cohere => "cohere",
        }
    }

    /// Its base URL at a mock.
    fn base(self, mock: &Mock) -> String {
        match self {
            Self::Openai => mock.base_url(),
            Self::Gemini => mock.root_url() + "/v1beta",
            _ => mock.root_url(),
        }
    }
}

impl Case {
    /// Every client with every one of these providers, in both framings, with and without a fallback.
    pub(super) fn all(upstreams: &[Upstream]) -> Vec<Self> {
        let mut cases = Vec::new();
        for &upstream in upstreams {
            for client in Client::TALKING {
                for stream in [false, true] {
                    for fallback in [false, true] {
                        cases.push(Self {
                            client,
                            upstream,
                            stream,
                            fallback,
                        });
                    }
                }
            }
        }
        cases
    }

    /// Each of these providers with one client after the other.
    pub(super) fn some(upstreams: &[Upstream]) -> Vec<Self> {
        let clients = Client::TALKING.into_iter().cycle();
        let pairs: Vec<_> = upstreams.iter().copied().zip(clients).collect();
        let mut cases = Self::all(upstreams);
        cases.retain(|case| pairs.contains(&(case.upstream, case.client)));
        cases
    }
}

impl Bench {
    /// One whose providers answer as the model of that name does.
    pub(super) fn start(model: &str, cases: Vec<Case>, settings: &[(&str, &str)]) -> Self {
        let mocks: Vec<_> = cases.iter().map(|_| Mock::start().unwrap()).collect();
        let bases: Vec<_> = mocks
            .iter()
            .zip(&cases)
            .map(|(mock, case)| case.upstream.base(mock))
            .collect();
        Self::at(&bases, model, (cases, mocks), settings)
    }

    /// One whose providers are not there.
    pub(super) fn gone(cases: Vec<Case>, settings: &[(&str, &str)]) -> Self {
        let bases = vec!["http://127.0.0.1:1/v1".to_owned(); cases.len()];
        Self::at(&bases, "mock-plain", (cases, Vec::new()), settings)
    }

    fn at(
        bases: &[String],
        model: &str,
        (cases, mocks): (Vec<Case>, Vec<Mock>),
        settings: &[(&str, &str)],
    ) -> Self {
        let spare = Mock::start().unwrap();
        let (mut providers, mut routes) = (String::new(), String::new());
        let provider = |name: &str, kind: &str, base: &str| {
            format!(
                "{{ name = {name:?}, kind = {kind:?}, base_url = {base:?}, \
                 api_key_env = \"OPENAI_API_KEY\", models = [\"only-{name}\"] }}, "
            )
        };
        for (i, (case, base)) in cases.iter().zip(bases).enumerate() {
            providers += &provider(&format!("p{i}"), case.upstream.kind(), base);
            let fallback = match case.fallback {
                true => ", { provider = \"spare\", model = \"mock-echo\" }",
                false => "",
            };
            // What a fallback says may be remembered, so that it is seen to be whole.
            let _ = write!(
                routes,
                "{{ model = \"case-{i}\", store_fallback = true, candidates = \
                 [{{ provider = \"p{i}\", model = {model:?} }}{fallback}] }}, "
            );
        }
        providers += &provider("spare", "openai", &spare.base_url());
        routes +=
            "{ model = \"well\", candidates = [{ provider = \"spare\", model = \"mock-echo\" }] }";
        let mut place = Place::new(&spare)
            .with("REPRISE_PROVIDERS", &format!("[{providers}]"))
            .with("REPRISE_ROUTES", &format!("[{routes}]"))
            .with("REPRISE_RETRY__BASE_MS", "1")
            .with("REPRISE_RETRY__BUDGET_PER_S", "10000")
            // Nobody is left alone here.
            .with("REPRISE_BREAKER__CONSECUTIVE_FAILURES", "0")
            .with("REPRISE_BREAKER__MIN_REQUESTS", "1000000");
        for (name, value) in settings {
            place = place.with(name, value);
        }
        Self {
            gateway: place.start(),
            cases,
            mocks,
            spare,
            _place: place,
        }
    }

    /// Makes all requests, and checks of each what holds for all; `at_once` of them at a time.
    pub(super) fn run(&self, at_once: usize) -> Vec<Came> {
        let numbered: Vec<_> = self.cases.iter().copied().enumerate().collect();
        let came = numbered.chunks(at_once).flat_map(|cases| {
            std::thread::scope(|scope| {
                let asked: Vec<_> = cases
                    .iter()
                    .map(|(i, case)| scope.spawn(|| self.ask(*i, *case)))
                    .collect();
                let came = asked.into_iter();
                came.map(|one| one.join().unwrap()).collect::<Vec<_>>()
            })
        });
        let came = came.collect();
        self.is_well();
        came
    }

    /// As [`Bench::run`], as many at a time as a machine bears.
    pub(super) fn run_all(&self) -> Vec<Came> {
        self.run(AT_ONCE)
    }

    fn ask(&self, i: usize, case: Case) -> Came {
        // Long enough that a stream of it takes its time.
        let question = format!("How is it, number {i}? {}", "Go on. ".repeat(30));
        let started = Instant::now();
        let reply = self.send(i, case, &question, false);
        let took = started.elapsed();
        let heard = case.client.read(reply.status, &reply.body);
        Came {
            calls: self.calls(i, &question),
            case,
            question,
            heard,
            reply,
            took,
        }
    }

    /// What memory alone has to say to the same request, in either framing.
    pub(super) fn remembered(&self, i: usize, came: &Came, stream: bool) -> Reply {
        let case = Case {
            stream,
            ..came.case
        };
        self.send(i, case, &came.question, true)
    }

    fn send(&self, i: usize, case: Case, question: &str, only: bool) -> Reply {
        let model = format!("case-{i}");
        let body = case.client.question(&model, question, case.stream);
        let only = only.then_some(("x-reprise-cache", "only"));
        let headers: Vec<_> = only.into_iter().collect();
        let post = ("POST", case.client.path());
        let reply = self.gateway.send(post, &headers, Some(&body.to_string()));
        let told = format!("{}\n{}", reply.head, reply.body);
        assert!(!told.contains(UPSTREAM_KEY), "the key: {told}");
        let hosts = self.mocks.get(i).into_iter().chain([&self.spare]);
        for host in hosts.map(|mock| mock.address().to_string()) {
            assert!(!told.contains(&host), "an address: {told}");
        }
        reply
    }

    /// Calls for a question so far.
    pub(super) fn calls(&self, i: usize, question: &str) -> [u64; 2] {
        let at_first = self.mocks.get(i);
        let at_first = at_first.map_or_else(|| self.attempts(i), |mock| mock.seen().count());
        let requests = self.spare.seen().requests();
        let of_this = |request: &&serde_json::Value| request.to_string().contains(question);
        [at_first, requests.iter().filter(of_this).count() as u64]
    }

    /// The same where nobody is there to count them.
    fn attempts(&self, i: usize) -> u64 {
        let metrics = self.gateway.get("/metrics", None).body;
        let of_this = format!("reprise_upstream_attempts_total{{provider=\"p{i}\"");
        let counts = metrics.lines().filter(|line| line.starts_with(&of_this));
        let counts = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        counts.sum()
    }

    /// Each client is answered as ever.
    fn is_well(&self) {
        for client in Client::TALKING {
            for stream in [false, true] {
                let question = format!("Are you well, {client:?}, {stream}?");
                let body = client.question("well", &question, stream).to_string();
                let reply = self.gateway.send(("POST", client.path()), &[], Some(&body));
                let said = client.read(reply.status, &reply.body).said();
                assert_eq!(said.text, question);
            }
        }
        assert_eq!(self.gateway.get("/readyz", None).status, 200);
    }
}
