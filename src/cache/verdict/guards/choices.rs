//! The guards over short lists: quantifiers, modal verbs, the language, form, length
//! and audience asked for, and the task. Knows nothing of the subject.

use super::Finding;
use super::lexicon::Family;
use super::marks::{are_aligned, clash, left, rivals};
use super::opposites::are_opposite;
use super::pair::Pair;
use super::question::Asked;
use super::reading::{Mark, Reading};
use super::token::{Kind, Token};

/// Share of content words two texts must have in common before a modal verb decides.
const NEARLY_THE_SAME: f32 = 0.8;
/// The same for a task.
const MUCH_THE_SAME: f32 = 0.5;
/// The same for the task a text begins with.
const SOMEWHAT_THE_SAME: f32 = 0.2;
/// Content words an addition may have to count as nothing but a wish for another form.
const SHORT_WISH: usize = 3;

fn choice(pair: &Pair<'_>, family: Family, in_place: bool, reason: &'static str) -> Finding {
    if clash(pair, family, in_place) {
        return Finding::Different(reason);
    }
    let (a, b) = left(pair, family);
    if a.is_empty() && b.is_empty() {
        Finding::Equal
    } else {
        Finding::Unsure("on_one_side")
    }
}

/// All, some, none, at least, only, always.
pub(super) fn quantifiers(pair: &Pair<'_>) -> Finding {
    // "The most interesting" counts nothing.
    let graded = |of: &Reading, mark: &Mark| led_by(of, mark, &["the"], 1);
    let (a, b) = left(pair, Family::Quantity);
    let changed = a.iter().any(|x| {
        b.iter().any(|y| {
            rivals(x, y) && are_aligned(pair, x, y) && !graded(pair.a, x) && !graded(pair.b, y)
        })
    });
    if changed {
        Finding::Different("quantifier_changed")
    } else if a.is_empty() && b.is_empty() {
        Finding::Equal
    } else {
        Finding::Unsure("quantifier_on_one_side")
    }
}

/// Can, should, must, may. "How can I" and "how should I" ask the same.
pub(super) fn modality(pair: &Pair<'_>) -> Finding {
    let open = |asked: Option<Asked>| {
        matches!(
            asked,
            Some(Asked::How | Asked::HowLong | Asked::HowMany | Asked::HowOften)
        )
    };
    // `What should I buy?` asks for much the same as `What can I buy?`, not for what must be bought.
    let asks = pair.a.asked().is_some() || pair.b.asked().is_some();
    let loose = asks && !is_duty(pair.a) && !is_duty(pair.b);
    if loose || open(pair.a.asked()) || open(pair.b.asked()) {
        return Finding::Unsure("open_question");
    }
    if pair.likeness() < NEARLY_THE_SAME {
        return Finding::Unsure("other_words");
    }
    choice(
        pair,
        Family::Mode,
        pair.strays() != (0, 0),
        "modality_changed",
    )
}

/// Whether a text speaks of what has to be.
fn is_duty(reading: &Reading) -> bool {
    let tokens = reading.tokens();
    let has_to = |w: &[Token]| w[0].is_of(&["have", "has", "need"]) && w[1].is("to");
    let must = |t: &Token| t.is_of(&["must", "required", "obliged"]);
    tokens.iter().any(must) || tokens.windows(2).any(has_to)
}

/// Whether one of the words stands within `reach` tokens before a phrase.
fn led_by(reading: &Reading, mark: &Mark, words: &[&str], reach: usize) -> bool {
    let from = mark.first.saturating_sub(reach);
    let tokens: &[Token] = &reading.tokens()[from..mark.first];
    tokens.iter().any(|token| token.is_of(words))
}

/// Whether nothing differs but what `mark` adds to one side.
fn is_all(pair: &Pair<'_>, in_a: bool) -> bool {
    let (a, b) = pair.strays();
    let (more, less) = if in_a { (a, b) } else { (b, a) };
    less == 0 && more <= SHORT_WISH && pair.common() > 0
}

