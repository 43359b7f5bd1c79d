//! A disk that fills up and empties again. Needs a small file system of its own, which only
//! root may mount; where that is refused the test says so and checks nothing.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{Place, audit_trail, eventually};
use crate::mock::Mock;

/// A file system of its own; unmounted when dropped.
struct Disk {
    temp: tempfile::TempDir,
}

impl Disk {
    fn mount(megabytes: u32) -> Option<Self> {
        let temp = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(temp.path());
        let mounted = mount.output().is_ok_and(|done| done.status.success());
        if !mounted {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or_default();
            println!("SKIPPED {test}: no file system may be mounted here, nothing was checked");
        }
        mounted.then_some(Self { temp })
    }

    fn path(&self) -> &Path {
        self.temp.path()
    }

    /// Fills it to the last byte; the file to remove is given.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            let block = vec![1; size];
            while file.write_all(&block).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn place(disk: &Disk, mock: &Mock) -> Place {
    Place::at(disk.path().join("data"), mock).with("REPRISE_STORE__MIN_FREE_BYTES", "1048576")
}

#[test]
fn a_full_disk_costs_no_answer_and_is_written_again_once_there_is_space() {
    let mock = Mock::start().unwrap();
    let Some(disk) = Disk::mount(64) else { return };
    // Most of the disk: what a start needs must be enough for going on, too.
    let place = place(&disk, &mock).with("REPRISE_STORE__MIN_FREE_BYTES", "41943040");
    let gateway = place.start();
    gateway.ask("Before?", None);
    // A stop flushes: what was never flushed may be lost when the disk fills up.
    gateway.stop();
    let gateway = place.start();
    gateway.ask_until("hit-exact", "Before?", None);
    let filler = disk.fill();
    for number in 0..200 {
        let question = format!("While it is full, number {number}?");
        let reply = gateway.ask(&question, None);
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(reply.text().contains(&question), "{reply:?}");
    }
    let before = gateway.ask("Before?", None);
    assert_eq!(before.cache(), "hit-exact", "{before:?}");
    assert_eq!(gateway.get("/readyz", None).status, 200);
    std::fs::remove_file(filler).unwrap();
    let mut number = 0;
    eventually(|| {
        number += 1;
        let question = format!("Afterwards, number {number}?");
        gateway.ask(&question, None);
        let stats = gateway.get("/admin/v1/stats", None).json();
        (stats["store"]["status"] == "healthy").then_some(())
    });
    // Asked only now: what came before the store was healthy again may live in memory only.
    let last = "And after that?";
    gateway.ask(last, None);
    gateway.ask_until("hit-exact", last, None);
    gateway.stop();
    let again = place.start();
    for question in [last, "Before?"] {
        let reply = again.ask(question, None);
        assert_eq!(reply.cache(), "hit-exact", "only in memory: {reply:?}");
    }
}

#[test]
fn a_first_start_on_a_full_disk_gives_one_clear_line() {
    let mock = Mock::start().unwrap();
    let Some(disk) = Disk::mount(64) else { return };
    disk.fill();
    let ended = place(&disk, &mock).try_start().err().expect("it started");
    let line = ended.line();
    assert!(line.contains("space"), "{ended:?}");
    assert!(
        !line.contains("damaged"),
        "a full disk is no damage: {ended:?}"
    );
    assert!(!ended.stderr.contains("failed inside"), "{ended:?}");
}

/// Keys in force and out of it, a policy, and an answer.
fn prepared(place: &Place) -> [String; 2] {
    let keys = [place.key("acme", "admin"), place.key("globex", "app")];
    let gateway = place.start();
    let revoked = audit_trail(&place.data)[1]["target"].clone();
    let revoked = place.run(&["keys", "revoke", revoked.as_str().unwrap()]);
    assert!(revoked.status.success(), "{revoked:?}");
    let stricter = serde_json::json!({"keep_text": false});
    let admin = Admin::new(&gateway, &keys[0]);
    assert_eq!(admin.put("acme", Some("\"0\""), &stricter).status, 200);
    gateway.ask(ASKED, Some(&keys[0]));
    gateway.ask_until("hit-semantic", REWORDED, Some(&keys[0]));
    gateway.stop();
    keys
}

#[test]
fn a_start_on_a_full_disk_passes_requests_through_by_its_keys_and_writes_once_there_is_space() {
    let mock = Mock::start().unwrap();
    let Some(disk) = Disk::mount(64) else { return };
    let place = place(&disk, &mock).alike();
    let keys = prepared(&place);
    let filler = disk.fill();
    let gateway = place.start();
    for stranger in [None, Some(keys[1].as_str())] {
        assert_eq!(gateway.ask(ASKED, stranger).status, 401);
    }
    let passed = gateway.ask(ASKED, Some(&keys[0]));
    assert_eq!((passed.status, passed.cache()), (200, "miss"), "{passed:?}");
    let ready = gateway.get("/readyz", None);
    assert_eq!(
        (ready.status, &ready.json()["store"]),
        (200, &"degraded".into())
    );
    let admin = Admin::new(&gateway, &keys[0]);
    assert_eq!(admin.get("/admin/v1/policies/acme")["version"], 1);
    // Nothing is said of entries that nobody has read: they come back.
    for (method, path) in [
        ("GET", "/admin/v1/entries"),
        ("GET", "/admin/v1/entries/1"),
        ("DELETE", "/admin/v1/entries/1"),
        ("DELETE", "/admin/v1/entries?tenant=acme"),
    ] {
        let refused = admin.call(method, path);
        assert_eq!(
            (refused.status, refused.code()),
            (503, "storage_failed".into())
        );
    }
    assert_eq!(passed.header("x-reprise-reason"), Some("store_degraded"));
    let told = gateway.log().matches("requests pass through").count();
    assert_eq!(told, 1, "{}", gateway.log());
    std::fs::remove_file(filler).unwrap();
    eventually(|| (gateway.get("/readyz", None).json()["store"] == "healthy").then_some(()));
    // Memory is back, for both tiers, and is added to.
    gateway.ask_until("hit-exact", ASKED, Some(&keys[0]));
    gateway.ask_until("hit-semantic", REWORDED, Some(&keys[0]));
    assert_eq!(gateway.ask("Afterwards?", Some(&keys[0])).cache(), "miss");
    gateway.ask_until("hit-exact", "Afterwards?", Some(&keys[0]));
    let fresh = place.key("initech", "app");
    gateway.stop();
    let again = place.start();
    assert_eq!(
        again.ask("Afterwards?", Some(&keys[0])).cache(),
        "hit-exact"
    );
    assert_eq!(again.ask(ASKED, Some(&fresh)).status, 200);
    assert_eq!(again.ask(ASKED, Some(&keys[1])).status, 401);
}
