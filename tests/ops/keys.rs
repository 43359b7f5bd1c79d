//! Keys: made and revoked on a live gateway and on a resting folder, who may do what with
//! them, what is accepted without any, and that their secrets stay secret.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::helpers::{CHAT, Place, UPSTREAM_KEY, chat, files};
use crate::mock::Mock;

const ADMIN_KEY: &str = "bootstrap-key-of-the-operator-0123456789";

fn looks_like_a_key(stdout: &[u8]) -> bool {
    let text = std::str::from_utf8(stdout).unwrap();
    let sign = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.strip_suffix('\n')
        .is_some_and(|key| key.len() >= 32 && key.chars().all(sign))
}

/// `keys list` as JSON.
pub(crate) fn listed(place: &Place) -> Vec<Value> {
    let listed = place.run(&["keys", "list"]);
    assert!(listed.status.success(), "{listed:?}");
    let text = String::from_utf8(listed.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[test]
fn a_key_made_on_a_resting_folder_is_printed_alone_and_demanded_from_the_start() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let made = place.run(&["keys", "create", "--tenant", "acme", "--role", "app"]);
    assert!(made.status.success(), "{made:?}");
    assert!(looks_like_a_key(&made.stdout), "{made:?}");
    let key = String::from_utf8(made.stdout).unwrap();
    let gateway = place.start();
    let refused = gateway.ask("Who is there?", None);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (401, "invalid_api_key")
    );
    assert_eq!(gateway.ask("Who is there?", Some(key.trim())).status, 200);
    assert_eq!(mock.seen().count(), 1);
}

#[test]
fn a_key_made_on_a_live_gateway_is_demanded_at_the_next_request_and_refused_once_revoked() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    assert_eq!(gateway.ask("Is it open?", None).status, 200);
    let made = place.run(&["keys", "create", "--tenant", "acme", "--role", "app"]);
    assert!(looks_like_a_key(&made.stdout), "{made:?}");
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    assert_eq!(gateway.ask("Is it open?", None).status, 401);
    assert_eq!(gateway.ask("Is it open?", Some(&key)).status, 200);
    let by_other_header = [("x-api-key", key.as_str())];
    let body = chat("mock-plain", "Is it open?");
    assert_eq!(
        gateway.send(CHAT, &by_other_header, Some(&body)).status,
        200
    );
    let id = listed(&place)[0]["id"].as_str().unwrap().to_owned();
    assert!(place.run(&["keys", "revoke", &id]).status.success());
    assert_eq!(gateway.ask("Is it open?", Some(&key)).status, 401);
    assert_eq!(
        gateway.ask("Is it open?", None).status,
        401,
        "a folder with a past key is not open"
    );
    gateway.stop();
    assert_eq!(place.start().ask("Is it open?", None).status, 401);
}

#[test]
fn a_key_that_could_not_be_printed_is_revoked_again_and_the_error_says_so() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    for live in [false, true] {
        let gateway = live.then(|| place.start());
        let mut create = place.command(&["keys", "create", "--tenant", "acme", "--role", "app"]);
        let full = std::fs::File::options().write(true).open("/dev/full");
        let ended = create.stdout(full.unwrap()).output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        let line = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.contains("revoked again"), "{line}");
        let keys = listed(&place);
        assert_eq!(keys.len(), 1 + usize::from(live));
        for key in keys {
            assert!(key["revoked_ms"].is_u64(), "nobody has it: {key}");
        }
        drop(gateway);
    }
}

#[test]
fn the_control_socket_is_its_owners_alone_and_goes_with_the_gateway() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    let socket = place.data.join("control.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    gateway.stop();
    assert!(!socket.exists());
}

#[test]
fn a_list_of_keys_shows_whose_they_are_and_no_secret() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let keys = [place.key("acme", "app"), place.key("globex", "analyst")];
    for live in [false, true] {
        let gateway = live.then(|| place.start());
        let all = listed(&place);
        let tenants: Vec<_> = all.iter().map(|k| k["tenant"].as_str().unwrap()).collect();
        assert_eq!(tenants, ["acme", "globex"]);
        let text = format!("{all:?}");
        assert!(keys.iter().all(|key| !text.contains(key)), "{text}");
        drop(gateway);
    }
    let unknown = place.run(&["keys", "revoke", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&unknown.stderr).lines().count(),
        1,
        "{unknown:?}"
    );
}

