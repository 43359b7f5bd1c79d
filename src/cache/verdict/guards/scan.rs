//! Cuts a text into tokens: words with contractions written out, code spans,
//! options, addresses. Numbers are cut in [`super::digits`]. Knows no grammar.

use super::chords::chord;
use super::digits;
use super::figures;
use super::quoted;
use super::signs;
use super::token::{Kind, Token};

/// Tokens read of a text; what comes after is not compared.
pub(super) const MOST_TOKENS: usize = 400;

const OPENING: &[char] = &[
    '(', '[', '{', '"', '\'', '“', '‘', '’', '«', '<', '*', '¿', '¡', '…',
];
const CLOSING: &[char] = &[
    '.', ',', ';', ':', '!', '?', ')', ']', '}', '"', '\'', '”', '’', '»', '>', '*', '…', '-',
];
const SIGNS: [&str; 13] = [
    "+", "*", "/", "=", "<", ">", "≤", "≥", "×", "÷", "^", "&", "→",
];
/// Contractions written without their apostrophe.
const BARE: [(&str, [&str; 2]); 22] = [
    ("dont", ["do", "not"]),
    ("doesnt", ["does", "not"]),
    ("didnt", ["did", "not"]),
    ("cant", ["can", "not"]),
    ("cannot", ["can", "not"]),
    ("wont", ["will", "not"]),
    ("isnt", ["is", "not"]),
    ("arent", ["are", "not"]),
    ("wasnt", ["was", "not"]),
    ("werent", ["were", "not"]),
    ("havent", ["have", "not"]),
    ("hasnt", ["has", "not"]),
    ("hadnt", ["had", "not"]),
    ("shouldnt", ["should", "not"]),
    ("couldnt", ["could", "not"]),
    ("wouldnt", ["would", "not"]),
    ("mustnt", ["must", "not"]),
    ("whats", ["what", "is"]),
    ("wheres", ["where", "is"]),
    ("hows", ["how", "is"]),
    ("im", ["i", "am"]),
    ("ive", ["i", "have"]),
];
/// Syllables that a hyphen does not make a word of: "non-vegetarian".
const JOINED: [&str; 11] = [
    "un", "re", "non", "de", "dis", "anti", "pre", "co", "mis", "in", "counter",
];
/// Words whose `'s` stands for "is" and makes no owner of them.
const WITH_IS: [&str; 12] = [
    "what", "who", "where", "when", "how", "that", "it", "he", "she", "there", "here", "why",
];

/// What was cut.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// In their order.
    pub(super) tokens: Vec<Token>,
    /// Quoted strings, in small letters.
    pub(super) quotes: Vec<String>,
    /// Signs of mathematics and code.
    pub(super) signs: Vec<String>,
    /// Whether the text goes on after the last token.
    pub(super) too_long: bool,
}

impl Scan {
    pub(super) fn of(text: &str) -> Self {
        let mut scan = Self {
            quotes: quoted::read(text),
            ..Self::default()
        };
        let (mut rest, mut starts) = (text, true);
        loop {
            let next = rest.trim_start();
            let fresh = rest.len() == text.len() || rest[..rest.len() - next.len()].contains('\n');
            starts |= fresh;
            rest = next;
            if rest.is_empty() {
                return scan;
            }
            if scan.tokens.len() >= MOST_TOKENS {
                scan.too_long = true;
                return scan;
            }
            if let Some((code, after)) = code_span(rest) {
                let code = code.trim();
                scan.tokens.push(Token::exact(Kind::Code, code, code));
                signs::read_code(code, &mut scan.signs);
                (rest, starts) = (after, false);
                continue;
            }
            let first = rest.chars().next().map_or(1, char::len_utf8);
            let end = rest[first..]
                .find(|c: char| c.is_whitespace() || c == '`')
                .map_or(rest.len(), |end| end + first);
            let around = signs::Around {
                earlier: &scan.tokens,
                after: rest[end..].trim_start(),
                fresh,
            };
            signs::read(&rest[..end], &around, &mut scan.signs);
            starts = scan.chunk(&rest[..end], starts);
            rest = &rest[end..];
        }
    }

