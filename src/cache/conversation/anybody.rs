//! First persons that say nothing of the one who asks: `Where can I buy stamps?`, `What should I cook?` is asked by
//! many for one answer. In doubt it is theirs: that costs a provider call, the other way somebody else's answer.

use super::words::{Words, list};
use crate::cache::verdict::guards::Kind;

/// Whether `I` or `we` at `i` stands in a question that anybody asks for the same answer.
pub(super) fn asks(words: &Words<'_>, i: usize) -> bool {
    let (before, next) = (back(words, i, 1), words.at(i + 1));
    let stated = list("states").contains(&next) && words.at(i + 2) != "to";
    if stated || is_past(next) || is_dated(words) || is_due(words, i) || is_numbered(words) {
        return false;
    }
    // `Why do we dream?`
    if words.begins("why do we") {
        return true;
    }
    if is_settled(words, i) {
        return false;
    }
    let lived = list("lived").contains(&next);
    match before {
        "should" | "shall" => next != "be",
        "may" | "might" | "would" => !lived && next != "be" && !is_received(next),
        "can" | "could" | "must" => is_way(words) || !lived && may_anybody(words, i),
        "do" => is_way(words) || !lived && does_anybody(words, i),
        "will" => !lived && next != "be" && !is_received(next) && will_anybody(words, i),
        "if" | "when" => !lived,
        "what" | "where" => matches!(next, "need" | "should" | "can" | "could" | "must"),
        _ => false,
    }
}

fn back<'a>(words: &Words<'a>, i: usize, by: usize) -> &'a str {
    i.checked_sub(by).map_or("", |at| words.at(at))
}

/// `Should I take the pills?`, `if I miss the next payment`: a thing that both know of, or a time that was set. Where
/// something is to be found (`Where can I see the northern lights?`) there is one for all.
fn is_settled(words: &Words<'_>, i: usize) -> bool {
    let found = words.at(0) == "where" && back(words, i, 1) == "can";
    let thing = |at: usize| {
        let noun = (at + 1..words.len()).take_while(|j| !words.tokens[*j].stop);
        let end = at + 1 + noun.clone().count();
        let told = matches!(words.at(end), "of" | "for" | "between");
        // `the easiest`, `the moon`.
        let one = |j: usize| words.at(j).ends_with("est") || list("unique").contains(&words.at(j));
        let named = noun.clone().any(|j| words.is_named(j) || one(j));
        words.at(at) == "the" && end > at + 1 && !told && !named
    };
    let timed = words.has(&["noon", "midnight"]);
    // `How long can I keep cooked rice in the fridge?`
    let next = words.at(i + 1);
    let kept = list("needed").contains(&next) && !matches!(next, "need" | "want" | "use" | "buy");
    !is_way(words) && !found && !kept && (timed || (i + 1..words.len()).any(thing))
}

/// `How do I …`: a way is the same for everybody.
fn is_way(words: &Words<'_>) -> bool {
    words.at(0) == "how" && matches!(words.at(1), "do" | "can" | "could" | "should")
}

/// Words that say something behind `I` and its verb.
fn tail(words: &Words<'_>, i: usize) -> usize {
    let rest = words.tokens.iter().skip(i + 2);
    rest.filter(|t| !t.stop).count()
}

/// `Where can I buy stamps?`, but not `How much can I borrow?`, `Which rooms can we book?`, `Can I still cancel?`
fn may_anybody(words: &Words<'_>, i: usize) -> bool {
    let counted = words.at(0) == "how" && !list("needed").contains(&words.at(i + 1))
        || matches!(words.at(0), "which" | "who" | "whom");
    let definite = words.at(0) == "when" && words.has(&["the"]);
    let state = words.has(&["still", "yet", "already", "anymore"]) || words.at(i + 1) == "be";
    !counted && !definite && !state && tail(words, i) > 0
}

/// `Will I gain weight if I eat late?`, `What will I need in Japan?`, but not `Will we make the connection?`
fn will_anybody(words: &Words<'_>, i: usize) -> bool {
    let whether =
        i == 1 && !words.has(&["if", "when"]) && !list("needed").contains(&words.at(i + 1));
    !whether && tail(words, i) > 0
}

/// `What do I wear to a wedding?`, but not `Which bus do I take?`, `What do I drive?`, `When do I fly home?`
fn does_anybody(words: &Words<'_>, i: usize) -> bool {
    let next = words.at(i + 1);
    let needed = list("needed").contains(&next) || next == "have" && words.at(i + 2) == "to";
    // `Do I smoke?` asks what only they know, `do I need` does not.
    let whether = back(words, i, 2).is_empty();
    let which = matches!(words.at(0), "which" | "what") && back(words, i, 2) != "what";
    let told = which || whether || matches!(words.at(0), "who" | "whom");
    let amount = words.at(0) == "how";
    let routine = ["routine", "calendar"]
        .iter()
        .any(|name| words.has(list(name)));
    let received = is_received(next) && back(words, i, 2) == "when";
    tail(words, i) > 0 && !received && if told || amount { needed } else { !routine }
}

