//! What the guards' tests say of two texts, and what holds for all texts.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Finding, GUARDS, Pair, Reading, examine};

fn findings(a: &str, b: &str) -> Vec<(&'static str, Finding)> {
    let (a, b) = (Reading::of(a), Reading::of(b));
    let found = examine(&Pair::of(&a, &b));
    GUARDS.iter().map(|guard| guard.name).zip(found).collect()
}

/// The guard tells the two apart.
pub(super) fn different(guard: &str, a: &str, b: &str) {
    let found = findings(a, b);
    let (_, finding) = found.iter().find(|(name, _)| *name == guard).unwrap();
    assert!(finding.is_different(), "{guard}: {a} | {b}: {found:?}");
}

/// No guard tells the two apart.
pub(super) fn survives(a: &str, b: &str) {
    for (name, finding) in findings(a, b) {
        assert!(!finding.is_different(), "{name}: {a} | {b}: {finding:?}");
    }
}

#[test]
fn other_languages_are_left_to_the_guards_that_read_no_words() {
    let found = findings("Wie hoch ist der Berg nicht?", "Wie hoch ist der Berg?");
    assert!(
        found
            .iter()
            .any(|(_, finding)| *finding == Finding::Unsure("not_english"))
    );
    assert!(found.iter().all(|(_, finding)| !finding.is_different()));
    different(
        "numbers",
        "Sind 5 mg davon schädlich?",
        "Sind 50 mg davon schädlich?",
    );
}

#[test]
fn manners_and_spelling_survive() {
    for (a, b) in [
        (
            "What is the colour of jealousy?",
            "what is the color of jealousy",
        ),
        (
            "Please tell me what a monad is, thanks!",
            "What is a monad?",
        ),
        (
            "Hi! Could you tell me how magnets work?",
            "How do magnets work?",
        ),
        (
            "It's cold, what's the reason?",
            "It is cold, what is the reason?",
        ),
        ("How do I recieve a parcel?", "How do I receive a parcel?"),
        ("How do I center a div?", "How do I centre a div"),
        ("How to bake a cake", "How do I bake cakes?"),
    ] {
        survives(a, b);
    }
}

#[test]
fn a_text_longer_than_what_is_read_is_left_undecided_in_bounded_time() {
    for long in [
        "a ".repeat(10_000),
        "x".repeat(20_000),
        "`\"'-1.".repeat(3_000),
        "5 ".repeat(10_000),
    ] {
        let started = Instant::now();
        let (a, b) = (Reading::of(&long), Reading::of(&long[1..]));
        let _ = examine(&Pair::of(&a, &b));
        assert!(started.elapsed() < Duration::from_secs(2));
    }
    let found = findings(&"5 mg ".repeat(1_000), &"50 mg ".repeat(1_000));
    assert!(found.iter().all(|(_, f)| *f == Finding::Unsure("too_long")));
}

/// Words that the guards look at, and what else a text may hold.
const PIECES: &str = "(not|never|from|to|than|by|was|Paris|Rome|5|50|mg|1\\.5|2020-01-02|--force|`x`|\"a b\"|my|your|all|some|can|should|what|why|less|cheap|A4|don't|\\PC{0,6})";

proptest! {
    #[test]
    fn a_text_is_never_different_from_itself(text in "\\PC{0,80}") {
        for (name, finding) in findings(&text, &text) {
            prop_assert!(!finding.is_different(), "{name}");
        }
    }

    #[test]
    fn the_order_of_the_two_does_not_matter(a in prop::collection::vec(PIECES, 0..12), b in prop::collection::vec(PIECES, 0..12)) {
        let (a, b) = (a.join(" "), b.join(" "));
        for ((name, one), (_, other)) in findings(&a, &b).into_iter().zip(findings(&b, &a)) {
            prop_assert_eq!(one.is_different(), other.is_different(), "{}: {} | {}", name, a, b);
        }
    }
}
