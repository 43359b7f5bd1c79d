//! Turns of a conversation: which questions stand alone, so that what was said before them does
//! not count, and which are about the one who asks. Pure; reads English and trusts nothing else.

mod alone;
mod anybody;
mod asker;
mod earlier;
mod shape;
mod whole;
mod words;

pub use alone::stands_alone;
pub use asker::speaks_of_asker;

/// Whether a turn needs what was said before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It says itself all that its answer depends on.
    Alone,
    /// It does not, or may not; why.
    Needs(&'static str),
}

impl Standing {
    /// As decisions spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Needs(why) => why,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        earlier: Vec<String>,
        question: String,
        needs: Option<String>,
    }

    #[derive(serde::Deserialize)]
    struct Asked {
        question: String,
        asker: bool,
    }

    fn read<T: serde::de::DeserializeOwned>(text: &str) -> Vec<T> {
        let lines = text.lines();
        lines.map(|l| serde_json::from_str(l).unwrap()).collect()
    }

    /// Written together with the rules.
    fn cases() -> Vec<Case> {
        read(include_str!("../../../tests/data/earlier-turns.jsonl"))
    }

    /// Written by somebody who had not read the rules.
    fn unseen() -> Vec<Case> {
        read(include_str!("../../../tests/data/unseen-turns.jsonl"))
    }

    fn standing(case: &Case) -> Standing {
        let earlier: Vec<&str> = case.earlier.iter().map(String::as_str).collect();
        stands_alone(&case.question, &earlier)
    }

    #[test]
    fn every_list_is_named_by_a_rule_and_holds_words() {
        let sources = [
            include_str!("alone.rs"),
            include_str!("anybody.rs"),
            include_str!("asker.rs"),
            include_str!("earlier.rs"),
            include_str!("shape.rs"),
            include_str!("whole.rs"),
            include_str!("words.rs"),
        ];
        for name in words::names() {
            let quoted = format!("\"{name}\"");
            assert!(sources.iter().any(|s| s.contains(&quoted)), "{name}");
            assert!(
                words::list(name).iter().all(|word| !word.is_empty()),
                "{name}"
            );
        }
        for named in sources.iter().flat_map(|s| s.split("list(\"").skip(1)) {
            let name = named.split('"').next().unwrap();
            assert!(words::names().any(|known| known == name), "{name}");
        }
    }

    #[test]
    fn what_was_said_before_is_heeded_in_99_of_100_cases_that_need_it() {
        for cases in [cases(), unseen()] {
            let needed: Vec<_> = cases.iter().filter(|c| c.needs.is_some()).collect();
            let alone: Vec<_> = needed
                .iter()
                .filter(|c| standing(c) == Standing::Alone)
                .map(|c| (&c.earlier, &c.question))
                .collect();
            assert!(needed.len() >= 200, "{}", needed.len());
            assert!(alone.len() * 100 <= needed.len(), "{alone:#?}");
        }
    }

    #[test]
    fn a_question_that_stands_alone_mostly_does() {
        for (cases, tenths) in [(cases(), 7), (unseen(), 6)] {
            let controls: Vec<_> = cases.iter().filter(|c| c.needs.is_none()).collect();
            let alone = controls.iter().filter(|c| standing(c) == Standing::Alone);
            assert!(controls.len() >= 50 && alone.count() * 10 >= controls.len() * tenths);
        }
    }

    #[test]
    fn who_asks_of_themselves_is_known_in_98_of_100_cases_and_most_others_are_shared() {
        let all: Vec<Asked> = read(include_str!("../../../tests/data/askers.jsonl"));
        let (theirs, anybodys): (Vec<_>, Vec<_>) = all.iter().partition(|a| a.asker);
        let speaks = |a: &&&Asked| speaks_of_asker(&a.question);
        let missed: Vec<_> = theirs.iter().filter(|a| !speaks(a)).collect();
        let missed: Vec<_> = missed.iter().map(|a| &a.question).collect();
        let shared = anybodys.iter().filter(|a| !speaks(a)).count();
        assert!(missed.len() * 50 <= theirs.len(), "{missed:#?}");
        assert!(
            theirs.len() > 150 && shared * 10 >= anybodys.len() * 7,
            "{shared}"
        );
    }

    #[test]
    fn one_more_turn_of_the_user_binds_what_stood_alone() {
        let at = |earlier: &[&str]| stands_alone("Who was Alan Turing?", earlier);
        assert_eq!(at(&["What is Rust?"]), Standing::Alone);
        for (bound, why) in [
            ("I'm a child.", "personal_history"),
            ("Answer in French.", "standing_instruction"),
            ("How about answering in German?", "standing_instruction"),
            ("Could you use simpler words?", "standing_instruction"),
            (
                "Will you stay in character as Yoda?",
                "standing_instruction",
            ),
            (
                "Please explain like a lawyer would.",
                "standing_instruction",
            ),
            ("Explain things simply.", "standing_instruction"),
            (
                "What if gravity were twice as strong?",
                "standing_instruction",
            ),
            ("No, I meant the other one.", "correction"),
            ("Here is my text: hello", "material"),
            ("Réponds toujours en français.", "not_english"),
        ] {
            assert_eq!(
                at(&["What is Rust?", bound]),
                Standing::Needs(why),
                "{bound}"
            );
        }
    }

    #[test]
    fn a_question_is_about_its_asker_or_it_is_for_everybody() {
        for personal in [
            "What is my balance?",
            "Where is our order?",
            "Am I eligible for a refund?",
            "Do I have any unread messages?",
            "I am 45 and smoke, is running safe?",
            "When does my subscription end?",
            "Did I pay the last invoice?",
            "Which of our contracts expire in May?",
        ] {
            assert!(speaks_of_asker(personal), "{personal}");
        }
        for public in [
            "How do I reset my password?",
            "How can I install Rust?",
            "What is the capital of France?",
            "Can I use Rust on Windows?",
            "Tell me about Rome.",
            "I want to know what a fjord is.",
            "What should I do if a server is down?",
            "Give me three examples of mammals.",
        ] {
            assert!(!speaks_of_asker(public), "{public}");
        }
    }
}
