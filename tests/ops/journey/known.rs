//! What is known of a journey: what was acknowledged, what is under way, and whether the gateway holds both.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::evidence::texts;
use crate::helpers::{Place, audit_trail};
use crate::http::Reply;

use super::client::{Client, Question};
use super::route::STEPS;
use super::shape::{Shape, UnderWay, look};

/// Ten times the interval at which answers are flushed here, and far more than a decision takes.
const FLUSHED: Duration = Duration::from_secs(1);

const CITIES: [&str; 16] = [
    "Paris", "Rome", "Madrid", "Lisbon", "Berlin", "Vienna", "Prague", "Warsaw", "Dublin", "Oslo",
    "Athens", "Sofia", "Cairo", "Tunis", "Lagos", "Accra",
];
/// One before the change and those whose hits are wrong after it.
const CITIES_OF_ONE: usize = 5;

/// A decision that was told.
pub(super) struct Told {
    pub(super) request: String,
    pub(super) user: &'static str,
    pub(super) when: Instant,
    pub(super) cache: String,
    /// As it was explained; none before that was asked for.
    pub(super) explained: Option<Value>,
}

/// One journey through a namespace of its own.
pub(super) struct Lap {
    pub(super) number: usize,
    pub(super) namespace: String,
    pub(super) next: usize,
    pub(super) shape: Shape,
    pub(super) under_way: Option<UnderWay>,
    pub(super) told: Vec<Told>,
    /// Answered by a provider, and when.
    pub(super) asked: BTreeMap<Question, Instant>,
    /// What memory does not answer any more.
    pub(super) gone: BTreeSet<Question>,
    /// Whether a person's entries were deleted.
    pub(super) wiped: bool,
    /// The hit that is spoken of.
    pub(super) hit: Option<String>,
}

impl Lap {
    pub(super) fn new(number: usize) -> Self {
        Self {
            number,
            namespace: format!("acme/lap{number}"),
            next: 0,
            shape: Shape {
                versions: vec![0.8],
                ..Shape::default()
            },
            under_way: None,
            told: Vec::new(),
            asked: BTreeMap::new(),
            gone: BTreeSet::new(),
            wiped: false,
            hit: None,
        }
    }

    /// Holds the namespace against what is known of it, and learns how what was under way has ended.
    pub(super) fn settle(&mut self, client: &Client<'_>) -> io::Result<()> {
        let seen = look(client, &self.namespace)?;
        let Some(under_way) = &self.under_way else {
            assert_eq!(
                seen, self.shape,
                "{}: nothing was under way",
                self.namespace
            );
            return Ok(());
        };
        if let (false, Some(doubtful)) = (under_way.acknowledged, &under_way.gone) {
            self.asked.remove(doubtful);
        }
        let undone = seen == self.shape && !under_way.acknowledged;
        let done = under_way.becomes.contains(&seen);
        assert!(
            done || undone,
            "{seen:?}\nwas {:?}\n{under_way:?}",
            self.shape
        );
        if under_way.acknowledged {
            self.gone.extend(under_way.gone.clone());
        }
        self.shape = seen;
        self.under_way = None;
        Ok(())
    }
}

impl Lap {
    pub(super) fn city(&self, place: usize) -> &'static str {
        CITIES[(self.number * CITIES_OF_ONE + place) % CITIES.len()]
    }

    pub(super) fn first(&self, place: usize) -> Question {
        let city = self.city(place);
        question("", format!("How do I get to the airport of {city}?"), city)
    }

    pub(super) fn reworded(&self, place: usize) -> Question {
        let city = self.city(place);
        question("", format!("How do I get to the {city} airport?"), city)
    }

    pub(super) fn ticket(&self) -> Question {
        question(
            "",
            format!("How do I buy a ticket in {}?", self.city(0)),
            "ticket",
        )
    }

    pub(super) fn bread(&self) -> Question {
        question("", format!("Who bakes bread in {}?", self.city(0)), "bread")
    }

    pub(super) fn of_ann(&self) -> Question {
        question(
            "ann",
            format!("When does the {} begin?", self.festival()),
            "begin",
        )
    }

    pub(super) fn of_bob(&self) -> Question {
        Question {
            user: "bob",
            text: self.of_ann().text.to_lowercase().replace('?', ""),
            ..self.of_ann()
        }
    }

    /// Makes a change: what the namespace becomes by it, and what memory does not answer any more.
    pub(super) fn change(
        &mut self,
        client: &Client<'_>,
        becomes: Vec<Shape>,
        gone: Option<Question>,
        send: impl FnOnce() -> io::Result<Reply>,
    ) -> io::Result<Value> {
        let under_way = UnderWay {
            becomes,
            gone,
            acknowledged: false,
        };
        let under_way = self.under_way.insert(under_way);
        let reply = send()?;
        assert_eq!(reply.status, 200, "{under_way:?}: {reply:?}");
        under_way.acknowledged = true;
        self.settle(client)?;
        Ok(reply.json())
    }

    pub(super) fn told(&mut self, asked: &Question, reply: &Reply) -> String {
        let request = reply.header("x-reprise-request-id").unwrap().to_owned();
        let told = Told {
            request: request.clone(),
            user: asked.user,
            when: Instant::now(),
            cache: reply.cache().to_owned(),
            explained: None,
        };
        self.told.push(told);
        request
    }
}

