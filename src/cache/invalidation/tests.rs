use super::*;
use crate::store::DataFolder;

const ENTRY: Features<'static> = Features {
    namespace: "acme/plays",
    model: "m",
    tags: &[],
    prompt_version: Some("v1.2"),
    generation: 0,
    created_ms: 1000,
};

fn hidden(realm: Realm, what: What, entry: &Features<'_>) -> bool {
    let marks = Marks::default();
    marks.put(realm, what, 5000).unwrap();
    marks.hide(entry)
}

#[test]
fn a_mark_hides_what_it_names_where_it_says_so_and_nothing_else() {
    let tags = ["prices".to_owned()];
    let entry = Features {
        tags: &tags,
        ..ENTRY
    };
    let realm = |name: &str| match name {
        "" => Realm::Everywhere,
        own if own.contains('/') => Realm::Namespace(own.into()),
        tenant => Realm::Tenant(tenant.into()),
    };
    for what in [
        What::All,
        What::Tag("prices".into()),
        What::Model("m".into()),
        What::PromptVersionPrefix("v1".into()),
        What::PromptVersionPrefix("v1.2".into()),
        What::MadeBefore(1001),
    ] {
        for name in ["", "acme", "acme/plays"] {
            assert!(hidden(realm(name), what.clone(), &entry), "{what:?} {name}");
        }
        for name in ["globex", "acme/other"] {
            assert!(
                !hidden(realm(name), what.clone(), &entry),
                "{what:?} {name}"
            );
        }
    }
    for what in [
        What::Tag("price".into()),
        What::Model("m2".into()),
        What::PromptVersionPrefix("v2".into()),
        What::PromptVersionPrefix("v1.2.3".into()),
        What::MadeBefore(1000),
    ] {
        assert!(!hidden(Realm::Everywhere, what.clone(), &entry), "{what:?}");
    }
}

#[test]
fn what_is_asked_for_after_a_mark_is_not_hidden_by_it_though_the_clock_stands_still() {
    let marks = Marks::default();
    for _ in 0..2 {
        let before = Features {
            generation: marks.generation(),
            ..ENTRY
        };
        let mark = marks.put(Realm::Everywhere, What::All, 5000).unwrap();
        let after = Features {
            generation: mark,
            ..ENTRY
        };
        assert!(marks.hide(&before) && !marks.hide(&after));
        assert_eq!(marks.generation(), mark);
    }
}

#[test]
fn marks_outlive_the_process_until_what_they_hide_is_gone() {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(temp.path()).unwrap();
    let state = Arc::new(StateStore::open(&folder).unwrap());
    let marks = Marks::open(state.clone()).unwrap();
    assert!(!marks.wants_sweep(5000));
    marks
        .put(Realm::Everywhere, What::Model("m".into()), 5000)
        .unwrap();
    marks
        .put(Realm::Tenant("acme".into()), What::Tag("t".into()), 6000)
        .unwrap();
    let again = Marks::open(state.clone()).unwrap();
    assert!(again.hide(&ENTRY) && again.generation() == 6000);
    assert!(again.wants_sweep(6000));
    again.swept(again.changes(), 6000);
    assert_eq!(state.all(TABLE).len(), 2, "calls may be under way still");
    assert!(!again.wants_sweep(6000) && again.wants_sweep(7000 + SETTLED_MS));
    again.swept(again.changes(), 7000 + SETTLED_MS);
    assert!(!again.wants_sweep(7000 + SETTLED_MS));
    assert_eq!(state.all(TABLE).len(), 1, "the newest stays");
    assert!(!again.hide(&ENTRY));
    state.put(TABLE, "odd", &json!({"what": "some"})).unwrap();
    assert_eq!(Marks::open(state.clone()).err().as_deref(), Some("odd"));
    state.delete(TABLE, "odd").unwrap();
    assert_eq!(Marks::open(state.clone()).unwrap().generation(), 6000);
}

#[test]
fn an_earlier_date_brings_nothing_back_after_a_restart_either() {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(temp.path()).unwrap();
    let state = Arc::new(StateStore::open(&folder).unwrap());
    let marks = Marks::open(state.clone()).unwrap();
    for date_ms in [2000, 500] {
        let what = What::MadeBefore(date_ms);
        marks.put(Realm::Everywhere, what, 5000).unwrap();
    }
    let again = Marks::open(state).unwrap();
    assert!(marks.hide(&ENTRY) && again.hide(&ENTRY));
}

#[test]
fn there_are_no_more_marks_than_are_kept_and_a_later_one_takes_the_place_of_its_like() {
    let marks = Marks::default();
    for number in 0..MOST {
        let tag = What::Tag(number.to_string());
        marks.put(Realm::Everywhere, tag, 1).unwrap();
    }
    let one_more = marks.put(Realm::Everywhere, What::Tag("more".into()), 1);
    assert!(matches!(one_more, Err(MarkError::Full)));
    marks
        .put(Realm::Everywhere, What::Tag("7".into()), 1)
        .unwrap();
}
