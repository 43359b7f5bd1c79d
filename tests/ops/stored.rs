//! Entries as another build may have left them in the data folder.

use reprise::store::{CacheStore, CacheStoreConfig, DataFolder, EntryFilter, Order, Put};
use serde_json::value::RawValue;

use crate::helpers::{CHAT, Gateway, Place, chat};
use crate::http::Reply;
use crate::mock::Mock;

const QUESTIONS: [&str; 2] = ["Cut short?", "Whole?"];

/// Puts `instead` in the place of the stored answer to a question.
fn exchange(place: &Place, question: &str, instead: impl Fn(&str) -> String) {
    let folder = DataFolder::open(&place.data).unwrap();
    let (store, _) = CacheStore::open(&folder, CacheStoreConfig::default()).unwrap();
    let page = store.list(&EntryFilter::default(), Order::Newest, None, 100);
    let mut entries = page.entries.into_iter();
    let mut entry = entries
        .find(|entry| entry.answer.get().contains(question))
        .unwrap();
    let answer = instead(entry.answer.get());
    assert_ne!(answer, entry.answer.get());
    entry.answer = RawValue::from_string(answer).unwrap().into();
    entry.id = store.next_id();
    assert!(matches!(store.try_put(entry, None), Put::Queued { .. }));
    store.flush().unwrap();
}

fn only(gateway: &Gateway, question: &str) -> Reply {
    let headers = [("x-reprise-cache", "only")];
    gateway.send(CHAT, &headers, Some(&chat("mock-plain", question)))
}

#[test]
fn a_stored_answer_that_would_not_be_stored_today_is_neither_served_nor_listed() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    for question in QUESTIONS {
        gateway.ask(question, None);
        gateway.ask_until("hit-exact", question, None);
    }
    gateway.stop();
    exchange(&place, QUESTIONS[0], |answer| {
        answer.replace("\"stop\"", "\"length\"")
    });
    // The same way round for one that may be stored: it is found, so the other was refused for what it is.
    exchange(&place, QUESTIONS[1], |answer| {
        answer.replace(QUESTIONS[1], "Whole? Yes.")
    });
    let gateway = place.start();
    let refused = only(&gateway, QUESTIONS[0]);
    assert_eq!(refused.status, 504, "{refused:?}");
    let served = only(&gateway, QUESTIONS[1]);
    assert_eq!(served.cache(), "hit-exact", "{served:?}");
    assert!(served.text().contains("Whole? Yes."), "{served:?}");
    let listed = gateway.get("/admin/v1/entries", None).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(gateway.ask(QUESTIONS[0], None).cache(), "miss");
    gateway.ask_until("hit-exact", QUESTIONS[0], None);
}
