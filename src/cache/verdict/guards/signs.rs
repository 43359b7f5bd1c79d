//! The signs of mathematics and code in a text, in their order, and whether two texts differ in them: `==`, `x++`,
//! `s[-1]`. The marks of a sentence, bullets, emoticons and what only joins words are no signs. Knows no grammar.

use super::chords::{chord, is_held};
use super::factorial;
use super::formula::formula;
use super::pair::Pair;
use super::token::{Capital, Kind, Token};
use super::words::is_stop;

/// Signs of a text that has so many that they are no longer compared.
const MOST: usize = 64;
/// What a sentence puts around a word.
const QUOTES: &[char] = &['"', '\'', '“', '”', '‘', '’', '«', '»'];
const STOPS: &[char] = &['.', ',', ';', ':', '!', '?', '…'];
pub(super) const BRACKETS: &[char] = &['(', ')', '[', ']', '{', '}'];
/// What operators are made of.
pub(super) const OPERATORS: &str = "+-*/=<>&|^!?:.~≤≥×÷→−≠";
/// What no word but a formula has in it.
const TELLING: &[char] = &[
    '+', '*', '/', '=', '<', '>', '&', '|', '^', '!', '(', ')', '[', ']', '{', '}', ':', '?', '≤',
    '≥', '×', '÷', '→', '≠',
];
/// Words behind which a mark of the sentence is spoken of, not put: `what does . do`.
const SPOKEN_OF: [&str; 14] = [
    "does", "is", "the", "a", "an", "of", "between", "and", "or", "use", "using", "operator",
    "symbol", "sign",
];
/// What a probability is called.
pub(super) const PROBABILITY: [&str; 2] = ["p", "pr"];
const EMOTICONS: [&str; 9] = [":d", ":p", ":o", ";p", "=d", "<3", "</3", ":'(", ":')"];

/// What stands around a chunk of a text.
pub(super) struct Around<'a> {
    /// The tokens before.
    pub(super) earlier: &'a [Token],
    /// The text behind, without blanks in front.
    pub(super) after: &'a str,
    /// Whether a line begins here.
    pub(super) fresh: bool,
}

impl Around<'_> {
    fn before(&self) -> Option<&Token> {
        self.earlier.last()
    }

    /// The letters and digits that the text goes on with.
    fn next(&self) -> &str {
        let after = self.after.trim_start_matches(BRACKETS);
        let end = after.find(|c: char| !c.is_alphanumeric());
        &after[..end.unwrap_or(after.len())]
    }

    /// Whether a sign is spoken of here, and no blank to be filled in: `what does _ do`, `what is __ in Python`.
    fn speaks(&self) -> bool {
        match self.earlier {
            [.., what, is] if is.is("is") => what.is("what"),
            [.., last] => last.is_of(&["does", "between"]),
            [] => false,
        }
    }
}

/// Adds the signs of what stands between two blanks.
pub(super) fn read(chunk: &str, around: &Around<'_>, found: &mut Vec<String>) {
    let whole = chunk.trim_matches(QUOTES);
    let core = whole;
    if found.len() >= MOST || core.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return;
    }
    if core.contains(char::is_alphanumeric) {
        let core = core.trim_end_matches(STOPS).trim_end_matches(QUOTES);
        let told = core.contains(TELLING) || core.ends_with('-') || core.contains("..");
        if told && !is_address(core) {
            formula(core, around, found);
        }
        if let Some(sign) = factorial::read(whole, around) {
            found.push(sign.to_owned());
        }
    } else if let Some(sign) = lone(core, around) {
        found.push(sign);
    }
}

/// The signs of a code span, read as one formula.
pub(super) fn read_code(code: &str, found: &mut Vec<String>) {
    let around = Around {
        earlier: &[],
        after: "",
        fresh: false,
    };
    let squeezed: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if squeezed.contains(char::is_alphanumeric) {
        formula(&squeezed, &around, found);
    } else {
        found.push(plain(&squeezed));
    }
    found.truncate(MOST);
}

/// One spelling of each operator.
pub(super) fn plain(sign: &str) -> String {
    let signs = sign.chars().map(|c| match c {
        '≤' => "<=".to_owned(),
        '≥' => ">=".to_owned(),
        '×' => "*".to_owned(),
        '÷' => "/".to_owned(),
        '→' => "->".to_owned(),
        '−' => "-".to_owned(),
        '≠' => "!=".to_owned(),
        _ => c.to_string(),
    });
    signs.collect()
}

