//! Tells an answer that is nothing but a refusal, by how it begins. Careful rather than complete: an
//! answer taken for a refusal costs a call each time, a stored refusal is met by everybody.

/// Characters above which a text says more than that it will not.
const SHORT: usize = 400;

/// What a refusal may begin with.
const APOLOGIES: &[&str] = &[
    "i am very sorry",
    "i am really sorry",
    "i am so sorry",
    "i am sorry",
    "sorry",
    "i apologize",
    "i apologise",
    "my apologies",
    "apologies",
    "unfortunately",
    "i am afraid",
];

/// Words between the apology and the refusal itself.
const FILLERS: &[&str] = &[
    "but",
    "however",
    "that",
    "and",
    "for",
    "the",
    "any",
    "confusion",
    "inconvenience",
];

/// Beginnings of a refusal that say all by themselves.
const DECLINES: &[&str] = &[
    "i must decline",
    "i have to decline",
    "i must refuse",
    "i have to refuse",
    "i am not comfortable",
    "i am not allowed to",
    "i am not permitted to",
];

/// Beginnings of a refusal that need a word of [`ACTS`] behind them.
const UNABLE: &[&str] = &[
    "i can not",
    "i am unable to",
    "i am not able to",
    "i will not be able to",
    "i will not",
];

/// Words between [`UNABLE`] and [`ACTS`].
const ADVERBS: &[&str] = &[
    "ethically",
    "legally",
    "directly",
    "currently",
    "in",
    "good",
    "conscience",
    "really",
];

/// What somebody who refuses will not do. `find` or `see` are no such words: not to find something is an answer.
const ACTS: &[&str] = &[
    "assist",
    "help",
    "comply",
    "fulfill",
    "fulfil",
    "provide",
    "answer",
    "respond",
    "discuss",
    "engage",
    "generate",
    "create",
    "support",
    "participate",
    "do",
    "share",
    "write",
    "produce",
    "offer",
    "facilitate",
];

/// What may stand before a refusal.
const INTRODUCTIONS: &[&str] = &["as an ai", "as a language model", "as an assistant"];

/// Words by which a text goes on to answer all the same.
const GOES_ON: &[&str] = &[
    "here is",
    "here are",
    "for example",
    "such as",
    "instead of",
];

/// Whether a text is a refusal.
pub(super) fn is_refusal(text: &str) -> bool {
    let text = text.trim();
    if !may_refuse(text) || text.chars().take(SHORT + 1).count() > SHORT {
        return false;
    }
    let words = words(text);
    let rest = after_any(&words, APOLOGIES).unwrap_or(&words);
    let rest = after_introduction(skip(rest, FILLERS));
    refuses(rest) && !GOES_ON.iter().any(|phrase| holds(rest, phrase))
}

/// Whether the first word is one that a refusal begins with. Most answers begin otherwise, and need not be read.
fn may_refuse(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    let first = words.find(|word| !word.is_empty()).unwrap_or_default();
    let lists = [APOLOGIES, FILLERS, DECLINES, UNABLE, INTRODUCTIONS];
    let mut openings = lists.into_iter().flatten();
    openings.any(|phrase| {
        let opening = phrase.split(' ').next();
        opening.is_some_and(|word| word.eq_ignore_ascii_case(first))
    })
}

fn refuses(words: &[String]) -> bool {
    if after_any(words, DECLINES).is_some() {
        return true;
    }
    let Some(rest) = after_any(words, UNABLE) else {
        return false;
    };
    let [act, behind @ ..] = skip(rest, ADVERBS) else {
        return false;
    };
    // `I cannot help but admire it`, `I can't help thinking`.
    let idiom = act == "help"
        && behind
            .first()
            .is_some_and(|w| w == "but" || w.ends_with("ing"));
    ACTS.contains(&act.as_str()) && !idiom
}

/// `As an AI language model, I …` without its first half.
fn after_introduction(words: &[String]) -> &[String] {
    let introduced = after_any(words, INTRODUCTIONS);
    let place = introduced.and_then(|rest| {
        rest.iter()
            .take(8)
            .position(|w| w == "i")
            .map(|i| &rest[i..])
    });
    place.unwrap_or(words)
}

fn after_any<'a>(words: &'a [String], phrases: &[&str]) -> Option<&'a [String]> {
    phrases.iter().find_map(|phrase| after(words, phrase))
}

fn after<'a>(words: &'a [String], phrase: &str) -> Option<&'a [String]> {
    let mut rest = words;
    for wanted in phrase.split(' ') {
        let (first, behind) = rest.split_first()?;
        if first != wanted {
            return None;
        }
        rest = behind;
    }
    Some(rest)
}

fn skip<'a>(words: &'a [String], fillers: &[&str]) -> &'a [String] {
    let first = words.iter().position(|w| !fillers.contains(&w.as_str()));
    &words[first.unwrap_or(words.len())..]
}

fn holds(words: &[String], phrase: &str) -> bool {
    (0..words.len()).any(|i| after(&words[i..], phrase).is_some())
}

/// Small letters, contractions written out.
fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('\u{2019}', "'");
    let parts = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    let mut words = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        match part {
            "can't" | "cannot" => words.extend(["can", "not"]),
            "won't" => words.extend(["will", "not"]),
            "i'm" => words.extend(["i", "am"]),
            "here's" => words.extend(["here", "is"]),
            other => words.push(other),
        }
    }
    words.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_says_that_it_will_not_is_a_refusal() {
        for text in [
            "I'm sorry, but I can't assist with that.",
            "I\u{2019}m sorry, I can\u{2019}t help with that request.",
            "Sorry, I cannot comply with this.",
            "I cannot help with that.",
            "I can't provide instructions for that.",
            "I am unable to assist you with this request.",
            "As an AI language model, I cannot provide personal opinions.",
            "Unfortunately, I won't be able to help with that.",
            "I apologize, but I'm not able to discuss this topic.",
            "I must decline this request.",
            "  I will not generate such content.",
            "I'm afraid I can't do that.",
            "I cannot in good conscience help with this.",
            "I'm not comfortable writing that.",
        ] {
            assert!(is_refusal(text), "{text}");
        }
    }

    #[test]
    fn what_answers_is_none_though_it_is_sorry_or_cannot() {
        for text in [
            "",
            "Paris.",
            "I can't help but admire the architecture.",
            "I cannot help thinking of Rome.",
            "I can't find that word in the text.",
            "Sorry is an adjective that expresses regret.",
            "I'm sorry to hear that. Try restarting the router.",
            "You cannot help with that unless you are an admin.",
            "The court ruled that it cannot provide relief.",
            "Unfortunately, the train was late.",
            "I can't provide a full list, but here are the three largest: Paris, Lyon, Marseille.",
            "I will not bore you: the answer is 42.",
            "'I'm sorry' is what you say when you have hurt somebody.",
        ] {
            assert!(!is_refusal(text), "{text}");
        }
        let long = format!(
            "I'm sorry, but I can't assist with that. {}",
            "More is said. ".repeat(40)
        );
        assert!(!is_refusal(&long), "it says more than that");
    }
}