/// The wish of one side alone, where nothing else differs.
fn alone(pair: &Pair<'_>, family: Family, counts: impl Fn(&Reading, &Mark) -> bool) -> bool {
    let (a, b) = left(pair, family);
    let wishes = |of: &Reading, marks: &[&Mark]| marks.iter().any(|mark| counts(of, mark));
    (b.is_empty() && is_all(pair, true) && wishes(pair.a, &a))
        || (a.is_empty() && is_all(pair, false) && wishes(pair.b, &b))
}

/// The language the answer is to be in.
pub(super) fn language(pair: &Pair<'_>) -> Finding {
    let asked = |of: &Reading, mark: &Mark| led_by(of, mark, &["in", "into", "to", "using"], 1);
    let (a, b) = left(pair, Family::Language);
    let pick = |of: &Reading, marks: &[&Mark]| marks.iter().any(|mark| asked(of, mark));
    if pick(pair.a, &a) && pick(pair.b, &b) {
        return Finding::Different("language_changed");
    }
    if alone(pair, Family::Language, asked) {
        return Finding::Different("language_on_one_side");
    }
    choice(pair, Family::Language, true, "language_changed")
}

/// Forms and lengths of one text that the other has not.
fn wishes<'a>(pair: &Pair<'a>, of: &Reading) -> Vec<&'a Mark> {
    let first = std::ptr::eq(of, pair.a);
    let side = |(a, b)| if first { a } else { b };
    let mut found: Vec<&Mark> = side(left(pair, Family::Format));
    found.extend(side(left(pair, Family::Length)));
    found
}

/// Whether nothing that could be described follows a phrase: "in detail", but not "short quotes".
fn closes(of: &Reading, mark: &Mark) -> bool {
    of.tokens()
        .get(mark.first + mark.count)
        .is_none_or(|next| next.stop || next.starts)
}

/// The form and the length of the answer.
pub(super) fn format(pair: &Pair<'_>) -> Finding {
    let asked = |of: &Reading, mark: &Mark| led_by(of, mark, &["as", "in", "into", "format"], 3);
    let (a, b) = (wishes(pair, pair.a), wishes(pair, pair.b));
    let replaced = a.iter().any(|x| b.iter().any(|y| are_aligned(pair, x, y)));
    if replaced || clash(pair, Family::Format, false) || clash(pair, Family::Length, false) {
        return Finding::Different("format_changed");
    }
    if alone(pair, Family::Format, asked) || alone(pair, Family::Length, closes) {
        return Finding::Different("format_on_one_side");
    }
    let (a, b) = left(pair, Family::Format);
    if a.is_empty() && b.is_empty() {
        Finding::Equal
    } else {
        Finding::Unsure("format_on_one_side")
    }
}

/// Whether a word is led by "for" or "to", with nothing between but what belongs to it.
fn is_addressed(of: &Reading, at: usize) -> bool {
    const BETWEEN: [&str; 16] = [
        "a", "an", "the", "my", "your", "complete", "total", "absolute", "young", "small", "am",
        "is", "i", "were", "someone", "high",
    ];
    let tokens = &of.tokens()[..at];
    let mut rest = tokens.iter().rev().take(4);
    let lead =
        rest.find(|t| !t.is_of(&BETWEEN) && t.kind != Kind::Number && !t.lower.ends_with("year"));
    lead.is_some_and(|t| t.is_of(&["for", "to", "like", "as"]))
}