#[test]
fn off_loopback_a_start_without_a_key_stops_with_one_line() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let ended = place
        .try_start_at("0.0.0.0:0")
        .err()
        .expect("it runs open to the world");
    assert!(ended.line().contains("reprise keys create"), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

#[test]
fn an_admin_key_from_the_environment_or_a_file_starts_a_gateway_for_the_world() {
    let mock = Mock::start().unwrap();
    let file = Place::new(&mock);
    let path = file.beside("admin-key");
    std::fs::write(&path, format!("{ADMIN_KEY}\n")).unwrap();
    let file = file.with("REPRISE_ADMIN_KEY_FILE", path.to_str().unwrap());
    let plain = Place::new(&mock).with("REPRISE_ADMIN_KEY", ADMIN_KEY);
    for place in [&file, &plain] {
        let gateway = place.start_at("0.0.0.0:0");
        assert_eq!(gateway.get("/admin/v1/stats", None).status, 401);
        assert_eq!(gateway.get("/admin/v1/stats", Some(ADMIN_KEY)).status, 200);
        assert_eq!(gateway.ask("Is it me?", Some(&ADMIN_KEY[1..])).status, 401);
        let foreign = [("host", "gateway.example"), ("x-api-key", ADMIN_KEY)];
        let body = chat("mock-plain", "Is it me?");
        assert_eq!(gateway.send(CHAT, &foreign, Some(&body)).status, 200);
    }
    // Whoever forgets the variable opens nothing.
    let bare = Place::at(plain.data.clone(), &mock);
    assert_eq!(bare.start().ask("Is it me?", None).status, 401);
    let ended = bare.try_start_at("0.0.0.0:0").err().expect("it runs");
    assert!(ended.line().contains("REPRISE_ADMIN_KEY"), "{ended:?}");
    let both = file.with("REPRISE_ADMIN_KEY", ADMIN_KEY);
    let ended = both
        .try_start()
        .err()
        .expect("two admin keys are one too many");
    assert!(ended.line().contains("not both"), "{ended:?}");
}

#[test]
fn an_app_asks_an_analyst_tunes_its_own_tenant_and_an_admin_does_everything() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let [app, analyst, admin] = ["app", "analyst", "admin"].map(|role| place.key("acme", role));
    let gateway = place.start();
    let status = |path: &str, key: &str| gateway.get(path, Some(key)).status;
    let own = "/admin/v1/policies/acme";
    let other = "/admin/v1/policies/globex";
    let rights = |key: &str| {
        let paths = [
            own,
            other,
            "/admin/v1/decisions",
            "/admin/v1/entries",
            "/admin/v1/stats",
        ];
        paths.map(|path| status(path, key))
    };
    assert_eq!(rights(&app), [403; 5]);
    assert_eq!(rights(&analyst), [200, 403, 200, 403, 403]);
    assert_eq!(rights(&admin), [200; 5]);
    for key in [&app, &analyst, &admin] {
        assert_eq!(gateway.ask("What may I do?", Some(key)).status, 200);
    }
    let bearer = format!("Bearer {analyst}");
    let snapshot = gateway.send(
        ("POST", "/admin/v1/snapshot"),
        &[("authorization", &bearer)],
        Some("{}"),
    );
    assert_eq!(snapshot.status, 403);
}