fn is_received(next: &str) -> bool {
    list("received").contains(&next)
}

/// `what I bought`, `where I parked`.
fn is_past(word: &str) -> bool {
    word.len() > 4 && word.ends_with("ed") && word != "need" || list("past").contains(&word)
}

/// `How much can I withdraw today?`: another day for each who asks.
fn is_dated(words: &Words<'_>) -> bool {
    list("deictic").iter().any(|time| words.says(time))
}

fn is_due(words: &Words<'_>, i: usize) -> bool {
    words.phrase_at(i + 1, "have to be") || words.phrase_at(i + 1, "need to be")
}

/// `order 77`, `flight 12`: a thing with a number of its own.
fn is_numbered(words: &Words<'_>) -> bool {
    (1..words.len()).any(|n| {
        let things = list("numbered_things");
        words.tokens[n].kind == Kind::Number && things.contains(&words.at(n - 1))
    })
}

/// `Make me a list`, `could you read us a poem`: asked of the one who answers, and not of what is somebody's: `Read me the
/// latest message`.
pub(super) fn is_bidden(words: &Words<'_>, i: usize) -> bool {
    let polite = [
        "please", "kindly", "just", "you", "can", "could", "will", "would",
    ];
    let lead = i > 0 && (0..i - 1).all(|at| polite.contains(&words.at(at)));
    let something = matches!(
        words.at(i + 1),
        "a" | "an" | "some" | "about" | "three" | "ten" | "five"
    ) || words
        .tokens
        .get(i + 1)
        .is_some_and(|t| t.kind == Kind::Number);
    lead && something && list("served").contains(&back(words, i, 1))
}

#[cfg(test)]
mod tests {
    use super::super::speaks_of_asker;

    #[test]
    fn what_one_person_does_or_did_is_theirs() {
        for text in [
            "What do I pay each month?",
            "What medication do I take?",
            "Which bus do I take to school?",
            "How much can I borrow?",
            "Which rooms can we book?",
            "Can I still cancel?",
            "Will I be charged?",
            "Will we make the connection in Frankfurt?",
            "Could I be pregnant?",
            "Tell me what I bought",
            "Show me where I parked",
            "Check if I passed",
            "What do we spend on rent?",
            "When do I fly home?",
            "How much would I get back?",
            "Do I smoke?",
            "Should I take the pills?",
            "What happens if I miss the next payment?",
            "Where should I be at noon?",
            "Do I need to renew the permit?",
        ] {
            assert!(speaks_of_asker(text), "{text}");
        }
        for text in [
            "What do I wear to a wedding?",
            "Where can I see the northern lights?",
            "Why do I need a VPN?",
            "Do I need a visa for Japan?",
            "How long do I boil eggs?",
            "How long can I keep cooked rice in the fridge?",
            "What happens if I eat raw chicken?",
            "Will I need a visa for Japan?",
            "What can I use instead of butter?",
            "If I already know English, which language is the easiest to learn?",
            "How do we know that the Earth is round?",
            "Why do we dream?",
            "How do I reset the router?",
        ] {
            assert!(!speaks_of_asker(text), "{text}");
        }
    }

    #[test]
    fn what_is_done_to_one_person_is_theirs() {
        for text in [
            "Did the landlord answer me?",
            "Who approved me for the loan?",
            "What grade did Mr. Smith give me?",
            "Is there anything due from me?",
            "What's left on me card?",
            "Show me the latest invoices",
            "Show me unpaid invoices",
            "Show me emails from Anna",
            "Read me the latest message",
            "What is this user's balance?",
        ] {
            assert!(speaks_of_asker(text), "{text}");
        }
        for text in [
            "Write me a poem about the sea",
            "Could you draw us a map of Troy?",
            "What can you tell me about Paris?",
            "Can you explain to me how a bill becomes law in the US?",
            "Why does cutting onions make us cry?",
        ] {
            assert!(!speaks_of_asker(text), "{text}");
        }
    }

    #[test]
    fn a_title_or_a_quotation_is_nobodys() {
        for text in [
            "Who directed My Fair Lady?",
            "What is the plot of How I Met Your Mother?",
            "Who sings the song My Heart Will Go On?",
            "Who wrote We Need to Talk About Kevin?",
            "What does \"I think, therefore I am\" mean?",
            "What is the GDP of the US?",
        ] {
            assert!(!speaks_of_asker(text), "{text}");
        }
        for text in [
            "What is My Account Balance?",
            "WHAT IS MY BALANCE?",
            "What is the status of \"my orders\"?",
            "Who wrote my contract?",
            "Please show My Orders",
            "Who wrote My Invoice?",
            "WHO BILLED US?",
            "Answer the question \"What is my balance?\"",
            "What does the customer mean who said \"I lost my card\"?",
        ] {
            assert!(speaks_of_asker(text), "{text}");
        }
    }
}