/// Addresses, paths, options, tags and keys, which others compare.
fn is_address(core: &str) -> bool {
    let letter_at = |i: usize| core.as_bytes().get(i).is_some_and(u8::is_ascii_alphabetic);
    core.contains("://")
        || core.contains(['\\', '@'])
        || core.starts_with("www.")
        || (core.starts_with('/') && letter_at(1))
        || core.starts_with("./")
        || core.starts_with("../")
        || core.starts_with("~/")
        || (core.starts_with('-') && (letter_at(1) || letter_at(2)))
        || (core.starts_with('<') && core.ends_with('>'))
        || EMOTICONS.contains(&core.to_lowercase().as_str())
        || chord(core).is_some()
}

/// A sign between two blanks: `==`, but no dash, bullet or face.
fn lone(chunk: &str, around: &Around<'_>) -> Option<String> {
    let known = |c: char| c.is_ascii_punctuation() || OPERATORS.contains(c);
    if chunk.is_empty() || !chunk.chars().all(|c| known(c) || STOPS.contains(&c)) || is_face(chunk)
    {
        return None;
    }
    if let Some(folder) = folder(chunk, around) {
        return Some(folder.to_owned());
    }
    let marks = chunk.trim_matches(STOPS).is_empty();
    let sign = if marks {
        chunk
    } else {
        stripped(chunk, around)
    };
    let first = sign.chars().next()?;
    let alike = sign.chars().all(|c| c == first);
    let count = sign.chars().count();
    let blank = first == '_' && (count > 2 || !around.speaks());
    let ruled = alike && (count > 3 || matches!(first, '-' | '`') || blank);
    let bullet = around.fresh && (matches!(sign, "*" | "+" | ">") || (alike && first == '#'));
    let one_bracket = sign.len() == 1 && BRACKETS.contains(&first);
    let said = around.before().is_some_and(|t| t.is_of(&SPOKEN_OF));
    let last = !around.after.contains(char::is_alphanumeric);
    let put = (marks || one_bracket) && (!said || last) || (sign == "=" && last);
    if ruled || bullet || put || is_at_number(sign, around) || joins(sign, around) {
        return None;
    }
    if one_bracket {
        // One that is spoken of takes nothing in.
        return Some(format!("{sign}_"));
    }
    if sign == "|"
        && let [.., call, before] = around.earlier
        && call.is_of(&PROBABILITY)
    {
        return Some(given(&before.lower, around.next()));
    }
    Some(plain(sign))
}

/// `cd ..`, `git add .`: a folder, where the mark of a sentence could stand.
fn folder<'a>(chunk: &'a str, around: &Around<'_>) -> Option<&'a str> {
    let sign = chunk.trim_end_matches(['?', ',', '!']);
    let folder = matches!(sign, "." | "..");
    let taken = |t: &Token| {
        t.is_of(&[
            "cd", "add", "ls", "rm", "cp", "mv", "du", "build", "install",
        ])
    };
    (folder && around.before().is_some_and(taken)).then_some(sign)
}

/// What is asked of which condition: `P(A|B)`, `P(B|A)`.
pub(super) fn given(left: &str, right: &str) -> String {
    let other = |c: char| !c.is_alphanumeric();
    let left = left.rsplit(other).next().unwrap_or("");
    let right = right.split(other).next().unwrap_or("");
    format!("{left}|{right}").to_lowercase()
}

/// A sign without what the sentence puts around it.
fn stripped<'a>(chunk: &'a str, around: &Around<'_>) -> &'a str {
    let ends = around.after.chars().next().is_none_or(char::is_uppercase);
    // `$?`, `.*?`
    let within = !ends && chunk.starts_with(['$', '.', '*']);
    let marks: &[char] = if within { &[',', ';'] } else { STOPS };
    let mut sign = chunk.trim_end_matches(marks).trim_matches(QUOTES);
    if sign.len() > 2 && sign.starts_with('(') && !sign.starts_with("()") {
        sign = sign.trim_start_matches('(').trim_end_matches(')');
    } else if sign.len() > 1 && sign.ends_with(')') && !sign.contains('(') {
        sign = sign.trim_end_matches(')');
    }
    sign.trim_matches(QUOTES)
}

/// `:)`, `;-)`, `=(`.
fn is_face(chunk: &str) -> bool {
    let eyes = chunk.starts_with([':', ';', '=']) && chunk.len() < 4;
    eyes && chunk.len() > 1 && chunk.ends_with([')', '(', '/', '|', ']', '[', '*'])
}

/// `50 %`, `# 1`, `~ 5`: part of a number.
fn is_at_number(sign: &str, around: &Around<'_>) -> bool {
    let numbered = around.before().is_some_and(|t| t.kind == Kind::Number);
    let numbers = around.after.starts_with(|c: char| c.is_ascii_digit());
    (numbered && matches!(sign, "%" | "$" | "€" | "£"))
        || (numbers && matches!(sign, "#" | "$" | "~" | "@"))
}

