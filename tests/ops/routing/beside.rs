//! Which provider of a group is asked at the endpoints beside conversations.

use super::fleet::{Fleet, Sailing, all_well, provider};
use crate::http::Reply;

const VECTORS: (&str, &str) = ("POST", "/v1/embeddings");
const JUDGE: (&str, &str) = ("POST", "/v1/moderations");

fn ask(fleet: &Sailing, endpoint: (&str, &str)) -> Reply {
    let body = r#"{"model":"m","input":"a text"}"#;
    fleet.gateway.send(endpoint, &[], Some(body))
}

fn of(first: &str, second: &str) -> String {
    format!("{{ provider = 'a', model = '{first}' }}, {{ provider = 'b', model = '{second}' }}")
}

#[test]
fn a_group_of_one_model_takes_turns_there_too() {
    let members = of("mock-plain", "mock-plain");
    let fleet = Fleet::of(2).group("round_robin", &members).start();
    for endpoint in [VECTORS, JUDGE] {
        let before = fleet.calls();
        all_well(&(0..6).map(|_| ask(&fleet, endpoint)).collect::<Vec<_>>());
        let calls: Vec<u64> = fleet
            .calls()
            .iter()
            .zip(before)
            .map(|(a, b)| a - b)
            .collect();
        assert_eq!(calls, [3, 3], "{endpoint:?}");
    }
}

#[test]
fn vectors_stay_with_one_model_as_long_as_somebody_has_it() {
    let members = of("mock-plain", "mock-echo");
    let fleet = Fleet::of(2).group("round_robin", &members).start();
    all_well(&(0..4).map(|_| ask(&fleet, VECTORS)).collect::<Vec<_>>());
    assert_eq!(fleet.calls(), [4, 0]);
    let members = of("mock-status-503", "mock-echo");
    let fleet = Fleet::of(2).group("round_robin", &members).start();
    let replies: Vec<_> = (0..4).map(|_| ask(&fleet, VECTORS)).collect();
    all_well(&replies);
    assert!(replies.iter().all(|reply| provider(reply) == "b"));
}

#[test]
fn whoever_rests_is_passed_over_there_too() {
    let members = of("mock-r429-seconds-60", "mock-plain");
    let fleet = Fleet::of(2).group("fallback", &members).start();
    let replies: Vec<_> = (0..4).map(|_| ask(&fleet, JUDGE)).collect();
    all_well(&replies);
    assert_eq!(fleet.calls(), [1, 4]);
}
