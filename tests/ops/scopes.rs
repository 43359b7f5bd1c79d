//! System prompts that differ in a date or a name: what that costs, and what a policy that leaves it out gives.

use serde_json::{Value, json};

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{CHAT, Gateway, Place};
use crate::http::Reply;
use crate::mock::Mock;

const BALANCE: &str = "What is my balance?";

fn ask_under(
    gateway: &Gateway,
    key: &str,
    user: Option<&str>,
    prompt: &str,
    question: &str,
) -> Reply {
    let bearer = format!("Bearer {key}");
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(user.map(|user| ("x-reprise-user", user)));
    let body = json!({"model": "mock-plain", "messages": [
        {"role": "system", "content": prompt}, {"role": "user", "content": question}]});
    gateway.send(CHAT, &headers, Some(&body.to_string()))
}

/// A gateway where what is much alike is a hit, and an analyst's key.
fn started(mock: &Mock) -> (Place, String, Gateway) {
    let place = Place::new(mock).alike();
    let key = place.key("acme", "analyst");
    let gateway = place.start();
    (place, key, gateway)
}

fn dated(day: u32) -> String {
    format!("You are a helpful assistant of Acme. Today is 2026-11-{day:02}. Be brief.")
}

fn put(admin: &Admin<'_>, version: u64, draft: &Value) -> Reply {
    admin.put("acme", Some(&format!("\"{version}\"")), draft)
}

/// Four questions on four days, of which two were asked before; none is a hit.
fn four_days(gateway: &Gateway, key: &str) {
    let asked = [ASKED, ASKED, REWORDED, "How do I bake bread?"];
    for (day, question) in (1..).zip(asked) {
        let reply = ask_under(gateway, key, None, &dated(day), question);
        assert_eq!(reply.cache(), "miss", "{reply:?}");
    }
}

#[test]
fn hits_lost_to_a_date_are_counted_previewed_and_gained() {
    let mock = Mock::start().unwrap();
    let (place, key, gateway) = started(&mock);
    let admin = Admin::new(&gateway, &key);
    four_days(&gateway, &key);
    let told = admin.get("/admin/v1/scopes?namespace=acme");
    let group = &told["data"][0];
    assert_eq!(
        (&told["prompts"], &group["prompts"]),
        (&json!(4), &json!(4)),
        "{told}"
    );
    let lost = json!({"same_words": 1, "by_meaning": 1, "looked_at": 4});
    assert_eq!(group["lost"], lost, "{told}");
    assert_eq!(group["spans"][0]["kind"], "date");
    let draft = json!({"system_ignore": group["system_ignore"]});
    let preview = admin.post(
        "/admin/v1/preview",
        &json!({"namespace": "acme", "policy": draft}),
    );
    let effect = &preview.json()["system_ignore"];
    assert_eq!(effect["gained"], lost, "{effect}");
    assert_eq!(
        (&effect["prompts"], &effect["prompts_after"]),
        (&json!(4), &json!(1))
    );
    assert_eq!(effect["examples"][1]["question"], REWORDED);
    assert_eq!(put(&admin, 0, &draft).status, 200);
    for (day, question, cache) in [
        (5, ASKED, "miss"),
        (6, ASKED, "hit-exact"),
        (7, REWORDED, "hit-semantic"),
    ] {
        let reply = ask_under(&gateway, &key, None, &dated(day), question);
        assert_eq!(reply.cache(), cache, "{reply:?}");
    }
    let other = ask_under(
        &gateway,
        &key,
        None,
        &dated(7).replace("brief", "kind"),
        ASKED,
    );
    assert_eq!(other.cache(), "miss");
    // What the policy gains is not lost any more, but for the prompt that also differs in a word.
    let told = admin.get("/admin/v1/scopes?namespace=acme");
    let lost = json!({"same_words": 1, "by_meaning": 0, "looked_at": 7});
    assert_eq!(told["data"][0]["lost"], lost, "{told}");
    gateway.stop();
    let gateway = place.start();
    let reply = ask_under(&gateway, &key, None, &dated(8), ASKED);
    assert_eq!(reply.cache(), "hit-exact", "patterns outlive the process");
}

#[test]
fn a_name_that_is_left_out_still_tells_people_apart_who_ask_about_themselves() {
    let mock = Mock::start().unwrap();
    let (_place, key, gateway) = started(&mock);
    let admin = Admin::new(&gateway, &key);
    let draft = json!({"system_ignore": [r"The customer is (\w+)\."]});
    assert_eq!(put(&admin, 0, &draft).status, 200);
    let ask = |user, name: &str, question| {
        let prompt = format!("You are the bank's agent. The customer is {name}. Be brief.");
        ask_under(&gateway, &key, user, &prompt, question)
            .cache()
            .to_owned()
    };
    assert_eq!(ask(None, "Ann", ASKED), "miss");
    assert_eq!(ask(None, "Bob", ASKED), "hit-exact");
    // Nobody says who asks but the prompt.
    assert_eq!(ask(None, "Ann", BALANCE), "miss");
    assert_eq!(ask(None, "Bob", BALANCE), "miss");
    assert_eq!(ask(None, "Bob", BALANCE), "hit-exact");
    // The app says so.
    assert_eq!(ask(Some("u1"), "Ann", BALANCE), "miss");
    assert_eq!(ask(Some("u2"), "Bob", BALANCE), "miss");
    assert_eq!(ask(Some("u1"), "Annie", BALANCE), "hit-exact");
}

#[test]
fn patterns_that_make_no_sense_are_refused_and_change_nothing() {
    let mock = Mock::start().unwrap();
    let (place, key, gateway) = started(&mock);
    let admin = Admin::new(&gateway, &key);
    for bad in [json!([".*"]), json!(["("]), json!(vec!["x"; 17])] {
        let reply = put(&admin, 0, &json!({"system_ignore": bad}));
        assert_eq!(
            (reply.status, &reply.json()["error"]["param"]),
            (400, &json!("system_ignore"))
        );
    }
    assert_eq!(admin.get("/admin/v1/policies/acme")["version"], 0);
    let stranger = place.key("rival", "analyst");
    let reply = Admin::new(&gateway, &stranger).call("GET", "/admin/v1/scopes?namespace=acme");
    assert_eq!(reply.status, 403);
}

#[test]
fn where_no_text_is_kept_prompts_are_counted_and_not_shown() {
    let mock = Mock::start().unwrap();
    let (_place, key, gateway) = started(&mock);
    let admin = Admin::new(&gateway, &key);
    four_days(&gateway, &key);
    assert_eq!(put(&admin, 0, &json!({"keep_text": false})).status, 200);
    for day in 5..8 {
        ask_under(&gateway, &key, None, &dated(day), "Who was Ada Lovelace?");
    }
    let told = admin.get("/admin/v1/scopes?namespace=acme");
    let group = &told["data"][0];
    assert_eq!(
        (&group["prompts"], &group["example"]),
        (&json!(7), &Value::Null),
        "{told}"
    );
    // One before and two after; by meaning nothing can be compared.
    assert_eq!(
        group["lost"],
        json!({"same_words": 3, "by_meaning": 0, "looked_at": 0})
    );
    assert!(!told.to_string().contains("Acme"));
    // Also where text is kept again: what was forgotten is not shown.
    assert_eq!(put(&admin, 1, &json!({"keep_text": true})).status, 200);
    let told = admin.get("/admin/v1/scopes?namespace=acme");
    assert!(!told.to_string().contains("Acme"), "{told}");
}
