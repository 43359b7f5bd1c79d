//! What the decision log says of a request that waited for a call whose question is like its own.

use serde_json::json;

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{CHAT, Place, bearer, chat, eventually, headers};
use crate::mock::Mock;

#[test]
fn a_request_that_waited_for_anothers_call_is_noted_as_one_hit_with_its_candidate() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).alike();
    let [app, analyst, admin] = ["app", "analyst", "admin"].map(|role| place.key("acme", role));
    let gateway = place.start();
    let ask = |question: &str| {
        let bearer = bearer(Some(&app));
        let body = chat("mock-gated", question);
        gateway.send(CHAT, &headers(&bearer), Some(&body))
    };
    let waits = || {
        let metrics = gateway.get("/metrics", Some(&admin)).body;
        metrics
            .lines()
            .any(|line| line == "reprise_similar_waiting 1")
    };
    let follower = std::thread::scope(|scope| {
        let leader = scope.spawn(|| ask(ASKED));
        eventually(|| (mock.seen().count() == 1).then_some(()));
        let follower = scope.spawn(|| ask(REWORDED));
        eventually(|| waits().then_some(()));
        mock.seen().open();
        assert_eq!(leader.join().unwrap().cache(), "miss");
        follower.join().unwrap()
    });
    assert_eq!(follower.cache(), "hit-semantic", "{follower:?}");
    let admin = Admin::new(&gateway, &analyst);
    let rows = admin.rows("/admin/v1/decisions?namespace=acme");
    let id = follower.header("x-reprise-request-id").unwrap();
    let told: Vec<_> = rows.iter().filter(|row| row["request_id"] == id).collect();
    assert_eq!(told.len(), 1, "{rows:?}");
    assert_eq!(
        (&told[0]["outcome"], &told[0]["reason"]),
        (&json!("hit"), &json!("similar_flight"))
    );
    assert_eq!(
        (&told[0]["question"], &told[0]["candidate"]),
        (&json!(REWORDED), &json!(ASKED))
    );
}
