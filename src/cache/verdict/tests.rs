//! The decision as a whole: guards first, then one measure, stricter where nothing can be read.

use std::collections::BTreeMap;

use super::*;

struct Case<'a> {
    asked: &'a str,
    stored: &'a str,
    /// Whether the encoder sees the same tokens in both.
    blind: bool,
    keep_text: bool,
    similarity: f32,
}

fn of(asked: &'static str, stored: &'static str, similarity: f32) -> Case<'static> {
    Case {
        asked,
        stored,
        blind: false,
        keep_text: true,
        similarity,
    }
}

fn judged(case: &Case<'_>, rule: &Rule) -> Judgement {
    let (a, b) = (TokenDigest([0; 16]), TokenDigest([1; 16]));
    let reading = Reading::of(case.asked);
    let evidence = Evidence {
        asked: case.asked,
        reading: &reading,
        asked_tokens: &a,
        stored: &Question::keep(case.stored, case.keep_text),
        stored_tokens: if case.blind { &a } else { &b },
        similarity: case.similarity,
        gap: None,
        known: Known::default(),
    };
    judge(&evidence, rule)
}

fn verdict(case: &Case<'_>, rule: &Rule) -> Verdict {
    judged(case, rule).verdict
}

fn cosine() -> Rule {
    Rule::by_cosine(0.92)
}

fn probable(least: f32) -> Rule {
    Rule {
        probability: Some(least),
        ..Rule::by_cosine(0.0)
    }
}

const REWORDED: (&str, &str) = (
    "How do I reset my password?",
    "How can I reset my password?",
);

#[test]
fn likeness_decides_from_the_threshold_on() {
    let at = |similarity| verdict(&of(REWORDED.0, REWORDED.1, similarity), &cosine());
    assert_eq!(at(0.92), Verdict::Serve);
    assert_eq!(at(0.9199), Verdict::BelowThreshold);
    assert_eq!(at(f32::NAN), Verdict::BelowThreshold);
}

#[test]
fn a_likely_answer_serves_and_an_unlikely_one_does_not() {
    let at = |similarity| judged(&of(REWORDED.0, REWORDED.1, similarity), &probable(0.8));
    assert_eq!(at(0.99).verdict, Verdict::Serve);
    assert_eq!(at(0.4).verdict, Verdict::BelowProbability);
    assert_eq!(at(f32::NAN).verdict, Verdict::BelowProbability);
    assert!(at(0.99).score > at(0.9).score && at(0.9).score > at(0.4).score);
}

#[test]
fn a_request_may_ask_for_a_cosine_on_top_of_a_probability() {
    let rule = Rule {
        cosine: 0.995,
        ..probable(0.8)
    };
    let case = of(REWORDED.0, REWORDED.1, 0.99);
    assert_eq!(verdict(&case, &rule), Verdict::BelowThreshold);
}

#[test]
fn a_guard_vetoes_whatever_the_measure_says_unless_it_is_switched_off() {
    let case = of("Is it safe to swim?", "Is it not safe to swim?", 0.99);
    for rule in [cosine(), probable(0.5)] {
        let judged = judged(&case, &rule);
        assert!(matches!(judged.verdict, Verdict::Vetoed(_)));
        assert_eq!(judged.score.to_bits(), 0);
        let off = BTreeMap::from([("negation".to_owned(), false)]);
        let without = Rule {
            guards: GuardSet::chosen(&off),
            ..rule
        };
        assert!(!matches!(verdict(&case, &without), Verdict::Vetoed(_)));
    }
    let none = Rule {
        guards: GuardSet::chosen(&BTreeMap::from([("*".to_owned(), false)])),
        ..cosine()
    };
    assert_eq!(verdict(&case, &none), Verdict::Serve);
}