    /// Cuts what stands between two blanks; whether a sentence starts after it.
    fn chunk(&mut self, chunk: &str, starts: bool) -> bool {
        if SIGNS.contains(&chunk) {
            self.tokens.push(Token::exact(Kind::Word, chunk, chunk));
            return false;
        }
        let led = chunk.trim_start_matches(OPENING);
        let core = led.trim_end_matches(CLOSING);
        let tail = &led[core.len()..];
        let stops = tail.contains(['.', '!', '?', ':']) && !is_abbreviation(core);
        if core.is_empty() {
            return starts || stops;
        }
        if core == "%" && self.tokens.last().is_some_and(|t| t.kind == Kind::Number) {
            self.word("percent", false);
            return stops;
        }
        let before = self.tokens.len();
        self.piece(core, starts);
        if let Some(unit) = figures::marked(core, tail, &self.quotes) {
            self.word(unit, false);
        }
        stops || (starts && self.tokens.len() == before)
    }

    /// Cuts what has no marks around it.
    pub(super) fn piece(&mut self, core: &str, starts: bool) {
        if let Some(spelling) = exact_spelling(core) {
            let kind = if core.starts_with('-') {
                Kind::Flag
            } else {
                Kind::Identifier
            };
            self.tokens.push(Token::exact(kind, core, &spelling));
        } else if let Some(words) = written_out(core) {
            words.iter().for_each(|word| self.word(word, false));
        } else if figures::is_written(core) {
            digits::cut(core, starts, self);
        } else if core.contains('.') {
            self.dotted(core, starts);
        } else if let Some(keys) = chord(core) {
            self.tokens
                .push(Token::exact(Kind::Identifier, core, &keys));
        } else {
            self.words(core, starts);
        }
    }

    /// Letters with dots between: U.S., Node.js, main.py, a blank left out after a sentence.
    fn dotted(&mut self, core: &str, starts: bool) {
        let mut parts = core.split('.').filter(|part| !part.is_empty());
        let last = core.rsplit('.').next().unwrap_or("");
        if parts.clone().all(|part| part.chars().count() == 1) || matches!(last, "js" | "JS") {
            let joined: String = parts.collect();
            self.word(&joined, starts);
        } else if core.eq_ignore_ascii_case(".net") {
            self.word("dotnet", starts);
        } else if parts.clone().count() == 2
            && last.len() <= 5
            && last.chars().all(|c| c.is_ascii_lowercase())
            && !super::words::is_stop(last)
        {
            let spelling = core.to_lowercase();
            self.tokens
                .push(Token::exact(Kind::Identifier, core, &spelling));
        } else if let Some(first) = parts.next() {
            self.words(first, starts);
            parts.for_each(|part| self.words(part, true));
        }
    }

