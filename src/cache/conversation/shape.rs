//! Forms of questions for which enough words are not enough: `Is tap water drinkable?` is asked of a place, however
//! many words it has, where `How do bees make honey?` is asked of all bees.

use super::words::{Words, list};
use crate::cache::verdict::guards::Kind;

/// Words by which a question begins that is answered with yes or no.
const WHETHER: [&str; 19] = [
    "is", "are", "was", "were", "am", "do", "does", "did", "can", "could", "will", "would",
    "should", "shall", "may", "might", "must", "has", "have",
];
/// What somebody did, may or should do is told of one occasion.
const PERHAPS: [&str; 7] = ["did", "would", "will", "can", "could", "should", "might"];
/// Behind `how` they ask for an amount: of one thing, which must be named.
const MEASURES: [&str; 22] = [
    "many",
    "much",
    "often",
    "long",
    "far",
    "old",
    "tall",
    "high",
    "deep",
    "big",
    "large",
    "fast",
    "soon",
    "late",
    "early",
    "crowded",
    "expensive",
    "hot",
    "cold",
    "safe",
    "hard",
    "likely",
];

/// Whether a question's form leaves open what it is asked of, unless it has a name for it.
pub(super) fn leaves_open(words: &Words<'_>) -> bool {
    let first = words.at(0);
    let second = words.at(1);
    let names = named(words);
    match first {
        _ if !asks(words) => true,
        // `Is it safe to eat raw eggs?` says all; `Do big dogs live longer than small dogs?` has both sides.
        _ if WHETHER.contains(&first) => !(second == "it" || words.has(&["than"])),
        "which" | "what" | "whose" if is_noun(words, 1) => {
            names == 0 && !is_of_nature(words) || words.has(&PERHAPS)
        }
        // `What did Einstein say to Bohr?`, but not `What does HTTP status code 404 mean?`
        "what" | "how" if PERHAPS.contains(&second) && second != "did" => !asks_the_way(words),
        "what" if matches!(second, "did" | "does") => {
            words.at(words.len() - 1) != "mean" || names == 0
        }
        "who" | "whom" => !makes(words) || names == 0,
        "where" => names == 0,
        // `When was Google founded?` is told by its name elsewhere; `When did Tom Hanks leave?` is not.
        "when" => true,
        "why" => !(is_many(words, 2) || has_unique(words)),
        "how" if MEASURES.contains(&second) => names < 2 && !has_unique(words),
        "how" if second == "did" => {
            !(2..words.len()).any(|i| words.is_named(i) && !is_body(words, i))
        }
        _ => false,
    }
}

/// Not `five year survival rate`, which is of what was asked about before.
fn asks(words: &Words<'_>) -> bool {
    let begins = |name: &str| list(name).iter().any(|phrase| words.begins(phrase));
    begins("asking") || begins("seeking") || words.has(&["how", "what", "which", "why", "who"])
}

/// `How can I …`, `what can one …`.
fn asks_the_way(words: &Words<'_>) -> bool {
    matches!(words.at(2), "i" | "we" | "you" | "one" | "people")
}

/// Words that name one thing.
fn named(words: &Words<'_>) -> usize {
    let one = |i: &usize| {
        words.is_named(*i) && !is_body(words, *i) || list("unique").contains(&words.at(*i))
    };
    (1..words.len()).filter(one).count()
}

/// `Congress`, `Parliament`: a name that each country and each year gives to others.
fn is_body(words: &Words<'_>, i: usize) -> bool {
    list("bodies").contains(&words.at(i))
}

fn has_unique(words: &Words<'_>) -> bool {
    words.has(list("unique"))
}

/// `Which countries`, `what trails`, but not `what causes`.
fn is_noun(words: &Words<'_>, i: usize) -> bool {
    words.tokens.get(i).is_some_and(|t| !t.stop)
        && !matches!(
            words.at(i),
            "causes" | "caused" | "happens" | "happened" | "makes"
        )
}

/// `What foods contain iron?`, `What enzymes break down lactose?`: the same everywhere.
fn is_of_nature(words: &Words<'_>) -> bool {
    (2..=3).any(|i| list("nature").contains(&words.at(i)))
}

/// `Who painted`, `Who was the first`.
fn makes(words: &Words<'_>) -> bool {
    let second = words.at(1);
    let is = matches!(second, "is" | "was" | "were" | "are");
    // `Who won the 1998 World Cup?`
    let number = (2..words.len()).any(|i| words.tokens[i].kind == Kind::Number);
    let won = matches!(second, "won" | "hosted") && number;
    is || won || list("makers").contains(&second) || list("closed").contains(&second)
}

/// `Why do cats purr?`: of all of a kind.
fn is_many(words: &Words<'_>, i: usize) -> bool {
    let word = words.at(i);
    let verb = matches!(words.at(1), "do" | "are");
    verb && word.len() > 3
        && word.ends_with('s')
        && !word.ends_with("ss")
        && !list("elsewhere").contains(&word)
}

#[cfg(test)]
mod tests {
    use super::super::{Standing, stands_alone};

    fn needs(turn: &str) -> bool {
        stands_alone(turn, &["What is music?"]) != Standing::Alone
    }

    #[test]
    fn a_question_of_yes_or_no_is_asked_of_what_was_spoken_of() {
        for turn in [
            "Is tap water safe year round in summer?",
            "Did Churchill sign under protest in May?",
            "Should egg whites reach room temperature beforehand?",
            "Would coconut milk curdle?",
            "Are wild cards counted twice in scoring?",
        ] {
            assert!(needs(turn), "{turn}");
        }
        for turn in [
            "Is it safe to eat raw cookie dough with eggs?",
            "Do big dogs live longer than small dogs?",
            "Is a tomato a fruit?",
        ] {
            assert!(!needs(turn), "{turn}");
        }
    }

    #[test]
    fn what_is_asked_of_one_thing_must_name_it() {
        for turn in [
            "Which hiking trails suit inexperienced walkers?",
            "Who scored England's winning penalty?",
            "Where do cron logs get stored?",
            "When did Tom Hanks leave?",
            "Why does memory usage climb steadily?",
            "How many red dice should attackers roll?",
            "How long can Canadians stay without registering?",
            "How did Congress react to defeat?",
            "What did Einstein say to Bohr?",
            "How would Kant judge lying to a murderer?",
            "Why does Python raise TypeError?",
            "five year survival rate",
            "Which opening should White choose against e4?",
        ] {
            assert!(needs(turn), "{turn}");
        }
        for turn in [
            "What foods contain high levels of iron?",
            "What language is spoken in Brazil?",
            "Who wrote Pride and Prejudice?",
            "Who won the 1998 FIFA World Cup?",
            "How far is the moon from Earth?",
            "When did World War II end?",
            "What does HTTP status code 404 mean?",
            "steps to sharpen a kitchen knife with a whetstone",
        ] {
            assert!(!needs(turn), "{turn}");
        }
    }
}