/// For whom the answer is.
pub(super) fn audience(pair: &Pair<'_>) -> Finding {
    let asked = |of: &Reading, mark: &Mark| {
        is_addressed(of, mark.first) || of.tokens()[mark.first].is("eli5")
    };
    let (a, b) = left(pair, Family::Audience);
    let wished = |of: &Reading, marks: &[&Mark]| marks.iter().any(|mark| asked(of, mark));
    let clashes = a.iter().any(|x| {
        b.iter().any(|y| {
            rivals(x, y) && (are_aligned(pair, x, y) || (asked(pair.a, x) && asked(pair.b, y)))
        })
    });
    // Somebody no list knows, in the place of somebody known.
    let replaced = |x: &Mark, in_a: bool| {
        let (of, other, only) = if in_a {
            (pair.a, pair.b, pair.only_b())
        } else {
            (pair.b, pair.a, pair.only_a())
        };
        let aligned = |j: usize| {
            if in_a {
                pair.is_aligned(x.first, j)
            } else {
                pair.is_aligned(j, x.first)
            }
        };
        asked(of, x) && only.iter().any(|j| is_addressed(other, *j) && aligned(*j))
    };
    let replaced = a.iter().any(|x| replaced(x, true)) || b.iter().any(|x| replaced(x, false));
    if clashes || replaced {
        Finding::Different("audience_changed")
    } else if alone(pair, Family::Audience, asked) {
        Finding::Different("audience_on_one_side")
    } else if wished(pair.a, &a) || wished(pair.b, &b) {
        Finding::Unsure("audience_on_one_side")
    } else {
        Finding::Equal
    }
}

/// Whether a phrase is the first that carries a subject.
fn leads(reading: &Reading, mark: &Mark) -> bool {
    let before = &reading.tokens()[..mark.first];
    let asks = before
        .iter()
        .any(|t| t.is_of(&["how", "where", "why", "when", "i", "do"]));
    !asks && before.iter().all(|token| token.stop)
}

/// `make rice`, `cook rice`; of opposites the guard of antonyms says whether they are meant: `open`, `not closed`.
fn is_same_task(pair: &Pair<'_>, a: &Mark, b: &Mark) -> bool {
    let (left, right) = ((pair.a, a.first), (pair.b, b.first));
    if makes(left, right)
        || makes(right, left)
        || goes_round(left, right)
        || goes_round(right, left)
    {
        return true;
    }
    const COOKING: [&str; 7] = ["bake", "boil", "cook", "fry", "grill", "prepare", "roast"];
    let (a, b) = (&pair.a.tokens()[a.first], &pair.b.tokens()[b.first]);
    const ARTS: [&str; 9] = [
        "built", "composed", "designed", "drew", "invented", "painted", "produced", "sculpted",
        "wrote",
    ];
    let made = |x: &Token, y: &Token| {
        x.is("make") && y.is_of(&COOKING) || x.is_of(&["created", "made"]) && y.is_of(&ARTS)
    };
    // "Set up" is what comes of both installing and configuring.
    let set = |x: &Token, y: &Token| x.is("set") && y.stem.starts_with("configur");
    // A card is locked as a pond is frozen.
    let stopped = |x: &Token, y: &Token| x.is("freeze") && y.is_of(&["lock", "block"]);
    let sent = |x: &Token, y: &Token| x.is("send") && y.is("transfer");
    let same = |x, y| made(x, y) || set(x, y) || stopped(x, y) || sent(x, y);
    same(a, b) || same(b, a) || are_opposite(a, b)
}

/// `A return flight`, `a round-trip flight`.
fn goes_round((of, at): (&Reading, usize), (other, round): (&Reading, usize)) -> bool {
    let trip = other.tokens().get(round + 1);
    of.tokens()[at].is("return")
        && other.tokens()[round].is("round")
        && trip.is_some_and(|t| t.is("trip"))
}

/// `Make it faster`, `speed it up`; `make it lowercase`, `convert it to lowercase`: what is made of a thing.
fn makes((of, at): (&Reading, usize), (other, act): (&Reading, usize)) -> bool {
    let (tokens, others) = (of.tokens(), other.tokens());
    if !tokens[at].is("make") {
        return false;
    }
    let behind = &tokens[at + 1..];
    let graded = |t: &Token| !t.stop && t.lower.len() > 4 && t.lower.ends_with("er");
    let grading = [
        "speed", "optimize", "optimise", "shorten", "lengthen", "extend", "simplify",
    ];
    if others[act].is_of(&grading) {
        return behind.iter().any(graded);
    }
    let to = others[act..].iter().position(|t| t.is_of(&["to", "into"]));
    let into = to.and_then(|to| others[act + to..].iter().find(|t| !t.stop));
    others[act].is("convert")
        && into.is_some_and(|into| {
            let cut =
                |w: &[Token]| into.lower.strip_prefix(w[0].lower.as_str()) == Some(&w[1].lower);
            behind.iter().any(|t| t.key == into.key) || behind.windows(2).any(cut)
        })
}