pub(super) fn question(user: &'static str, text: String, about: &str) -> Question {
    Question {
        user,
        text,
        about: about.to_owned(),
    }
}

/// All journeys so far.
#[derive(Default)]
pub(super) struct Known {
    pub(super) laps: Vec<Lap>,
    pub(super) died: Option<Instant>,
    lost: usize,
}

impl Known {
    /// Holds a gateway that was killed and is there again against what is known. The last two journeys are
    /// looked at, or `all`.
    pub(super) fn check(
        &mut self,
        client: &Client<'_>,
        place: &Place,
        all: bool,
    ) -> io::Result<()> {
        let died = self.died.unwrap_or_else(Instant::now);
        let from = if all {
            0
        } else {
            self.laps.len().saturating_sub(2)
        };
        for lap in &mut self.laps[from..] {
            lap.settle(client)?;
            self.lost += lap.explained(client, died)?;
            lap.remembered(client, died)?;
            lap.forgotten(client, place)?;
            lap.audited(place);
        }
        Ok(())
    }

    /// Whether the last journey is over.
    pub(super) fn is_at_an_end(&self) -> bool {
        self.laps.last().is_some_and(|lap| lap.next == STEPS.len())
    }

    pub(super) fn summary(&self) -> String {
        let told: usize = self.laps.iter().map(|l| l.told.len()).sum();
        let labels: usize = self.laps.iter().map(|l| l.shape.labels.len()).sum();
        let versions: usize = self.laps.iter().map(|l| l.shape.versions.len() - 1).sum();
        format!(
            "{} journeys, {versions} versions, {labels} labels, {told} decisions explained, {} of the last second lost",
            self.laps.len(),
            self.lost
        )
    }
}

impl Lap {
    /// Decisions are told as they were; how many of the last moment are lost, of which nobody can speak any more.
    fn explained(&mut self, client: &Client<'_>, died: Instant) -> io::Result<usize> {
        let mut lost = Vec::new();
        for (place, told) in self.told.iter_mut().enumerate() {
            let path = format!("/admin/v1/explain/{}", told.request);
            let reply = client.send(&client.keys.analyst, ("GET", &path), &[], None)?;
            if reply.status == 404 {
                let safe = told.explained.is_some() || died.duration_since(told.when) > FLUSHED;
                assert!(!safe, "{} is lost", told.request);
                let said = json!({"request_id": told.request, "verdict": "right"});
                let label = client.post(&client.keys.analyst, "/admin/v1/labels", &said)?;
                assert_eq!(label.status, 404, "{label:?}");
                lost.push(place);
                continue;
            }
            assert_eq!(reply.status, 200, "{reply:?}");
            let now = reply.json()["decision"].clone();
            let outcomes: &[&str] = match told.cache.as_str() {
                "hit-exact" => &["hit_exact"],
                "hit-semantic" => &["hit"],
                _ => &["miss", "near_miss"],
            };
            let outcome = now["outcome"].as_str().unwrap();
            assert!(outcomes.contains(&outcome), "{now}");
            let before = told.explained.get_or_insert_with(|| now.clone());
            assert_eq!(*before, now);
        }
        for place in lost.iter().rev() {
            self.told.remove(*place);
        }
        Ok(lost.len())
    }

    /// Answers are there unless they came in the last moment.
    fn remembered(&mut self, client: &Client<'_>, died: Instant) -> io::Result<()> {
        let mut lost = Vec::new();
        for (question, when) in &self.asked {
            if self.gone.contains(question) {
                continue;
            }
            let reply = client.recall(self, question)?;
            let safe = died.saturating_duration_since(*when) > FLUSHED;
            let there = reply.cache() == "hit-exact";
            assert!(there || !safe, "{question:?}: {reply:?}");
            lost.extend((!there).then(|| question.clone()));
        }
        self.asked.retain(|question, _| !lost.contains(question));
        Ok(())
    }

    fn forgotten(&self, client: &Client<'_>, place: &Place) -> io::Result<()> {
        // Asked again her words would be in the decision about that.
        for question in self.gone.iter().filter(|q| q.user.is_empty()) {
            let reply = client.recall(self, question)?;
            assert_eq!(reply.status, 504, "{question:?} is back: {reply:?}");
        }
        if self.wiped {
            assert_eq!(texts(place, &self.festival()), 0);
            let path = "/admin/v1/entries?tenant=acme&user=ann&limit=1000";
            let left = client.send(&client.keys.admin, ("GET", path), &[], None)?;
            assert!(!left.body.contains(&self.festival()), "{left:?}");
        }
        Ok(())
    }

    /// Each version is accounted for.
    fn audited(&self, place: &Place) {
        let trail = audit_trail(&place.data);
        for version in 1..self.shape.versions.len() {
            let told = trail.iter().any(|line| {
                line["action"] == "policy.put"
                    && line["target"] == self.namespace.as_str()
                    && line["after"]["version"] == version
                    && line["after"]["threshold"] == self.shape.versions[version]
            });
            assert!(told, "version {version} of {}", self.namespace);
        }
    }

    pub(super) fn festival(&self) -> String {
        format!("Zephyrine {} festival", self.number)
    }
}
