//! What kind of answer is wanted: which question word, in which language, form and length, for whom.

use super::reading::Reading;
use super::{Finding, Pair, lists};

/// What a question asks for by its question word; none where that does not tell.
fn wanted(reading: &Reading) -> Option<&'static str> {
    let words: Vec<&str> = reading.lower().collect();
    let at = words.iter().position(|w| {
        matches!(
            *w,
            "who" | "whom" | "whose" | "when" | "where" | "why" | "how" | "what" | "which"
        )
    })?;
    let next = words.get(at + 1).copied().unwrap_or_default();
    Some(match (words[at], next) {
        ("who" | "whom", _) => "person",
        ("whose", _) => return None,
        ("when", _) | ("what" | "which", "year" | "date" | "day" | "time") => "time",
        ("where", _) => "place",
        ("why", _) | ("how", "come") => "reason",
        ("what", _) if reading.says(&["the", "reason"]) || reading.says(&["the", "reasons"]) => {
            "reason"
        }
        ("how", "many" | "much") => "quantity",
        ("how", "long") => "duration",
        ("how", "far") => "distance",
        ("how", "old") => "age",
        ("how", "often") => "frequency",
        ("how", "tall" | "high" | "big" | "large" | "deep" | "heavy" | "fast") => "size",
        _ => return None,
    })
}

/// `who` and `when`, `how many` and `how often`.
pub(super) fn question_word(pair: &Pair<'_>) -> Finding {
    match (wanted(pair.a), wanted(pair.b)) {
        (Some(a), Some(b)) if a == b => Finding::Equal,
        (Some(_), Some(_)) => Finding::Different("question_word_changed"),
        (None, None) => Finding::Equal,
        _ => Finding::Unsure("question_word_on_one_side"),
    }
}

/// The language that an answer is wanted in, or that something is to be translated to.
fn language(reading: &Reading) -> Option<&'static str> {
    let words: Vec<&str> = reading.lower().collect();
    let found = words.windows(2).rev().find_map(|w| {
        matches!(w[0], "in" | "into" | "to")
            .then(|| lists::people(w[1]))
            .flatten()
    });
    found
}

/// `in French` and `in German`, or no language at all.
pub(super) fn target_language(pair: &Pair<'_>) -> Finding {
    match (language(pair.a), language(pair.b)) {
        (a, b) if a == b => Finding::Equal,
        (Some(_), Some(_)) => Finding::Different("language_changed"),
        _ => Finding::Unsure("language_on_one_side"),
    }
}

/// The form that an answer is wanted in.
fn format(word: &str) -> Option<&'static str> {
    Some(match word {
        "json" => "json",
        "yaml" | "yml" => "yaml",
        "xml" => "xml",
        "csv" => "csv",
        "html" => "html",
        "latex" => "latex",
        "markdown" => "markdown",
        "table" | "tabular" => "table",
        "bullet" | "bullets" | "bulleted" => "bullets",
        "numbered" => "numbered",
        "comma-separated" | "comma" => "comma",
        "paragraph" | "paragraphs" => "paragraph",
        "sentence" | "sentences" => "sentence",
        "poem" | "verse" | "rhyme" => "poem",
        "haiku" => "haiku",
        "limerick" => "limerick",
        "song" | "lyrics" => "song",
        "essay" => "essay",
        "story" => "story",
        "email" | "e-mail" => "email",
        "letter" => "letter",
        "tweet" => "tweet",
        "slide" | "slides" | "presentation" => "slides",
        "script" => "script",
        "dialogue" | "dialog" => "dialogue",
        "flowchart" | "diagram" => "diagram",
        "outline" => "outline",
        "report" => "report",
        "blog" => "blog",
        "briefly" | "brief" | "short" | "concise" | "concisely" | "shortly" | "succinct"
        | "tldr" => "brief",
        "detail" | "detailed" | "details" | "depth" | "thorough" | "thoroughly"
        | "comprehensive" => "detailed",
        _ => return None,
    })
}