/// What is to be done: other verbs in the same place.
pub(super) fn task(pair: &Pair<'_>) -> Finding {
    let (a, b) = left(pair, Family::Task);
    let likeness = pair.likeness();
    let clashes = a.iter().any(|x| {
        b.iter().any(|y| {
            let lead = leads(pair.a, x) && leads(pair.b, y) && likeness >= SOMEWHAT_THE_SAME;
            let placed = likeness >= MUCH_THE_SAME && are_aligned(pair, x, y);
            rivals(x, y) && (placed || lead) && !is_same_task(pair, x, y)
        })
    });
    if clashes {
        Finding::Different("task_changed")
    } else if a.is_empty() && b.is_empty() {
        Finding::Equal
    } else {
        Finding::Unsure("task_on_one_side")
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn another_quantifier_is_another_question() {
        different(
            "quantifiers",
            "Are all swans white?",
            "Are some swans white?",
        );
        different(
            "quantifiers",
            "Do I always need a visa?",
            "Do I sometimes need a visa?",
        );
        survives("Is every swan white?", "Are all swans white?");
    }

    #[test]
    fn another_modal_verb_is_another_question() {
        different(
            "modality",
            "Can I eat before surgery?",
            "Should I eat before surgery?",
        );
        survives("How can I learn chess?", "How should I learn chess?");
        survives("Could you explain recursion?", "Can you explain recursion?");
    }

    #[test]
    fn an_answer_in_another_language_does_not_serve() {
        different(
            "language",
            "Say good morning in French",
            "Say good morning in German",
        );
        different(
            "language",
            "Explain recursion",
            "Explain recursion in Spanish",
        );
    }

    #[test]
    fn an_answer_in_another_form_does_not_serve() {
        different(
            "format",
            "Give me the planets as JSON",
            "Give me the planets as YAML",
        );
        different(
            "format",
            "Describe Rome in one sentence",
            "Describe Rome in detail",
        );
        different(
            "format",
            "Explain recursion",
            "Explain recursion in one sentence",
        );
        different(
            "format",
            "Write a poem about rain",
            "Write an essay about rain",
        );
    }

    #[test]
    fn an_answer_for_others_does_not_serve() {
        different(
            "audience",
            "Explain gravity to a child",
            "Explain gravity to an expert",
        );
        different(
            "audience",
            "Explain gravity",
            "Explain gravity to a five year old",
        );
        survives("Explain gravity to kids", "Explain gravity to a child");
    }

    #[test]
    fn another_task_is_another_question() {
        different("task", "Summarize this article", "Translate this article");
        different(
            "task",
            "How do I sort a list in Python?",
            "How do I reverse a list in Python?",
        );
        different(
            "task",
            "How do I make a PDF in Word?",
            "How do I convert a PDF in Word?",
        );
        survives("How do I make my PC faster?", "How do I speed up my PC?");
        survives("What is a return flight?", "What is a round-trip flight?");
        survives(
            "How do I make a string lower case?",
            "How do I convert a string to lowercase?",
        );
        survives(
            "How do I send money to India?",
            "How do I transfer money to India?",
        );
        survives("How do I freeze my card?", "How do I lock my card?");
        survives(
            "Write a short story about a dragon",
            "Write a brief tale about a dragon",
        );
        survives("Please explain gravity", "Describe gravity for me");
        survives("Write a poem about rain", "Compose a poem about rain");
    }
}
