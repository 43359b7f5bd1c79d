//! What may be said of a text by looking at its letters: its script, whether two texts are one question though they
//! differ, and what must be kept of one to tell. Knows nothing of tokens and vectors.

use unicode_normalization::UnicodeNormalization;
use unicode_script::{Script, UnicodeScript};

/// Signs that prose does not use; spaces and capitals may carry meaning beside them.
const CODE_SIGNS: &str = "{}[]()<>=;:\\/_#$%&*+|~^@\"";

/// Letters that a word needs before a full stop for that to end a sentence; shorter ones may be abbreviations.
const SENTENCE_WORD: usize = 4;

/// Whether at least half of the letters of `text` are in one of `scripts`; true without letters.
pub(super) fn mainly_in(scripts: &[Script], text: &str) -> bool {
    let (mut inside, mut outside) = (0usize, 0usize);
    for letter in text.chars().filter(|char| char.is_alphabetic()) {
        match letter.script() {
            Script::Common | Script::Inherited => {}
            script if scripts.contains(&script) => inside += 1,
            _ => outside += 1,
        }
    }
    inside >= outside
}

/// What is kept of a question, enough to tell whether another text asks the same in the same words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Its text.
    Text(String),
    /// Where the text must not be kept: the blake3 hash of its normal form.
    Digest([u8; 32]),
}

impl Question {
    /// What is kept of `text`.
    pub fn keep(text: &str, as_text: bool) -> Self {
        if as_text {
            Self::Text(text.to_owned())
        } else {
            Self::Digest(digest(text))
        }
    }

    /// Its text, if that was kept.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Digest(_) => None,
        }
    }

    /// The first bytes of the hash of its normal form: what a list of questions is kept as.
    pub fn mark(&self) -> u64 {
        let mut first = [0; 8];
        match self {
            Self::Text(text) => first.copy_from_slice(&digest(text)[..8]),
            Self::Digest(digest) => first.copy_from_slice(&digest[..8]),
        }
        u64::from_be_bytes(first)
    }

    /// Bytes that it takes.
    pub fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Digest(digest) => digest.len(),
        }
    }

    /// Whether `other`, a text with equal token ids, is this question.
    ///
    /// A tokenizer that strips accents, folds case and drops blanks gives different texts the same tokens. True only
    /// if they are equal after NFC and trimming, or differ in nothing but ordinary sentence-initial capitals, end
    /// punctuation or repeated spaces outside code. In doubt false: that costs a provider call, true a wrong answer.
    pub fn is(&self, other: &str) -> bool {
        match self {
            Self::Text(text) => {
                text == other || may_be(text, other) && normal_form(text) == normal_form(other)
            }
            Self::Digest(kept) => *kept == digest(other),
        }
    }
}

/// Whether two texts have the same letters and digits, without which their normal forms are not the same either. Most
/// texts do not, and are told apart at once; beyond ASCII letters have several forms.
fn may_be(a: &str, b: &str) -> bool {
    let plain = a.is_ascii() && b.is_ascii();
    !plain || letters(a).eq(letters(b))
}

/// Letters and digits alone, in small letters.
fn letters(text: &str) -> impl Iterator<Item = u8> {
    let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
    letters.map(|byte| byte.to_ascii_lowercase())
}

/// The form in which two texts are equal exactly if they are one question.
pub fn normal_form(text: &str) -> String {
    ordinary(&text.trim().nfc().collect::<String>())
}

fn digest(text: &str) -> [u8; 32] {
    *blake3::hash(normal_form(text).as_bytes()).as_bytes()
}

/// The text without what may differ. Parts between backticks stay as they are, and so does everything when the rest
/// looks like code as well, or when there is a fenced block, which may hold backticks of its own.
fn ordinary(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    let prose = parts.iter().step_by(2).all(|part| {
        part.lines()
            .enumerate()
            .all(|(i, line)| is_prose(i == 0, line))
    });
    // An odd number of backticks leaves open what they enclose.
    if !prose || parts.len().is_multiple_of(2) || text.contains("```") {
        return text.to_owned();
    }
    let last = parts.len() - 1;
    let mut out = String::with_capacity(text.len());
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push('`');
        }
        if i % 2 == 1 {
            out.push_str(part);
        } else {
            push_sentences(&mut out, part, i == 0);
        }
        if i == last && i % 2 == 0 {
            out.truncate(without_end(&out).len());
        }
    }
    out
}

/// A line that is not indented, or goes on after inline code, and has none of the signs of code.
fn is_prose(goes_on: bool, line: &str) -> bool {
    (goes_on || !line.starts_with([' ', '\t'])) && !line.contains(|char| CODE_SIGNS.contains(char))
}

/// Adds prose with repeated spaces as one and sentence-initial words in lower case.
fn push_sentences(out: &mut String, prose: &str, starts_text: bool) {
    let mut starts = starts_text;
    for word in prose.split_inclusive([' ', '\n']) {
        let bare = word.trim_end_matches([' ', '\n']);
        if bare.is_empty() && word == " " && out.ends_with(' ') {
            continue;
        }
        if starts && is_ordinary_capital(bare) {
            out.extend(word.chars().next().into_iter().flat_map(char::to_lowercase));
            out.extend(word.chars().skip(1));
        } else {
            out.push_str(word);
        }
        if !bare.is_empty() {
            starts = ends_sentence(bare);
        }
        starts |= word.ends_with('\n');
    }
}

