//! The guards of what is compared letter by letter: codes, options, code spans and
//! quoted strings. Knows no language.

use super::Finding;
use super::pair::Pair;
use super::reading::Reading;
use super::signs;
use super::token::{Kind, Token};

/// Letters that degrees are called by.
const DEGREES: [(&str, &str); 4] = [
    ("c", "celsius"),
    ("c", "°c"),
    ("f", "fahrenheit"),
    ("f", "°f"),
];

/// Words that a stop makes shorter.
const SHORT: [&str; 9] = ["mr", "mrs", "ms", "dr", "st", "jr", "sr", "vs", "vol"];
/// What is said of a saying or a work, so that the quoted words are its name.
const TOLD: [&str; 21] = [
    "said", "says", "sang", "sings", "wrote", "written", "directed", "starred", "stars", "song",
    "movie", "film", "book", "novel", "series", "album", "poem", "called", "titled", "quote",
    "lyrics",
];

fn of_kind(reading: &Reading, kind: Kind) -> impl Iterator<Item = (usize, &Token)> {
    let tokens = reading.tokens().iter().enumerate();
    tokens.filter(move |(_, token)| token.kind == kind)
}

/// Tokens of a kind whose letters the other text has nowhere, in whatever way they are cut.
fn left(of: &Reading, other: &Reading, kind: Kind) -> Vec<usize> {
    let missing = |token: &Token| !other.has(token.key) && !is_spelt(&token.lower, other);
    of_kind(of, kind)
        .filter(|(_, token)| missing(token))
        .map(|(i, _)| i)
        .collect()
}

