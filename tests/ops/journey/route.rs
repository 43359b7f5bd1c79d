//! The way that an analyst goes, step by step. A step that was cut off is gone again, so each looks first at what is done.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::helpers::{CHAT, chat};
use crate::http::Reply;

use super::client::{Client, Question};
use super::known::{Known, Lap, question};
use super::shape::Shape;

const PATIENCE: Duration = Duration::from_secs(15);
/// The first of the steps in which hits of a change are wrong.
const FIRST_ERR: usize = 12;

type Step = fn(&Client<'_>, &mut Lap) -> io::Result<()>;

pub(super) const STEPS: [Step; 22] = [
    strangers,
    asks,
    rewords,
    reports,
    looks,
    judges,
    corrects,
    puts,
    drafts,
    shadows,
    shares,
    applies,
    errs,
    errs,
    errs,
    errs,
    goes_back,
    tags,
    invalidates,
    persons,
    deletes,
    forgets,
];

/// Goes on until the gateway is gone.
pub(super) fn walk(client: &Client<'_>, known: &mut Known) -> io::Error {
    loop {
        if let Err(error) = step(client, known) {
            return error;
        }
    }
}

/// Goes one step, the first one of another lap after the last one of this.
pub(super) fn step(client: &Client<'_>, known: &mut Known) -> io::Result<()> {
    if known.laps.is_empty() || known.is_at_an_end() {
        known.laps.push(Lap::new(known.laps.len()));
    }
    let lap = known.laps.last_mut().unwrap();
    STEPS[lap.next](client, lap)?;
    lap.next += 1;
    Ok(())
}

/// Asks memory until it answers in that way, which may take until its index is read.
fn recalled(client: &Client<'_>, lap: &Lap, asked: &Question, wanted: &str) -> io::Result<Reply> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let reply = client.recall(lap, asked)?;
        if reply.cache() == wanted {
            return Ok(reply);
        }
        assert!(
            Instant::now() < deadline,
            "no {wanted} for {asked:?}: {reply:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Asks until it is remembered.
fn teach(client: &Client<'_>, lap: &mut Lap, asked: &Question, tag: &str) -> io::Result<()> {
    let reply = client.ask(lap, asked, &[("x-reprise-tags", tag)])?;
    if reply.cache() == "miss" {
        lap.told(asked, &reply);
        lap.asked.insert(asked.clone(), Instant::now());
    }
    recalled(client, lap, asked, "hit-exact").map(drop)
}

/// A hit of another wording; the request.
fn hit(client: &Client<'_>, lap: &mut Lap, asked: &Question) -> io::Result<String> {
    let reply = recalled(client, lap, asked, "hit-semantic")?;
    Ok(lap.told(asked, &reply))
}

/// Another tenant asks much the same.
fn strangers(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    let asked = format!("How do I reach the airport of {}?", lap.city(0));
    let reply = client.send(
        &client.keys.foreign,
        CHAT,
        &[],
        Some(&chat("mock-plain", &asked)),
    )?;
    assert!(reply.text().contains(&asked), "{reply:?}");
    Ok(())
}

fn asks(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    let first = lap.first(0);
    teach(client, lap, &first, "places")?;
    let again = client.ask(lap, &first, &[])?;
    assert_eq!(again.cache(), "hit-exact", "{again:?}");
    lap.told(&first, &again);
    Ok(())
}

fn rewords(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    teach(client, lap, &lap.first(0), "places")?;
    let request = hit(client, lap, &lap.reworded(0))?;
    client.get(&format!("/admin/v1/explain/{request}"))?;
    // It was told of, and so it is on disk.
    lap.hit = Some(request);
    Ok(())
}

fn reports(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    let (request, asked) = (lap.hit.clone().unwrap(), lap.reworded(0));
    let said = json!({"request_id": request, "verdict": "wrong"});
    let becomes = vec![lap.shape.label(&request, "app", "wrong", false)];
    let told = lap.change(client, becomes, Some(asked), || {
        client.post(&client.keys.app, "/v1/feedback", &said)
    })?;
    assert_eq!(told["effect"], "blocked");
    let explained = client.get(&format!("/admin/v1/explain/{request}"))?;
    assert_eq!(explained["labels"][0]["verdict"], "wrong", "{explained}");
    Ok(())
}

fn looks(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    for what in ["curve", "quality", "decisions", "queue"] {
        client.get(&format!("/admin/v1/{what}?namespace={}", lap.namespace))?;
    }
    Ok(())
}

/// Says of what the queue gives that it is right.
fn judges(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    if lap
        .shape
        .labels
        .iter()
        .any(|(.., verdict, _)| verdict == "right")
    {
        return Ok(());
    }
    let wide = question(
        "",
        format!("How can I get to the airport of {}?", lap.city(0)),
        lap.city(0),
    );
    teach(client, lap, &lap.first(0), "places")?;
    client.recall(lap, &wide)?;
    let queue = client.get(&format!("/admin/v1/queue?namespace={}", lap.namespace))?;
    let mut rows = queue["data"].as_array().unwrap().iter();
    let row = rows
        .find(|row| row["question"] == wide.text.as_str())
        .unwrap();
    let request = row["request_id"].as_str().unwrap();
    let becomes = vec![lap.shape.label(request, "analyst", "right", true)];
    lap.change(client, becomes, None, || says(client, request, "right"))?;
    Ok(())
}

fn says(client: &Client<'_>, request: &str, verdict: &str) -> io::Result<Reply> {
    let said = json!({"request_id": request, "verdict": verdict, "queue": "random"});
    client.post(&client.keys.analyst, "/admin/v1/labels", &said)
}

/// Speaks of what the app spoke of, and says that chance chose it.
fn corrects(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    let request = lap.hit.clone().unwrap();
    let becomes = vec![lap.shape.label(&request, "analyst", "wrong", true)];
    lap.change(client, becomes, None, || says(client, &request, "wrong"))?;
    Ok(())
}

fn puts(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    if lap.shape.versions.len() > 1 {
        return Ok(());
    }
    let becomes = vec![lap.shape.version(0.81)];
    let path = format!("/admin/v1/policies/{}", lap.namespace);
    lap.change(client, becomes, None, || {
        let policy = json!({"threshold": 0.81, "reason": "too many wrong"}).to_string();
        client.send(
            &client.keys.analyst,
            ("PUT", &path),
            &[("if-match", "\"0\"")],
            Some(&policy),
        )
    })?;
    Ok(())
}

fn loose(lap: &Lap) -> Value {
    json!({"namespace": lap.namespace, "policy": {"threshold": 0.8, "reason": "more hits"}})
}

fn drafts(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    client.post(&client.keys.analyst, "/admin/v1/preview", &loose(lap))?;
    if !lap.shape.changes.is_empty() {
        return Ok(());
    }
    let (becomes, draft) = (vec![lap.shape.stage("draft")], loose(lap));
    lap.change(client, becomes, None, || {
        client.post(&client.keys.analyst, "/admin/v1/changes", &draft)
    })?;
    Ok(())
}

/// Moves the change on from `before`, unless it is there already.
fn moves(
    client: &Client<'_>,
    lap: &mut Lap,
    before: &str,
    to: &Value,
    becomes: Shape,
) -> io::Result<()> {
    if lap.shape.changes != [before] {
        return Ok(());
    }
    let changes = client.get(&format!("/admin/v1/changes?namespace={}", lap.namespace))?;
    let path = format!(
        "/admin/v1/changes/{}",
        changes["data"][0]["id"].as_str().unwrap()
    );
    lap.change(client, vec![becomes], None, || {
        client.post(&client.keys.analyst, &path, to)
    })?;
    Ok(())
}

fn shadows(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    let becomes = lap.shape.stage("shadow");
    moves(client, lap, "draft", &json!({"stage": "shadow"}), becomes)
}

fn shares(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    let becomes = lap.shape.stage("share");
    moves(
        client,
        lap,
        "shadow",
        &json!({"stage": "share", "share": 0.5}),
        becomes,
    )
}

fn applies(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    let becomes = lap.shape.stage("applied").version(0.8);
    moves(client, lap, "share", &json!({"stage": "applied"}), becomes)?;
    client.get(&format!("/admin/v1/quality?namespace={}", lap.namespace))?;
    Ok(())
}

/// One more hit of the change is wrong, until that rolls it back.
fn errs(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    let wrong =
        |(_, by, said, _): &&(String, String, String, bool)| by == "analyst" && said == "wrong";
    // The first one was before the change.
    let place = lap.shape.labels.iter().filter(wrong).count();
    if place > lap.next - FIRST_ERR + 1 {
        return Ok(());
    }
    let (first, other) = (lap.first(place), lap.reworded(place));
    teach(client, lap, &first, "places")?;
    let request = hit(client, lap, &other)?;
    let said = lap.shape.label(&request, "analyst", "wrong", true);
    let mut becomes = vec![said.clone()];
    if said.changes == ["applied"] {
        becomes.push(said.stage("rolled_back").version(0.81));
    }
    lap.change(client, becomes, Some(other), || {
        says(client, &request, "wrong")
    })?;
    Ok(())
}

/// The change was rolled back by itself; by hand it goes back to the beginning.
fn goes_back(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    assert_eq!(lap.shape.changes, ["rolled_back"]);
    if lap.shape.versions.len() > 4 {
        return Ok(());
    }
    let becomes = vec![lap.shape.version(0.8)];
    let back = json!({"namespace": lap.namespace, "version": 0, "reason": "as it was"});
    lap.change(client, becomes, None, || {
        client.post(&client.keys.analyst, "/admin/v1/rollback", &back)
    })?;
    Ok(())
}

fn tags(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    let tag = format!("lap{}", lap.number);
    let asked = lap.ticket();
    teach(client, lap, &asked, &tag)
}

fn invalidates(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    let what = json!({"tag": format!("lap{}", lap.number), "reason": "new prices"});
    let (becomes, gone) = (vec![lap.shape.clone()], lap.ticket());
    lap.change(client, becomes, Some(gone), || {
        client.post(&client.keys.analyst, "/admin/v1/invalidate", &what)
    })?;
    Ok(())
}

/// What one asks is met by another, so that a decision of his holds her words.
fn persons(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    let (hers, his) = (lap.of_ann(), lap.of_bob());
    teach(client, lap, &hers, "places")?;
    recalled(client, lap, &his, "hit-semantic").map(drop)
}

fn deletes(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    let (becomes, gone) = (vec![lap.shape.clone()], lap.of_ann());
    // Without its words it does not tell the same any more.
    lap.told.retain(|told| told.user != "ann");
    lap.change(client, becomes, Some(gone), || {
        let path = "/admin/v1/entries?tenant=acme&user=ann";
        client.send(&client.keys.admin, ("DELETE", path), &[], None)
    })?;
    lap.wiped = true;
    Ok(())
}

/// An answer was wrong for its own question.
fn forgets(client: &Client<'_>, lap: &mut Lap) -> io::Result<()> {
    let bread = lap.bread();
    if !lap.asked.contains_key(&bread) {
        teach(client, lap, &bread, "places")?;
    }
    let reply = client.recall(lap, &bread)?;
    // Nobody said so, and it is gone all the same.
    if reply.status == 504 {
        return Ok(());
    }
    let request = lap.told(&bread, &reply);
    let said = json!({"request_id": request, "verdict": "wrong"});
    let becomes = vec![lap.shape.label(&request, "app", "wrong", false)];
    let told = lap.change(client, becomes, Some(bread), || {
        client.post(&client.keys.app, "/v1/feedback", &said)
    })?;
    assert_eq!(told["effect"], "forgotten");
    Ok(())
}