    /// Words joined by hyphens, slashes and the like.
    pub(super) fn words(&mut self, core: &str, mut starts: bool) {
        if core.eq_ignore_ascii_case("w/o") {
            self.word("without", starts);
            return;
        }
        let joined = |c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '’' | '+' | '#' | '°');
        let mut letter = "";
        for part in core.split(joined).filter(|part| !part.is_empty()) {
            // "e-mail" and "email", "T-shirt" and "tshirt".
            let small = part.len() == 1 || JOINED.contains(&part.to_lowercase().as_str());
            if small
                && letter.is_empty()
                && core.len() > part.len() + 2
                && core.starts_with(part)
                && core[part.len()..].starts_with('-')
            {
                letter = part;
                continue;
            }
            if letter.is_empty() {
                self.word(part, starts);
            } else {
                self.word(&format!("{letter}{part}"), starts);
                letter = "";
            }
            starts = false;
        }
        if !letter.is_empty() {
            self.word(letter, starts);
        }
    }

    /// One word, its contraction written out.
    pub(super) fn word(&mut self, raw: &str, starts: bool) {
        let lower = raw.to_lowercase().replace('’', "'");
        let lower = lower.trim_matches('\'');
        if let Some((_, [first, second])) = BARE.iter().find(|(bare, _)| *bare == lower) {
            self.two(raw, first, second, starts);
            return;
        }
        let Some((head, tail)) = lower.split_once('\'') else {
            self.tokens.push(Token::word(
                raw.trim_matches(['\'', '’']),
                lower.to_owned(),
                starts,
            ));
            return;
        };
        let written = match tail {
            "re" => "are",
            "ll" => "will",
            "ve" => "have",
            "d" => "would",
            "m" => "am",
            "t" if head.ends_with('n') => {
                let head = match head {
                    "can" => "can",
                    "won" => "will",
                    "shan" => "shall",
                    "ain" => "is",
                    _ => &head[..head.len() - 1],
                };
                self.two(raw, head, "not", starts);
                return;
            }
            "s" if WITH_IS.contains(&head) => "is",
            "s" => {
                let end = raw.find(['\'', '’']).unwrap_or(raw.len());
                let mut token = Token::word(&raw[..end], head.to_owned(), starts);
                token.owner = true;
                self.tokens.push(token);
                return;
            }
            _ => {
                let joined: String = lower.chars().filter(|c| *c != '\'').collect();
                self.tokens.push(Token::word(raw, joined, starts));
                return;
            }
        };
        self.two(raw, head, written, starts);
    }

    fn two(&mut self, raw: &str, first: &str, second: &str, starts: bool) {
        let end = raw.char_indices().nth(1).map_or(raw.len(), |(end, _)| end);
        let capital = raw[..end].chars().all(char::is_uppercase);
        let spelt = if capital {
            first.to_uppercase()
        } else {
            first.to_owned()
        };
        // Only the first letter may count as a capital.
        let shown = if spelt.chars().count() > 1 && capital {
            format!(
                "{}{}",
                &raw[..end],
                first.chars().skip(1).collect::<String>()
            )
        } else {
            spelt
        };
        self.tokens
            .push(Token::word(&shown, first.to_owned(), starts));
        self.tokens
            .push(Token::word(second, second.to_owned(), false));
    }
}

/// The content of a code span at the start of a text, and what comes after it.
fn code_span(text: &str) -> Option<(&str, &str)> {
    let fence = text.len() - text.trim_start_matches('`').len();
    if fence == 0 {
        return None;
    }
    let end = text[fence..].find(&text[..fence])? + fence;
    Some((&text[fence..end], &text[end + fence..]))
}

/// The spelling of what is compared letter by letter, `None` for words and numbers.
fn exact_spelling(core: &str) -> Option<String> {
    let letter_at = |i: usize| core.as_bytes().get(i).is_some_and(u8::is_ascii_alphabetic);
    if (core.starts_with("--") && letter_at(2)) || (core.starts_with('-') && letter_at(1)) {
        return Some(core.to_owned());
    }
    if core.contains("://") || core.starts_with("www.") {
        let bare = core.split_once("://").map_or(core, |(_, rest)| rest);
        let bare = bare.trim_start_matches("www.").trim_end_matches('/');
        return Some(bare.to_lowercase());
    }
    if core.len() > 1 && core.contains('@') {
        return Some(core.to_lowercase());
    }
    let slashes = core.matches('/').count();
    let rooted = ["/", "~/", "./", "../"]
        .iter()
        .any(|root| core.starts_with(root));
    let letters = core.chars().any(char::is_alphabetic);
    if letters
        && core.len() > 2
        && (rooted || core.contains('\\') || (slashes > 1 && core.contains('.')))
    {
        return Some(core.to_owned());
    }
    let code = core.contains("::") || core.ends_with('(') || core.contains("()");
    if letters && (code || core.trim_matches('_').contains('_')) {
        return Some(core.trim_end_matches("()").trim_end_matches('(').to_owned());
    }
    None
}

/// What letters and a number stand for.
fn written_out(core: &str) -> Option<[&'static str; 3]> {
    match core.to_ascii_lowercase().as_str() {
        "ww1" | "wwi" => Some(["World", "War", "I"]),
        "ww2" | "wwii" => Some(["World", "War", "II"]),
        "2fa" => Some(["two", "factor", "authentication"]),
        _ => None,
    }
}

fn is_abbreviation(core: &str) -> bool {
    let short = [
        "Mr", "Mrs", "Ms", "Dr", "Prof", "St", "vs", "etc", "e.g", "i.e", "No", "approx",
    ];
    short.contains(&core)
        || (core.chars().count() == 1 && core.chars().all(char::is_uppercase))
        || (core.contains('.') && core.split('.').all(|part| part.chars().count() == 1))
}