/// `salt & pepper`, `Settings > Privacy`, `Ctrl + C`: a sign that only joins words.
fn joins(sign: &str, around: &Around<'_>) -> bool {
    if !matches!(sign, "&" | "+" | "/" | "|" | ">" | "->" | "=>" | "→" | "»") {
        return false;
    }
    let after = around.after.split_whitespace().next().unwrap_or("");
    let after = after.trim_matches(|c: char| !c.is_alphanumeric());
    // A step of a menu has a capital: `Settings > General > About`, `File > Save As > PDF`.
    let step = sign.ends_with(['>', '→', '»']);
    let before_step = |t: &Token| step && t.capital != Capital::None;
    let after_step = step && after.starts_with(char::is_uppercase);
    let worded = |word: &str| word.chars().count() > 1 && word.chars().all(char::is_alphabetic);
    around.before().is_some_and(|before| {
        (sign == "+" && is_held(before))
            || (before.kind == Kind::Word
                && (!before.stop || before_step(before))
                && worded(&before.lower)
                && worded(after)
                && (after_step || !is_stop(&after.to_lowercase())))
    })
}

/// Whether the signs say the same from either side: `2*(3+4)`, `(3+4)*2`.
fn may_turn(signs: &[String]) -> bool {
    let either = ["+", "*", "=", "==", "!=", "&&", "||", "!"];
    let bracket = |sign: &str| sign.len() == 1 && sign.starts_with(BRACKETS);
    signs
        .iter()
        .all(|s| bracket(s) || either.contains(&s.as_str()))
}

/// `i += 1`, `i = i + 1`.
fn is_step(short: &[String], long: &[String]) -> bool {
    match (short, long) {
        ([step], [x, y]) => {
            let sign = step.strip_suffix('=').unwrap_or("");
            matches!(sign, "+" | "*" | "/") && (x == sign && y == "=" || y == sign && x == "=")
        }
        _ => false,
    }
}

