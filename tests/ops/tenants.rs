//! Names of tenants and of namespaces: what becomes of one that is both.

use std::fs;

use crate::helpers::{CHAT, Gateway, Place, chat};
use crate::http::Reply;
use crate::mock::Mock;

/// Asks the same question in a namespace.
fn ask_in(gateway: &Gateway, key: &str, namespace: &str) -> Reply {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-reprise-namespace", namespace),
    ];
    let body = chat("mock-plain", "Where is it kept?");
    gateway.send(CHAT, &headers, Some(&body))
}

/// A configuration that shares a namespace of that name.
fn sharing(place: Place, name: &str) -> Place {
    let path = place.beside("shared.toml");
    let text = format!("[[namespaces]]\nname = \"{name}\"\nread = [\"*\"]\nwrite = [\"*\"]\n");
    fs::write(&path, text).unwrap();
    place.with("REPRISE_CONFIG", path.to_str().unwrap())
}

#[test]
fn a_namespace_keeps_its_long_name_when_a_tenant_takes_its_short_one() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let acme = place.key("acme", "app");
    let gateway = place.start();
    for name in ["plays", "acme/plays"] {
        assert_eq!(ask_in(&gateway, &acme, name).status, 200, "{name}");
    }
    assert_eq!(mock.seen().count(), 1, "two names of one namespace");
    let plays = place.key("plays", "app");
    let refused = ask_in(&gateway, &acme, "plays");
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "namespace_forbidden")
    );
    let message = refused.json()["error"]["message"].to_string();
    assert!(message.contains("`acme/plays`"), "{message}");
    let kept = ask_in(&gateway, &acme, "acme/plays");
    assert_eq!((kept.status, kept.cache()), (200, "hit-exact"), "{kept:?}");
    let others = ask_in(&gateway, &plays, "plays");
    assert_eq!((others.status, others.cache()), (200, "miss"), "{others:?}");
}

#[test]
fn a_running_gateway_makes_no_tenant_of_a_name_that_it_shares() {
    let mock = Mock::start().unwrap();
    let place = sharing(Place::new(&mock), "handbook");
    let gateway = place.start();
    // Another configuration than the gateway's: it knows of no shared namespace.
    let elsewhere = Place::at(place.data.clone(), &mock);
    let create = ["keys", "create", "--tenant", "handbook", "--role", "app"];
    for asked in [&place, &elsewhere] {
        let lines = asked.refusal(&create);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("shared namespace"), "{lines:?}");
    }
    assert_eq!(gateway.ask("Is it open still?", None).status, 200);
}

#[test]
fn a_start_that_shares_a_tenants_name_stops_with_one_line() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    place.key("acme", "app");
    let place = sharing(place, "acme");
    let ended = place.try_start().err().expect("it shares a tenant's name");
    let line = ended.line();
    assert!(line.contains("`acme`") && line.contains("tenant"), "{line}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

#[test]
fn a_start_that_shares_the_admin_keys_tenants_name_stops_too() {
    let mock = Mock::start().unwrap();
    let place = sharing(Place::new(&mock), "default");
    let place = place.with("REPRISE_ADMIN_KEY", "bootstrap-key-of-the-operator");
    let ended = place.try_start().err().expect("it shares a tenant's name");
    assert!(ended.line().contains("`default`"), "{ended:?}");
}