fn of_left(
    left: &[&super::Token],
    class: impl Fn(&str) -> Option<&'static str>,
) -> Vec<&'static str> {
    left.iter().filter_map(|t| class(&t.text)).collect()
}

/// `as JSON` and `as a table`, `in one sentence` and `in detail`.
pub(super) fn requested_form(pair: &Pair<'_>) -> Finding {
    changed(pair, format, "format_changed", "format_on_one_side")
}

/// For whom an answer is meant.
fn reader(word: &str) -> Option<&'static str> {
    Some(match word {
        "child" | "children" | "kid" | "kids" | "toddler" | "five-year-old" | "eli5" => "child",
        "beginner" | "beginners" | "novice" | "newbie" | "layman" | "layperson" | "dummies"
        | "noob" => "beginner",
        "expert" | "experts" | "professional" | "professionals" | "specialist" | "advanced"
        | "phd" => "expert",
        "student" | "students" | "undergraduate" | "graduate" | "schooler" | "schoolers"
        | "teenager" | "teenagers" | "teen" | "teens" => "student",
        "teacher" | "teachers" => "teacher",
        "engineer" | "engineers" | "developer" | "developers" | "programmer" => "engineer",
        "manager" | "managers" | "executive" | "executives" | "ceo" => "manager",
        "doctor" | "doctors" | "nurse" | "nurses" | "physician" => "doctor",
        "senior" | "seniors" | "elderly" => "senior",
        "adult" | "adults" | "parent" | "parents" => "adult",
        "lawyer" | "lawyers" => "lawyer",
        "scientist" | "scientists" => "scientist",
        _ => return None,
    })
}

/// `for a child` and `for an expert`.
pub(super) fn audience(pair: &Pair<'_>) -> Finding {
    changed(pair, reader, "audience_changed", "audience_on_one_side")
}

/// What is to be done, of verbs that leave no doubt.
fn task(word: &str) -> Option<&'static str> {
    Some(match word {
        "explain" | "describe" | "clarify" | "elaborate" => "explain",
        "summarize" | "summary" | "shorten" | "condense" => "summarize",
        "translate" | "translation" => "translate",
        "compare" | "contrast" => "compare",
        "proofread" | "correct" => "correct",
        "rewrite" | "rephrase" | "paraphrase" | "reword" => "rewrite",
        "critique" | "review" | "evaluate" => "review",
        "reverse" => "reverse",
        "sort" => "sort",
        "merge" => "merge",
        "split" => "split",
        "parse" => "parse",
        "filter" => "filter",
        "validate" => "validate",
        "install" | "installation" => "install",
        "update" | "upgrade" => "update",
        "configure" => "configure",
        "debug" | "fix" | "repair" | "troubleshoot" => "fix",
        "delete" | "remove" | "erase" => "delete",
        "copy" | "duplicate" => "copy",
        "rename" => "rename",
        "cancel" => "cancel",
        "renew" => "renew",
        "return" => "return",
        "reset" => "reset",
        "print" => "print",
        "download" => "download",
        "upload" => "upload",
        "cook" => "cook",
        "bake" => "bake",
        "clean" | "wash" => "clean",
        "refactor" => "refactor",
        "test" => "test",
        "deploy" => "deploy",
        "draw" | "paint" | "sketch" => "draw",
        "simplify" => "simplify",
        "expand" => "expand",
        _ => return None,
    })
}

/// `summarise` and `translate`, `reset` and `delete`.
pub(super) fn tasks(pair: &Pair<'_>) -> Finding {
    changed(pair, task, "task_changed", "task_on_one_side")
}

fn changed(
    pair: &Pair<'_>,
    class: impl Fn(&str) -> Option<&'static str> + Copy,
    different: &'static str,
    unsure: &'static str,
) -> Finding {
    let (left_a, left_b) = pair.left();
    let (a, b) = (of_left(&left_a, class), of_left(&left_b, class));
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Finding::Equal,
        (false, false) if a == b => Finding::Equal,
        (false, false) => Finding::Different(different),
        _ => Finding::Unsure(unsure),
    }
}