#[test]
fn a_star_stands_for_the_guards_that_are_not_named() {
    let chosen = |pairs: &[(&str, bool)]| {
        let chosen = pairs.iter().map(|(n, on)| ((*n).to_owned(), *on));
        chosen.collect::<BTreeMap<_, _>>()
    };
    let only = GuardSet::chosen(&chosen(&[("*", false), ("numbers", true)]));
    let mut findings = [Finding::Equal; guards::COUNT];
    findings[0] = Finding::Different("first");
    findings[1] = Finding::Different("second");
    assert_eq!(guards::GUARDS[0].name, "numbers");
    assert_eq!(only.first_of(facts::different(&findings)), Some(0));
    findings[0] = Finding::Unsure("first");
    assert_eq!(only.first_of(facts::different(&findings)), None);
    assert_eq!(
        GuardSet::unknown(&chosen(&[("*", true), ("numbres", true)])),
        Some("numbres")
    );
}

#[test]
fn where_the_guards_cannot_read_more_is_asked_for() {
    let rule = |when_unsure| Rule {
        when_unsure,
        ..cosine()
    };
    let foreign = |similarity| {
        of(
            "Wie setze ich mein Passwort zurück?",
            "Wie kann ich mein Passwort zurücksetzen?",
            similarity,
        )
    };
    let at = |when_unsure, similarity| verdict(&foreign(similarity), &rule(when_unsure));
    assert_eq!(at(WhenUnsure::Miss, 0.999), Verdict::Unsure("not_english"));
    assert_eq!(at(WhenUnsure::Strict, 0.95), Verdict::Unsure("not_english"));
    assert_eq!(at(WhenUnsure::Strict, 0.961), Verdict::Serve);
    assert_eq!(at(WhenUnsure::Serve, 0.93), Verdict::Serve);
    assert_eq!(at(WhenUnsure::Serve, 0.91), Verdict::BelowThreshold);
}

#[test]
fn a_number_is_a_number_in_every_language() {
    let case = of("Wie viel sind 5 Meilen?", "Wie viel sind 50 Meilen?", 0.99);
    assert!(matches!(verdict(&case, &cosine()), Verdict::Vetoed(_)));
}

#[test]
fn without_the_stored_text_a_cosine_must_be_surer_and_there_is_no_probability() {
    let kept_not = |similarity| Case {
        keep_text: false,
        ..of(REWORDED.0, REWORDED.1, similarity)
    };
    let told = Verdict::Unsure("text_not_kept");
    assert_eq!(verdict(&kept_not(0.95), &cosine()), told);
    assert_eq!(verdict(&kept_not(0.97), &cosine()), Verdict::Serve);
    assert_eq!(verdict(&kept_not(0.999), &probable(0.5)), told);
}

#[test]
fn what_the_encoder_cannot_tell_apart_is_compared_as_text() {
    let blind = |asked, stored| Case {
        blind: true,
        ..of(asked, stored, 1.0)
    };
    for rule in [cosine(), probable(0.9)] {
        let at = |asked, stored| verdict(&blind(asked, stored), &rule);
        assert_eq!(at("Is US ok", "Is us ok"), Verdict::SameTokens);
        assert_eq!(at("años", "anos"), Verdict::SameTokens);
        assert_eq!(at("Hi there?", "hi  there"), Verdict::Serve);
        let hidden = Case {
            keep_text: false,
            ..blind("Hi there?", "hi  there")
        };
        assert_eq!(verdict(&hidden, &rule), Verdict::Serve);
    }
}

#[test]
fn the_same_words_are_the_same_question_whatever_mark_is_at_their_end() {
    let at = |asked, stored| verdict(&of(asked, stored, 0.8), &probable(0.9));
    assert_eq!(at("why", "Why?"), Verdict::Serve);
    assert_eq!(at("and in winter", "And in winter?"), Verdict::Serve);
    assert_eq!(at("continue.", "continue"), Verdict::Serve);
    assert_ne!(at("How do I cd ..", "How do I cd ."), Verdict::Serve);
    assert_ne!(at("What is 5!", "What is 5"), Verdict::Serve);
    assert_ne!(at("What is n!", "What is n?"), Verdict::Serve);
    assert_ne!(at("Anna passed.", "Anna passed?"), Verdict::Serve);
    // Whoever asks for a cosine gets it.
    assert_eq!(
        verdict(&of("why", "Why?", 0.8), &cosine()),
        Verdict::BelowThreshold
    );
}