/// Whether both texts have signs, and others.
pub(super) fn differ(pair: &Pair<'_>) -> bool {
    let (a, b) = (pair.a.signs(), pair.b.signs());
    let cut = a.len() >= MOST || b.len() >= MOST;
    if a == b || cut {
        return false;
    }
    let marked = |of: &[String]| of.iter().filter(|s| s.ends_with("!_")).count();
    if marked(a) != marked(b) && pair.strays() == (0, 0) {
        return true;
    }
    if a.is_empty() || b.is_empty() {
        return false;
    }
    let bracket = |sign: &&String| sign.starts_with(BRACKETS) && sign.len() == 1;
    let rest = |of: &[String], other: &[String]| -> Vec<String> {
        let mut others: Vec<&String> = other.iter().filter(|s| !bracket(s)).collect();
        let mut rest: Vec<String> = of.iter().filter(|s| !bracket(s)).cloned().collect();
        rest.retain(|sign| match others.iter().position(|o| *o == sign) {
            Some(place) => {
                others.swap_remove(place);
                false
            }
            None => true,
        });
        rest
    };
    let (only_a, only_b) = (rest(a, b), rest(b, a));
    let one_more = |signs: &[String]| {
        let turning = |s: &String| matches!(s.as_str(), "-_" | "&" | "!");
        signs.iter().any(turning) && pair.only_a().is_empty() && pair.only_b().is_empty()
    };
    if only_a.is_empty() && only_b.is_empty() {
        // The same operators: what they take is said by brackets.
        let brackets = |of: &[String]| of.iter().filter(bracket).count();
        let operators = |of: &'_ [String]| -> Vec<String> {
            of.iter().filter(|s| !bracket(s)).cloned().collect()
        };
        let turned = pair.places() > 0 && may_turn(a) && operators(a) != operators(b);
        return brackets(a) > 0 && brackets(a) == brackets(b) && !turned;
    }
    if is_step(&only_a, &only_b) || is_step(&only_b, &only_a) {
        return false;
    }
    (!only_a.is_empty() && !only_b.is_empty()) || one_more(&only_a) || one_more(&only_b)
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn other_signs_are_another_question() {
        for (a, b) in [
            (
                "What does == do in JavaScript?",
                "What does === do in JavaScript?",
            ),
            (
                "What is the difference between == and = in C?",
                "What is the difference between === and = in C?",
            ),
            ("How does x++ work?", "How does ++x work?"),
            ("What is / in Python?", "What is // in Python?"),
            ("What does & mean in bash?", "What does && mean in bash?"),
            ("What does > do in bash?", "What does >> do in bash?"),
            ("What is ?? in kotlin", "What is ?. in kotlin"),
            (
                "What is the . operator in Ruby?",
                "What is the .. operator in Ruby?",
            ),
            ("What is a :: in Haskell?", "What is a : in Haskell?"),
            ("What is [[ in bash?", "What is [ in bash?"),
            ("What does a<b mean?", "What does a>b mean?"),
            ("What is 3 > 2?", "What is 3 < 2?"),
            ("What is s[-1] in Python?", "What is s[1] in Python?"),
            ("What does *p mean in C?", "What does **p mean in C?"),
            ("Plot log(x+1)", "Plot log(x)+1"),
            ("What is (2+3)*4?", "What is 2+(3*4)?"),
            ("What is (2 + 3) * 4?", "What is 2 + (3 * 4)?"),
            ("who can receive o+ blood", "who can receive o- blood"),
            ("is a bbb+ bond safe", "is a bbb- bond safe"),
            ("is x <= 5 the same as y", "is x >= 5 the same as y"),
            ("what does `x==y` do", "what does x===y do"),
            ("What does x[::2] do?", "What does x[2::] do?"),
            ("What does x[::1] do?", "What does x[1::] do?"),
            ("What does x[:-1] do?", "What does x[-1:] do?"),
            ("What is git log A..B for?", "What is git log A...B for?"),
            ("What is a..b in Ruby?", "What is a...b in Ruby?"),
            ("What does cd .. do?", "What does cd . do?"),
            ("Why is git add . slow?", "Why is git add .. slow?"),
            ("What does !x do in C?", "What does !!x do in C?"),
            (
                "What does _ mean in Python?",
                "What does __ mean in Python?",
            ),
            ("What is P(A|B)?", "What is P(B|A)?"),
            ("What is P(A | B)?", "What is P(B|A)?"),
            ("What does i += 1 do?", "What does i -= 1 do?"),
        ] {
            different("code", a, b);
        }
    }

    #[test]
    fn signs_written_in_another_way_and_marks_of_a_sentence_survive() {
        for (a, b) in [
            (
                "What does == do in JavaScript?",
                "In JavaScript, what does \"==\" do?",
            ),
            (
                "What is the difference between == and === in JavaScript?",
                "What is the difference between === and == in JavaScript?",
            ),
            ("Is a <= b the same?", "Is a ≤ b the same?"),
            ("What is 3*4?", "What is 3 × 4?"),
            ("What is 2 + 2?", "What is 2+2=?"),
            ("What is 2 + 2?", "2 + 2 = ?"),
            ("Solve x+1=5", "Solve x + 1 = 5"),
            ("Plot log(x+1)", "Plot log(x + 1)"),
            ("Plot f(x + g(y)) now", "Plot f(x+g(y)) now"),
            ("What is (2 + 3) * 4?", "What is (2+3)*4?"),
            ("What is 2^3?", "What is 2**3?"),
            ("Is Q&A useful?", "Is Q & A useful?"),
            ("mac & cheese recipe", "mac and cheese recipe"),
            ("mac & cheese recipe", "mac + cheese recipe"),
            ("Settings > Privacy in iOS", "Settings -> Privacy in iOS"),
            ("C/C++ or Java?", "C or C++ or Java?"),
            ("How do I sell my car :)", "How do I sell my car :("),
            ("What is *really* good?", "What is really good?"),
            ("What is **very good** food?", "What is *very good* food?"),
            ("What is this ???", "What is this !!"),
            ("What is and/or?", "what is and / or"),
            ("Is 5-10 kg much?", "Is 5 - 10 kg much?"),
            ("Which item(s) do I need?", "Which items do I need?"),
            ("What is Disney+?", "What is Disney Plus?"),
            ("What is 50 % of 20?", "What is 50% of 20?"),
            ("What does f(x)=x+1 mean?", "What does f(x) = x + 1 mean?"),
            (
                "What does the int *p mean in C?",
                "What does the int* p mean in C?",
            ),
            ("pre- and post-war Germany", "pre-war and post-war Germany"),
            ("I ___ to school every day", "I _____ to school every day"),
            ("why does x == y fail ?", "why does x==y fail"),
            ("What is TCP/IP?", "what is tcp/ip"),
        ] {
            survives(a, b);
        }
    }

    #[test]
    fn steps_of_a_menu_turned_operands_blanks_and_dots_survive() {
        for (a, b) in [
            (
                "Where is Settings > General > About?",
                "Where is Settings → General → About?",
            ),
            (
                "How do I use File > Save As > PDF?",
                "How do I use File -> Save As -> PDF?",
            ),
            ("What does i += 1 do?", "What does i = i + 1 do?"),
            (
                "What is the derivative of x^2?",
                "What is the derivative of x**2?",
            ),
            ("What is 2*(3+4)?", "What is (3+4)*2?"),
            ("What is P(A|B)?", "What is P(A | B)?"),
            (
                "She is _ years old, how do I fill this in?",
                "She is __ years old, how do I fill this in?",
            ),
            (
                "I...I do not know what to do",
                "I..I do not know what to do",
            ),
            ("I love you.. what now", "I love you... what now"),
        ] {
            survives(a, b);
        }
    }
}
