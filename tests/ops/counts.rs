//! What `/metrics` counts: each request once, by how it ended.

use crate::helpers::{CHAT, Gateway, Place, chat};
use crate::mock::Mock;

fn counted(gateway: &Gateway, outcome: &str) -> u64 {
    let metrics = gateway.get("/metrics", None).body;
    let name = format!("reprise_requests_total{{outcome=\"{outcome}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or("0").parse().unwrap()
}

#[test]
fn each_request_is_counted_once_by_how_it_ended() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_RETRY__MAX_ATTEMPTS", "1");
    let gateway = place.start();
    let cases = [
        ("miss", "mock-plain", "", 200),
        ("hit_exact", "mock-plain", "", 200),
        ("bypass", "mock-plain", "off", 200),
        ("refresh", "mock-plain", "refresh", 200),
        ("refused", "mock-plain", "maybe", 400),
        ("error", "mock-status-500", "", 502),
    ];
    let ask = |model: &str, question: &str, mode: &str| {
        let header = [("x-reprise-cache", mode)];
        let headers = if mode.is_empty() { &[][..] } else { &header };
        gateway
            .send(CHAT, headers, Some(&chat(model, question)))
            .status
    };
    for (outcome, model, mode, status) in cases {
        assert_eq!(ask(model, "Asked?", mode), status, "{outcome}");
        assert_eq!(counted(&gateway, outcome), 1, "{outcome}");
    }
    // A miss that was not to be mended is no fault of anybody's.
    assert_eq!(ask("mock-plain", "Never asked?", "only"), 504);
    assert_eq!(
        (counted(&gateway, "miss"), counted(&gateway, "error")),
        (2, 1)
    );
}