/// "What", "A" and "I", but not "US", "C" or "iPhone".
fn is_ordinary_capital(word: &str) -> bool {
    let letters = word.trim_end_matches(|char: char| !char.is_alphanumeric());
    let mut chars = letters.chars();
    let capital = chars.next().is_some_and(char::is_uppercase);
    let rest = chars.as_str();
    let ordinary = if rest.is_empty() {
        matches!(letters, "A" | "I")
    } else {
        !rest.contains(char::is_uppercase)
    };
    capital && ordinary && !rest.contains(char::is_numeric)
}

fn ends_sentence(word: &str) -> bool {
    match word.chars().next_back() {
        Some('?' | '!' | '…') => true,
        Some('.') => word.chars().filter(|char| char.is_alphabetic()).count() >= SENTENCE_WORD,
        _ => false,
    }
}

/// The text without its last marks, unless one may be an operator or a name: "5!" is not 5, "cd .." is not "cd .".
fn without_end(text: &str) -> &str {
    let bare = text.trim_end_matches([' ', '.', '?', '!', '…']);
    let marks = &text[bare.len()..];
    let apart = marks.starts_with(' ') && marks.trim_start().starts_with('.');
    if apart || marks.contains('!') && is_operand(bare) {
        text
    } else {
        bare
    }
}

/// What a factorial may be of: `5`, `n`, `(n + 1)`.
fn is_operand(text: &str) -> bool {
    let last = text
        .rsplit(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or("");
    text.ends_with(char::is_numeric) || text.ends_with([')', ']', '|']) || last.chars().count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whichever is kept, and whether as text or not, the verdict is the same.
    #[track_caller]
    fn check(a: &str, b: &str, one: bool) {
        for (kept, asked) in [(a, b), (b, a)] {
            for as_text in [true, false] {
                let kept = Question::keep(kept, as_text);
                assert_eq!(kept.is(asked), one, "{kept:?} and {asked:?}");
            }
        }
    }

    #[track_caller]
    fn same(a: &str, b: &str) {
        check(a, b, true);
    }

    #[track_caller]
    fn different(a: &str, b: &str) {
        check(a, b, false);
    }

    #[test]
    fn a_text_that_must_not_be_kept_is_not() {
        let kept = Question::keep("What is rust?", false);
        assert_eq!(kept.text(), None);
        assert!(matches!(kept, Question::Digest(_)));
        assert_eq!(Question::keep("a", true).text(), Some("a"));
    }

    #[test]
    fn composed_and_decomposed_letters_are_one_question() {
        same("caf\u{e9} near me", "cafe\u{301} near me");
        same("  hello there\n", "hello there");
    }

    #[test]
    fn sentence_initial_capitals_do_not_matter() {
        same("What is rust?", "what is rust?");
        same(
            "I am lost. What now? Tell me",
            "i am lost. what now? tell me",
        );
        same("I agree entirely. What now?", "I agree entirely. what now?");
        same("First line\nSecond line", "first line\nsecond line");
    }

    #[test]
    fn other_capitals_matter() {
        different("Tell us about it", "Tell US about it");
        different("us president", "US president");
        different("C compiler", "c compiler");
        different("How do I polish it", "How do I Polish it");
        different("oranges vs. Apple", "oranges vs. apple");
    }

    #[test]
    fn accents_matter() {
        different("¿cuántos años tienes?", "¿cuántos anos tienes?");
        different("resume tips", "résumé tips");
    }

    #[test]
    fn end_punctuation_does_not_matter() {
        same("What is rust?", "What is rust");
        same("Explain rust.", "Explain rust");
        same("Hello!", "hello ");
    }

    #[test]
    fn punctuation_that_computes_or_stands_inside_matters() {
        different("What is 5!", "What is 5");
        different("Let's eat, grandma", "Let's eat grandma");
    }

    #[test]
    fn repeated_spaces_in_prose_do_not_matter() {
        same("what  is   rust", "what is rust");
        same("see  `a b`  now", "see `a b` now");
    }

    #[test]
    fn blanks_in_code_matter() {
        different("fix:\nif x:\n  a\n  b", "fix:\nif x:\n  a\nb");
        different(
            "def f():\n    return 1\n    print",
            "def f():\n    return 1\nprint",
        );
        different("what does\n  return\ndo", "what does\nreturn\ndo");
        different("run `a  b`", "run `a b`");
        different("```\na  b\n```", "```\na b\n```");
        different("print(\"a  b\")", "print(\"a b\")");
        different("a ` b  c", "a ` b c");
    }

    #[test]
    fn capitals_in_code_matter() {
        different("`Foo` is what", "`foo` is what");
        different("True = 1", "true = 1");
    }

    #[test]
    fn line_breaks_matter() {
        different("what is\nrust", "what is rust");
    }

    #[test]
    fn a_text_is_in_the_script_of_at_least_half_of_its_letters() {
        let latin = [Script::Latin];
        assert!(mainly_in(&latin, "What does привет mean?"));
        assert!(mainly_in(&latin, "2 + 2 = ?"));
        assert!(!mainly_in(&latin, "как дела, bro"));
        assert!(!mainly_in(&latin, "เมืองหลวงของฝรั่งเศสคืออะไร"));
        assert!(mainly_in(&[Script::Latin, Script::Cyrillic], "как дела"));
    }
}