#[test]
fn without_keys_only_what_a_program_on_this_machine_meant_is_let_in() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    let body = chat("mock-plain", "Is somebody else asking?");
    let ask = |headers: &[(&str, &str)]| gateway.send(CHAT, headers, Some(&body)).status;
    assert_eq!(ask(&[("host", "rebound.example")]), 403);
    assert_eq!(ask(&[("origin", "https://evil.example")]), 403);
    assert_eq!(ask(&[("origin", "null")]), 403);
    assert!([400, 403, 415].contains(&ask(&[("content-type", "text/plain")])));
    assert_eq!(mock.seen().count(), 0, "a refused request cost money");
    assert_eq!(
        ask(&[
            ("host", "127.0.0.1:8080"),
            ("origin", "http://localhost:3000")
        ]),
        200
    );
    for path in ["/v1/models", "/metrics", "/admin/v1/stats"] {
        let foreign = gateway.send(("GET", path), &[("host", "rebound.example")], None);
        assert_eq!(foreign.status, 403, "{path}");
    }
}

#[test]
fn without_keys_the_admin_api_can_only_be_read() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    assert_eq!(gateway.get("/admin/v1/policies/default", None).status, 200);
    for (method, path) in [
        ("PUT", "/admin/v1/policies/default"),
        ("DELETE", "/admin/v1/entries?model=mock-plain"),
        ("POST", "/admin/v1/snapshot"),
    ] {
        let body = Some(r#"{"threshold":0.99}"#);
        let refused = gateway.send((method, path), &[("if-match", "\"0\"")], body);
        assert_eq!(refused.status, 403, "{method} {path}");
    }
    let policy = gateway.get("/admin/v1/policies/default", None).json();
    assert_eq!(policy["version"], 0);
}

#[test]
fn metrics_need_a_key_as_soon_as_there_is_one_and_health_never_does() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    assert_eq!(gateway.get("/metrics", None).status, 200);
    let key = place.key("acme", "app");
    assert_eq!(gateway.get("/metrics", None).status, 401);
    let page = gateway.get("/metrics", Some(&key));
    assert!(
        page.status == 200 && page.body.contains("reprise_"),
        "{page:?}"
    );
    for path in ["/healthz", "/readyz"] {
        assert_eq!(
            gateway.get(path, None).status,
            200,
            "{path} is for balancers"
        );
    }
}

#[test]
fn no_secret_is_ever_in_the_logs_in_an_error_or_on_disk() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock)
        .with("REPRISE_LOG__FILTER", "trace")
        .with("REPRISE_ADMIN_KEY", ADMIN_KEY);
    let gateway = place.start();
    let key = place.key("acme", "admin");
    let wrong = "sk-somebody-elses-secret-0123456789";
    assert_eq!(gateway.ask("What do you keep?", Some(&key)).status, 200);
    assert_eq!(gateway.ask("What do you keep?", Some(wrong)).status, 401);
    assert_eq!(gateway.get("/admin/v1/stats", Some(ADMIN_KEY)).status, 200);
    let bearer = format!("Bearer {key}");
    let body = chat("mock-status-401", "Does the provider repeat its key?");
    let told = gateway.send(CHAT, &[("authorization", &bearer)], Some(&body));
    assert!(!told.body.contains(UPSTREAM_KEY), "{told:?}");
    let log = gateway.stop().stderr;
    assert!(log.lines().count() > 10, "nothing was logged: {log}");
    for secret in [&key, wrong, ADMIN_KEY, UPSTREAM_KEY] {
        let told = log.lines().find(|line| line.contains(secret));
        assert!(told.is_none(), "{told:?}");
        for path in files(&place.data) {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!found, "{} holds {secret}", path.display());
        }
    }
}

#[test]
fn keys_come_back_from_the_export_that_a_refused_start_names() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let made = place.run(&["keys", "create", "--tenant", "acme", "--role", "app"]);
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    std::fs::remove_dir_all(place.data.join("state/db")).unwrap();
    let refused = place.run(&["keys", "list"]);
    assert!(!refused.status.success());
    let line = String::from_utf8(refused.stderr).unwrap();
    let (_, named) = line.split_once("the newest export is ").unwrap();
    let (export, _) = named.split_once(": `reprise keys restore`").unwrap();
    let restored = place.run(&["keys", "restore", export]);
    assert_eq!(restored.stdout, b"1 keys are back\n", "{restored:?}");
    let gateway = place.start();
    assert_eq!(gateway.ask("Who is there?", Some(&key)).status, 200);
    assert_eq!(gateway.ask("Who is there?", None).status, 401);
}
