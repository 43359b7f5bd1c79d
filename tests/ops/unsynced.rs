//! A disk that takes what is written and then cannot promise to keep it. The system calls are made to fail by strace,
//! which may not watch another process everywhere; where that is refused a test says so and checks nothing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{Gateway, Place};
use crate::http::Reply;
use crate::mock::Mock;

/// System calls of a gateway on one file or folder fail until this is dropped.
struct Failing(Child);

impl Failing {
    fn start(gateway: &Gateway, calls: &str, path: &Path) -> Option<Self> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "-P"]).arg(path);
        strace.args(["-e", &format!("inject={calls}:error=EIO"), "-p"]);
        strace.arg(gateway.pid().to_string()).stderr(Stdio::piped());
        let watching = strace.spawn().ok().and_then(|mut child| {
            let told = BufReader::new(child.stderr.take()?).lines();
            let attached = told.map_while(Result::ok).any(|l| l.contains("attached"));
            attached.then_some(Self(child))
        });
        if watching.is_none() {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or_default();
            println!("SKIPPED {test}: strace may not watch here, nothing was checked");
        }
        watching
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        // Asked to end it lets go of what it watches.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

struct Scene {
    place: Place,
    app: String,
    analyst: String,
}

impl Scene {
    fn new(mock: &Mock) -> Self {
        let place = Place::new(mock).alike();
        Self {
            app: place.key("acme", "app"),
            analyst: place.key("acme", "analyst"),
            place,
        }
    }

    /// Two hits by meaning of which nobody has spoken.
    fn hits(&self, gateway: &Gateway) -> [Reply; 2] {
        gateway.ask(ASKED, Some(&self.app));
        [(); 2].map(|()| gateway.ask_until("hit-semantic", REWORDED, Some(&self.app)))
    }

    fn say(&self, gateway: &Gateway, hit: &Reply, verdict: &str) -> (u16, Value) {
        let said = json!({"request_id": hit.header("x-reprise-request-id"), "verdict": verdict});
        let told = Admin::new(gateway, &self.app).post("/v1/feedback", &said);
        (told.status, told.json())
    }

    /// What was said, as a start after a kill finds it.
    fn verdicts_after_a_kill(&self, gateway: Gateway) -> Vec<Value> {
        gateway.signal(Signal::KILL);
        gateway.ended();
        let gateway = self.place.start();
        let labels = Admin::new(&gateway, &self.analyst).rows("/admin/v1/labels");
        labels.iter().map(|l| l["verdict"].clone()).collect()
    }
}

#[test]
fn a_label_that_is_told_not_to_be_written_down_does_not_count_after_a_restart_either() {
    let mock = Mock::start().unwrap();
    // The cut may fail as well: then it comes before the next label.
    for calls in ["fdatasync:when=1", "fdatasync,ftruncate"] {
        let scene = Scene::new(&mock);
        let gateway = scene.place.start();
        let [first, other] = scene.hits(&gateway);
        let file = scene.place.data.join("evidence/labels.log");
        let Some(failing) = Failing::start(&gateway, calls, &file) else {
            return;
        };
        let (status, told) = scene.say(&gateway, &first, "wrong");
        assert_eq!(status, 503, "{told}");
        let left = std::fs::metadata(&file).unwrap().len();
        assert_eq!(left == 0, calls == "fdatasync:when=1", "{left} bytes");
        drop(failing);
        assert_eq!(scene.say(&gateway, &other, "right").0, 200);
        assert_eq!(scene.verdicts_after_a_kill(gateway), ["right"], "{calls}");
    }
}

#[test]
fn a_label_after_a_rewriting_that_failed_at_its_end_is_kept() {
    let mock = Mock::start().unwrap();
    let scene = Scene::new(&mock);
    let gateway = scene.place.start();
    let [first, other] = scene.hits(&gateway);
    assert_eq!(scene.say(&gateway, &first, "right").0, 200);
    let folder = scene.place.data.join("evidence");
    let Some(failing) = Failing::start(&gateway, "fsync", &folder) else {
        return;
    };
    let silent = json!({"keep_text": false});
    let analyst = Admin::new(&gateway, &scene.analyst);
    let told = analyst.put("acme", Some("\"0\""), &silent);
    assert_eq!((told.status, told.code()), (503, "storage_failed".into()));
    drop(failing);
    assert_eq!(scene.say(&gateway, &other, "wrong").0, 200);
    assert_eq!(scene.verdicts_after_a_kill(gateway), ["wrong", "right"]);
}
