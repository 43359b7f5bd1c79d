//! Semantic hits at one connection against the bare run of the same texts through the same model on the same core; and the
//! same where both questions are read together each time.

use crate::Fault;
use crate::load::{Connection, chat};
use crate::ort_run::Ort;
use crate::process::Server;
use crate::report::Row;
use crate::setup::{Contestant, Setup, median};

/// Time of a semantic hit in terms of the bare run's.
const RATIO: f64 = 1.3;

/// What the questions are about; each is remembered in one wording and asked for in others.
const SUBJECTS: [&str; 24] = [
    "reset my password",
    "cancel my subscription",
    "change my delivery address",
    "get a refund",
    "track my parcel",
    "close my account",
    "update my credit card",
    "export my data",
    "invite a colleague",
    "turn off notifications",
    "bake sourdough bread",
    "learn to play the guitar",
    "remove a coffee stain",
    "train for a marathon",
    "grow tomatoes on a balcony",
    "fix a flat tyre",
    "write a cover letter",
    "apply for a visa",
    "install a printer",
    "clean a cast iron pan",
    "fold a fitted sheet",
    "start a podcast",
    "file my taxes",
    "back up my phone",
];

/// Milliseconds that a hit may take for which both questions are read.
const READ_MS: f64 = 6.0;

/// Whatever is compared is read by the verifier, each time anew.
const READING: [(&str, &str); 3] = [
    ("REPRISE_VERIFIER__ENABLED", "true"),
    ("REPRISE_CACHE__VERIFIER", "always"),
    ("REPRISE_VERIFIER__REMEMBERED_PAIRS", "0"),
];

pub(crate) fn run(setup: &Setup) -> Result<Vec<Row>, Fault> {
    let mut rows = compared(setup)?;
    rows.extend(read(setup)?);
    Ok(rows)
}

/// A gateway that remembers each subject in one wording, and the wordings that hit there by meaning.
struct Scene {
    gateway: Server,
    texts: Vec<String>,
    // Goes when all that uses it has ended.
    _data: tempfile::TempDir,
}

impl Scene {
    fn open(setup: &Setup, settings: &[(&str, &str)]) -> Result<Self, Fault> {
        let data = tempfile::tempdir()?;
        let gateway = setup.gateway(data.path(), settings)?;
        let mut connection = Connection::open(gateway.address())?;
        for subject in SUBJECTS {
            // But not out of a neighbour's answer.
            let question = format!("How do I {subject}?");
            connection.ask(&chat(&question, false, "x-reprise-threshold: 1\r\n"))?;
        }
        let texts = hits(&mut connection)?;
        Ok(Self {
            gateway,
            texts,
            _data: data,
        })
    }

    /// Whoever asks for hits there.
    fn contestant(&self) -> Contestant<'_> {
        Contestant::new(&self.gateway, 1, Some("hit-semantic"))
    }

    /// Its wordings as requests, again and again.
    fn requests(&self) -> impl FnMut() -> Vec<u8> {
        let mut turn = self.texts.iter().cycle();
        move || chat(turn.next().map_or("", String::as_str), false, "")
    }
}

/// Hits for which both questions are read, with as many candidates as are open.
fn read(setup: &Setup) -> Result<Vec<Row>, Fault> {
    let scene = Scene::open(setup, &READING)?;
    let (mut hit, mut next) = (scene.contestant(), scene.requests());
    for _ in 0..setup.rounds {
        hit.run(setup.timed, &mut next)?;
    }
    let took = hit.whole_us() / 1000.0;
    Ok(vec![Row::at_most(
        format!(
            "p50 of a semantic hit that the verifier reads, 1 connection, {} wordings",
            scene.texts.len()
        ),
        (took, READ_MS),
        format!("{took:.2} ms"),
        "≤ 6 ms",
    )])
}

fn compared(setup: &Setup) -> Result<Vec<Row>, Fault> {
    // The bare run reads one text, so must the gateway.
    let scene = Scene::open(setup, &[("REPRISE_VERIFIER__ENABLED", "false")])?;
    let (mut hit, mut next) = (scene.contestant(), scene.requests());
    let mut ort = Ort::start()?;
    let mut runs = Vec::new();
    hit.run(scene.texts.len(), &mut next)?;
    hit.forget();
    // A multiple, so that both contestants run each text equally often.
    let times = setup.timed.div_ceil(scene.texts.len());
    let again: Vec<String> = (0..times).flat_map(|_| scene.texts.clone()).collect();
    for _ in 0..setup.rounds {
        hit.run(again.len(), &mut next)?;
        runs.push(ort.p50_us(&again)?);
    }
    let (hit, bare) = (hit.whole_us(), median(&runs));
    let ratio = hit / bare;
    Ok(vec![Row::at_most(
        format!(
            "p50 of a semantic hit, 1 connection, {} wordings",
            scene.texts.len()
        ),
        (ratio, RATIO),
        format!("{hit:.0} µs, bare `ort` run {bare:.0} µs: {ratio:.2} ×"),
        "≤ 1.3 × the bare run",
    )])
}

/// Those wordings that hit by meaning. A hit is not remembered under its own wording, so they go on doing so.
fn hits(connection: &mut Connection) -> Result<Vec<String>, Fault> {
    let mut texts = Vec::new();
    for subject in SUBJECTS {
        for wording in [
            format!("How do I {subject}"),
            format!("how do I {subject}?"),
            format!("How do I  {subject}?"),
            format!("How can I {subject}?"),
            format!("How to {subject}?"),
            format!("How should I {subject}?"),
            format!("Please, how do I {subject}?"),
            format!("How do you {subject}?"),
            format!("How do I {subject} ?"),
            format!("How could I {subject}?"),
        ] {
            let reply = connection.ask(&chat(&wording, false, "x-reprise-cache: only\r\n"))?;
            if reply.cache() == Some("hit-semantic") {
                texts.push(wording);
            }
        }
    }
    if texts.len() < SUBJECTS.len() {
        return Err(format!("only {} wordings hit by meaning", texts.len()).into());
    }
    Ok(texts)
}
