//! The short form of `scripts/soak.sh`: mixed load must leave memory and descriptors as they were.

use std::process::Command;

use crate::mock::Mock;

#[test]
fn twenty_seconds_of_mixed_load_leave_memory_and_descriptors_as_they_were() {
    let mock = Mock::start().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/soak.py");
    let mut soak = Command::new("python3");
    soak.arg(script).args(["--seconds", "20"]);
    soak.args(["--gateway", env!("CARGO_BIN_EXE_reprise")]);
    soak.args(["--upstream", &mock.base_url()]);
    let done = soak.output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    for kind in [
        "hit-exact",
        "hit-semantic",
        "miss",
        "stream",
        "disconnect",
        "bad",
    ] {
        assert!(told.contains(kind), "no {kind}: {told}");
    }
}
