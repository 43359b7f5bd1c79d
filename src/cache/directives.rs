//! Takes a `Cache-Control` value apart by the grammar of RFC 9110 and 9111. Knows
//! what a directive looks like, and none by name.

use std::borrow::Cow;

/// One directive: its name as written, and its argument without quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive<'a> {
    pub(super) name: &'a str,
    pub(super) argument: Option<Cow<'a, str>>,
}

/// The directives of a value, in order; none if any of it is not in the grammar.
///
/// ```text
/// list      = *( OWS "," ) [ directive ] *( OWS "," OWS [ directive ] )
/// directive = token [ "=" ( token / quoted-string ) ]
/// ```
pub(super) fn directives(value: &str) -> Option<Vec<Directive<'_>>> {
    let mut found = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches(BLANKS);
        if !rest.is_empty() && !rest.starts_with(',') {
            let (directive, after) = directive(rest)?;
            found.push(directive);
            rest = after.trim_start_matches(BLANKS);
        }
        if rest.is_empty() {
            return Some(found);
        }
        rest = rest.strip_prefix(',')?;
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

fn directive(text: &str) -> Option<(Directive<'_>, &str)> {
    let (name, rest) = token(text)?;
    let Some(rest) = rest.strip_prefix('=') else {
        let argument = None;
        return Some((Directive { name, argument }, rest));
    };
    let (argument, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted_string(quoted)?,
        None => token(rest).map(|(argument, rest)| (Cow::Borrowed(argument), rest))?,
    };
    let argument = Some(argument);
    Some((Directive { name, argument }, rest))
}

fn token(text: &str) -> Option<(&str, &str)> {
    let part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !part(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// What stands before the closing quote, and what after it. Most hold no escape and are not copied.
fn quoted_string(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut unescaped = String::new();
    let mut copied = 0;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let (inside, rest) = (&text[copied..at], &text[at + 1..]);
                let all = if copied == 0 {
                    Cow::Borrowed(inside)
                } else {
                    Cow::Owned(unescaped + inside)
                };
                return Some((all, rest));
            }
            '\\' => {
                let (escaped, _) = chars.next().filter(|(_, c)| may_be_quoted(*c))?;
                unescaped.push_str(&text[copied..at]);
                copied = escaped;
            }
            c if may_be_quoted(c) => {}
            _ => return None,
        }
    }
    None
}

fn may_be_quoted(c: char) -> bool {
    c == '\t' || !c.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<Vec<(&str, Option<String>)>> {
        let all = directives(value)?.into_iter();
        Some(
            all.map(|d| (d.name, d.argument.map(Cow::into_owned)))
                .collect(),
        )
    }

    fn plain(name: &str) -> (&str, Option<String>) {
        (name, None)
    }

    #[test]
    fn directives_come_with_their_arguments_quoted_or_not() {
        let told = read(r#"no-store, max-age=5,X-a="b", c="""#);
        let with = |name, argument: &str| (name, Some(argument.to_owned()));
        let want = vec![
            plain("no-store"),
            with("max-age", "5"),
            with("X-a", "b"),
            with("c", ""),
        ];
        assert_eq!(told, Some(want));
    }

    #[test]
    fn a_quoted_string_may_hold_commas_and_escaped_quotes() {
        let told = read(r#"a="no-store, \"b\" \\ é", c"#);
        let inside = Some(r#"no-store, "b" \ é"#.to_owned());
        assert_eq!(told, Some(vec![("a", inside), plain("c")]));
    }

    #[test]
    fn empty_members_of_the_list_are_skipped() {
        assert_eq!(read(""), Some(vec![]));
        assert_eq!(read(" \t, ,"), Some(vec![]));
        assert_eq!(read(",, a ,\t, b ,"), Some(vec![plain("a"), plain("b")]));
    }

    #[test]
    fn what_is_not_in_the_grammar_is_not_guessed_at() {
        for malformed in [
            "no-store;",
            "no-store; max-age=5",
            "no-store=",
            "no-store no-cache",
            "max-age =5",
            "max-age= 5",
            "=5",
            "a=b=c",
            "a=\"b",
            "a=\"b\"c",
            "a=\"b\\",
            "a=\"\u{1}\"",
            "\"no-store\"",
            "nö-store",
            "no-store\u{a0}",
        ] {
            assert_eq!(read(malformed), None, "{malformed:?}");
        }
    }
}