/// Letters and digits alone, small.
fn bare(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether the letters and digits of a literal stand in the other text one after the other.
fn is_spelt(literal: &str, other: &Reading) -> bool {
    let wanted = bare(literal);
    // An operator within is part of what it says.
    if wanted.is_empty()
        || literal.contains(['+', '-', '*', '<', '>', '=', '%', '^', '&', '|', '!'])
            && literal.contains(' ')
    {
        return false;
    }
    let tokens = other.tokens();
    (0..tokens.len()).any(|first| {
        let mut rest = wanted.as_str();
        for token in &tokens[first..] {
            let Some(after) = rest.strip_prefix(bare(&token.raw).as_str()) else {
                return false;
            };
            rest = after;
            if rest.is_empty() {
                return true;
            }
        }
        false
    })
}

fn is_letter(token: &Token) -> bool {
    let mut letters = token.raw.chars();
    let one = letters.next().is_some_and(char::is_uppercase) && letters.next().is_none();
    one && token.kind == Kind::Word && !token.starts && token.lower != "i"
}

/// Letters that name something: vitamin C, plan B.
fn letters(of: &Reading, other: &Reading) -> Vec<usize> {
    let degree = |token: &Token| {
        let mut names = DEGREES.iter().filter(|(letter, _)| token.is(letter));
        names.any(|(_, name)| other.tokens().iter().any(|t| t.is(name)))
    };
    let missing = |token: &Token| is_letter(token) && !other.has(token.key) && !degree(token);
    let tokens = of.tokens().iter().enumerate();
    let found: Vec<usize> = tokens.filter(|(_, t)| missing(t)).map(|(i, _)| i).collect();
    // The F of "John F. Kennedy" where the other has "JFK".
    if !found.is_empty() && other.tokens().iter().any(|t| is_initials(&t.raw, of)) {
        return Vec::new();
    }
    found
}

/// Whether a word is what the capitals of words in another text are: `JFK`, `John F. Kennedy`.
fn is_initials(word: &str, other: &Reading) -> bool {
    let wanted: Vec<char> = word.chars().collect();
    let first = |t: &Token| t.raw.chars().next().filter(|c| c.is_uppercase());
    let capitals: Vec<Option<char>> = other.tokens().iter().map(first).collect();
    let spelt = |from: &[Option<char>]| from.iter().zip(&wanted).all(|(x, y)| *x == Some(*y));
    wanted.len() > 1 && capitals.windows(wanted.len()).any(spelt)
}

/// Words with a capital within, which nobody writes but in a code: in the same place.
fn codes(pair: &Pair<'_>) -> bool {
    let coded = |token: &Token| {
        let inner = token.raw.chars().skip(1).any(char::is_uppercase);
        token.kind == Kind::Word && inner && !super::is_listed(token)
    };
    let pick = |of: &Reading, only: &[usize]| -> Vec<usize> {
        let picked = only.iter().filter(|i| coded(&of.tokens()[**i]));
        picked.copied().collect()
    };
    let (a, b) = (pick(pair.a, pair.only_a()), pick(pair.b, pair.only_b()));
    a.iter().any(|i| {
        b.iter()
            .any(|j| pair.is_aligned(*i, *j) && !pair.is_respelt(*i))
    })
}

/// Another order number, code, address, path or lettered name.
pub(super) fn identifiers(pair: &Pair<'_>) -> Finding {
    let (mut a, mut b) = (
        left(pair.a, pair.b, Kind::Identifier),
        left(pair.b, pair.a, Kind::Identifier),
    );
    a.extend(letters(pair.a, pair.b));
    b.extend(letters(pair.b, pair.a));
    // "George W.", "George H. W.": where both have letters, one more is another name.
    let lettered = |of: &Reading| of.tokens().iter().any(is_letter);
    let one_more = a.len() + b.len() > 0 && lettered(pair.a) && lettered(pair.b);
    if codes(pair) || one_more {
        return Finding::Different("identifier_changed");
    }
    if a.is_empty() && b.is_empty() {
        return Finding::Equal;
    }
    // A number or another word in its place is another thing too.
    let replaced = |only: &[usize], mine: &[usize], turned: bool| {
        mine.iter().any(|i| {
            let aligned = |j: &usize| {
                if turned {
                    pair.is_aligned(*j, *i)
                } else {
                    pair.is_aligned(*i, *j)
                }
            };
            only.iter().any(aligned)
        })
    };
    let content = |of: &Reading, only: &[usize]| -> Vec<usize> {
        let kept = only.iter().filter(|i| !of.tokens()[**i].stop);
        kept.copied().collect()
    };
    let (only_a, only_b) = (
        content(pair.a, pair.only_a()),
        content(pair.b, pair.only_b()),
    );
    if (!a.is_empty() && !b.is_empty())
        || replaced(&only_b, &a, false)
        || replaced(&only_a, &b, true)
    {
        Finding::Different("identifier_changed")
    } else {
        Finding::Unsure("identifier_on_one_side")
    }
}

/// Another option of a command, or one more.
pub(super) fn flags(pair: &Pair<'_>) -> Finding {
    let missing = |of: &Reading, other: &Reading| {
        of_kind(of, Kind::Flag).any(|(_, token)| !other.has(token.key))
    };
    if missing(pair.a, pair.b) || missing(pair.b, pair.a) {
        Finding::Different("flag_changed")
    } else {
        Finding::Equal
    }
}

/// Whether two literals are one but for their signs: `x==y`, `x===y`.
fn signs_differ<T: AsRef<str>>(a: &[T], b: &[T], same: impl Fn(&str, &str) -> bool) -> bool {
    let alone = |x: &T, others: &[T]| !others.iter().any(|y| same(x.as_ref(), y.as_ref()));
    let only_a = a.iter().filter(|x| alone(x, b));
    let only_a: Vec<String> = only_a.map(|x| bare(x.as_ref())).collect();
    let mut only_b = b.iter().filter(|y| !only_a.is_empty() && alone(y, a));
    only_b.any(|y| only_a.contains(&bare(y.as_ref())))
}

/// Whether either mark may stand around the strings of a code: `-m "msg"`, `-m 'msg'`, but `"$x"` and `"x"` say more.
fn has_plain_strings(code: &str) -> bool {
    let mut strings = code.split('"').skip(1).step_by(2);
    strings.all(|string| string.len() > 1 && !string.contains(['$', '\\', '\'', '!', '`']))
}

/// Whether two code spans are the same code: blanks, a closing semicolon and empty brackets aside. Keywords may be
/// shouted, `select`, `SELECT`; any other letter has its case for a reason, `-v`, `-V`, unless a text has no capitals
/// at all.
fn same_code(a: &str, b: &str, all_small: bool) -> bool {
    let core = |code: &str| -> String {
        let code = code.trim_end().trim_end_matches(';').trim_end();
        let code = code.strip_suffix("()").unwrap_or(code);
        let one_mark = has_plain_strings(code);
        let mark = |c| if c == '"' && one_mark { '\'' } else { c };
        let letters = code.chars().filter(|c| !c.is_whitespace());
        letters.map(mark).collect()
    };
    let (x, y) = (core(a), core(b));
    let words = |code: &str| -> Vec<String> {
        let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.map(str::to_owned).collect()
    };
    let shouted = |(one, other): (&String, &String)| {
        one == other
            || one.len() > 1 && all_small
            || one.len() > 2 && (*one == other.to_uppercase() || *other == one.to_uppercase())
    };
    x == y || x.to_lowercase() == y.to_lowercase() && words(a).iter().zip(&words(b)).all(shouted)
}

/// A quoted string without blanks, hyphens, apostrophes, what escapes a mark and the mark at its end; `loose` also
/// without the marks that part its words.
fn letters_of(quote: &str, loose: bool) -> impl Iterator<Item = char> {
    let quote = quote.trim_end_matches(['!', '?']);
    let kept = move |(i, c): &(usize, char)| match c {
        '\'' | '’' | '-' | '\\' => false,
        ',' | ':' | ';' | '.' => {
            // `1.5`, `a.b`
            let within = quote[i + 1..].starts_with(|c: char| !c.is_whitespace());
            let word = quote[..*i].rsplit(char::is_whitespace).next();
            let short = *c == '.' && word.is_some_and(|word| SHORT.contains(&word));
            within || !(loose || short)
        }
        _ => !c.is_whitespace(),
    };
    quote.char_indices().filter(kept).map(|(_, c)| c)
}

/// Whether two quoted strings are the same string, a mark at the end of only one aside.
fn same_quote(a: &str, b: &str) -> bool {
    same_end(a, b) && letters_of(a, false).eq(letters_of(b, false))
}

/// Whether two quoted strings do not end in two marks: `Stop!`, `Stop?`.
fn same_end(a: &str, b: &str) -> bool {
    let end = |quote: &str| quote.chars().next_back().filter(|c| matches!(c, '!' | '?'));
    end(a) == end(b) || end(a).is_none() || end(b).is_none()
}

/// Whether two quoted strings are one title or saying, whose commas nobody knows by heart: `Hey, Jude`, `Hey Jude`.
fn same_saying(a: &str, b: &str, told: bool) -> bool {
    let known = told || a.split_whitespace().nth(3).is_some();
    known && same_end(a, b) && letters_of(a, true).eq(letters_of(b, true))
}

fn spans(of: &Reading) -> Vec<&str> {
    let spans = of_kind(of, Kind::Code);
    spans.map(|(_, token)| token.raw.as_str()).collect()
}

/// Another code span, or other signs of mathematics and code in plain text.
pub(super) fn code(pair: &Pair<'_>) -> Finding {
    let small = |of: &Reading| {
        let mut letters = of.tokens().iter().flat_map(|t| t.raw.chars());
        !letters.any(char::is_uppercase)
    };
    let all_small = || small(pair.a) || small(pair.b);
    let same = |x: &str, y: &str| x == y || same_code(x, y, all_small());
    if signs_differ(&spans(pair.a), &spans(pair.b), same) {
        return Finding::Different("code_changed");
    }
    if signs::differ(pair) {
        return Finding::Different("sign_changed");
    }
    let missing = |of: &Reading, other: &Reading| {
        let there = |i: &usize| spans(other).iter().any(|y| same(&of.tokens()[*i].raw, y));
        left(of, other, Kind::Code).iter().any(|i| !there(i))
    };
    match (missing(pair.a, pair.b), missing(pair.b, pair.a)) {
        (false, false) => Finding::Equal,
        (true, true) => Finding::Different("code_changed"),
        _ => Finding::Unsure("code_on_one_side"),
    }
}

/// Another quoted string.
pub(super) fn quotes(pair: &Pair<'_>) -> Finding {
    let (a, b) = (pair.a.quotes(), pair.b.quotes());
    let marked = signs_differ(a, b, same_quote);
    let told = |of: &Reading| of.tokens().iter().any(|token| token.is_of(&TOLD));
    let told = marked && (told(pair.a) || told(pair.b));
    let same = |x: &str, y: &str| same_quote(x, y) || marked && same_saying(x, y, told);
    if marked && signs_differ(a, b, same) {
        return Finding::Different("quote_changed");
    }
    let missing = |of: &Reading, other: &Reading| {
        let there = |quote: &String| other.quotes().iter().any(|q| same(q, quote));
        let spelt = |quote: &String| is_spelt(quote.trim_end_matches(['!', '?']), other);
        of.quotes()
            .iter()
            .any(|quote| !there(quote) && !spelt(quote))
    };
    match (missing(pair.a, pair.b), missing(pair.b, pair.a)) {
        (false, false) if marked => Finding::Unsure("quote_marks"),
        (false, false) => Finding::Equal,
        (true, true) => Finding::Different("quote_changed"),
        _ => Finding::Unsure("quote_on_one_side"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn another_code_is_another_question() {
        for (a, b) in [
            ("Where is order ORD-1234?", "Where is order ORD-1243?"),
            (
                "What does error 0x80070005 mean?",
                "What does error 0x80070057 mean?",
            ),
            ("Is CVE-2021-44228 fixed?", "Is CVE-2021-45046 fixed?"),
            ("Open /etc/hosts for me", "Open /etc/passwd for me"),
            ("Write to ann@example.com", "Write to bob@example.com"),
            ("Print on A4 paper", "Print on A5 paper"),
            ("Is vitamin C good for me?", "Is vitamin D good for me?"),
            ("Who was George W. Bush?", "Who was George H. W. Bush?"),
        ] {
            different("identifiers", a, b);
        }
    }

    #[test]
    fn keys_pressed_together_are_one_code() {
        different(
            "identifiers",
            "What does Ctrl+Z do?",
            "What does Ctrl+Shift+Z do?",
        );
        survives("What does Ctrl+C do?", "What does CTRL-C do?");
        survives(
            "What does Ctrl+Alt+Del do?",
            "What does Control+Alt+Delete do?",
        );
    }

    #[test]
    fn initials_are_the_name_that_they_stand_for() {
        survives("Who was JFK?", "Who was John F. Kennedy?");
        survives(
            "What is 350 F in Celsius?",
            "What is 350 Fahrenheit in Celsius?",
        );
    }

    #[test]
    fn another_option_is_another_question() {
        different(
            "flags",
            "What does git push --force do?",
            "What does git push --no-force do?",
        );
        different(
            "flags",
            "What does git push do?",
            "What does git push --force do?",
        );
    }

    #[test]
    fn other_code_and_other_quotes_are_other_questions() {
        different("code", "What does `a + b` do?", "What does `a - b` do?");
        different(
            "quotes",
            "Translate \"good night\"",
            "Translate \"good day\"",
        );
    }

    #[test]
    fn signs_count_where_both_sides_have_code_or_quotes() {
        for (a, b) in [
            ("x==y", "x===y"),
            ("i++", "++i"),
            ("p->x", "p.x"),
            ("a/b", "a//b"),
            ("ls>f", "ls>>f"),
            ("s[1:]", "s[:1]"),
            ("*args", "**args"),
            ("git log A..B", "git log A...B"),
            ("grep -v", "grep -V"),
            ("const x = 5;", "const x += 5"),
            ("SELECT * FROM users;", "SELECT * FROM teams"),
            ("echo \"$x\"", "echo '$x'"),
            ("char c = \"a\"", "char c = 'a'"),
        ] {
            different(
                "code",
                &format!("What does `{a}` do?"),
                &format!("What is `{b}` doing?"),
            );
        }
        for (a, b) in [
            ("x==y", "x == y"),
            ("print(1);", "print(1)"),
            ("list.sort()", "list.sort"),
            ("SELECT a FROM t", "select a from t"),
            ("const x = 5;", "const x = 5"),
            ("SELECT * FROM users;", "select * from users"),
            ("git commit -m \"msg\"", "git commit -m 'msg'"),
        ] {
            survives(
                &format!("What does `{a}` do?"),
                &format!("What is done by `{b}`?"),
            );
        }
        survives("What is `Fn` in Rust?", "what is `fn` in rust");
        survives("Is `foo` or bar faster?", "Is foo or `bar` faster?");
        different(
            "quotes",
            "What does \"no, stop\" mean?",
            "What does \"no stop\" mean?",
        );
        survives(
            "What does \"I don’t care!\" mean?",
            "What does 'I don't care' mean?",
        );
    }

    #[test]
    fn the_marks_of_a_title_are_not_known_by_heart() {
        for (a, b) in [
            (
                "Who said \"I think, therefore I am\"?",
                "Who said \"I think therefore I am\"?",
            ),
            ("Who sang \"Hey, Jude\"?", "Who sang \"Hey Jude\"?"),
            (
                "What is \"Mr. Robot\" about?",
                "What is \"Mr Robot\" about?",
            ),
            (
                "When was \"Spider-Man: No Way Home\" released?",
                "When was \"Spider-Man No Way Home\" released?",
            ),
            ("Who said \"Stop!\" first?", "Who said \"Stop\" first?"),
            ("Who said \"Freeze!\"", "Who said \"Freeze?\""),
        ] {
            survives(a, b);
        }
        for (a, b) in [
            ("What does \"Stop!\" mean?", "What does \"Stop?\" mean?"),
            (
                "Translate \"You did it!\" into French",
                "Translate \"You did it?\" into French",
            ),
            (
                "Who said \"it costs 1.5 euros now\"?",
                "Who said \"it costs 15 euros now\"?",
            ),
            (
                "What does \"let's eat, grandma\" mean?",
                "What does \"let's eat grandma\" mean?",
            ),
        ] {
            different("quotes", a, b);
        }
    }

    #[test]
    fn one_literal_written_in_two_ways_survives() {
        survives("Open https://example.com/", "Open example.com");
        survives("What does `print` do?", "What does print do?");
        survives("Translate \"Good night\"", "Translate 'good night.'");
        survives(
            "What's wrong with Tom's idea? It's bad",
            "What is wrong with Tom's idea? It is bad",
        );
    }

    #[test]
    fn letters_behind_the_number_of_a_form_are_part_of_it() {
        for (a, b) in [
            ("What is form 1040?", "What is form 1040-X?"),
            ("what is form 941", "what is form 941-x"),
            ("What is form 1040-SR?", "What is form 1040-X?"),
        ] {
            different("identifiers", a, b);
        }
        for (a, b) in [
            ("What is form 1040-X?", "What is form 1040X?"),
            ("what is form 941-x", "What is Form 941-X?"),
            ("Is 3-D printing hard?", "Is 3D printing hard?"),
            ("a 12-V battery", "a 12 V battery"),
            ("a 12-V battery", "a 12V battery"),
        ] {
            survives(a, b);
        }
    }
}
