//! The reader of the tables of types that [`super::shape`] checks with.

use std::collections::BTreeMap;

use super::shape::{Def, Member, Schema, Type};

/// Reads tables; `#` begins a comment.
pub(crate) fn parse(text: &str) -> Result<Schema, String> {
    let mut reader = Reader {
        tokens: tokens(text)?,
        at: 0,
    };
    let mut schema = Schema::default();
    while reader.at < reader.tokens.len() {
        let name = reader.word()?;
        let def = reader.def()?;
        schema.0.insert(name, def);
    }
    Ok(schema)
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    for line in text.lines() {
        let mut rest = line.split('#').next().unwrap_or("").trim_start();
        while let Some(first) = rest.chars().next() {
            let wordy = |c: char| c.is_alphanumeric() || "_-.$".contains(c);
            let length = if first == '"' {
                let end = rest[1..].find('"').ok_or("a text without its end")?;
                tokens.push(Token::Text(rest[1..=end].to_owned()));
                end + 2
            } else if wordy(first) {
                let end = rest.find(|c| !wordy(c)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                end
            } else {
                tokens.push(Token::Sign(first));
                first.len_utf8()
            };
            rest = rest[length..].trim_start();
        }
    }
    Ok(tokens)
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).ok_or("it ends too early")?;
        self.at += 1;
        Ok(token.clone())
    }

    /// Takes the sign if it comes next.
    fn takes(&mut self, sign: char) -> bool {
        let is = self.tokens.get(self.at) == Some(&Token::Sign(sign));
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, sign: char) -> Result<(), String> {
        let found = self.tokens.get(self.at).cloned();
        if self.takes(sign) {
            Ok(())
        } else {
            Err(format!("{found:?} in place of {sign}"))
        }
    }

    fn word(&mut self) -> Result<String, String> {
        match self.next()? {
            Token::Word(word) | Token::Text(word) => Ok(word),
            Token::Sign(sign) => Err(format!("{sign} in place of a name")),
        }
    }

    fn def(&mut self) -> Result<Def, String> {
        if self.tokens.get(self.at) == Some(&Token::Word("by".to_owned())) {
            self.at += 1;
            let tag = self.word()?;
            let mut variants = BTreeMap::new();
            self.expect('{')?;
            while !self.takes('}') {
                let name = self.word()?;
                self.expect(':')?;
                variants.insert(name, self.of()?);
            }
            return Ok(Def::By { tag, variants });
        }
        let (mut members, mut open) = (BTreeMap::new(), false);
        self.expect('{')?;
        while !self.takes('}') {
            if self.takes('*') {
                open = true;
                self.expect(':')?;
                self.of()?;
                continue;
            }
            let name = self.word()?;
            let (required, exclusive) = (self.takes('!'), self.takes('^'));
            self.expect(':')?;
            let of = self.of()?;
            let member = Member {
                required,
                exclusive,
                of,
            };
            members.insert(name, member);
        }
        Ok(Def::Record { members, open })
    }

    fn of(&mut self) -> Result<Type, String> {
        let mut types = vec![self.one()?];
        while self.takes('|') {
            types.push(self.one()?);
        }
        let of = match types.pop() {
            Some(only) if types.is_empty() => only,
            Some(last) => {
                types.push(last);
                Type::Union(types)
            }
            None => Type::Any,
        };
        Ok(if self.takes('?') {
            Type::Nullable(Box::new(of))
        } else {
            of
        })
    }

    fn one(&mut self) -> Result<Type, String> {
        let of = match self.next()? {
            Token::Text(text) => Type::Literal(text),
            Token::Sign('[') => {
                let inner = self.of()?;
                self.expect(']')?;
                Type::List(Box::new(inner))
            }
            Token::Sign('{') => {
                let inner = self.of()?;
                self.expect('}')?;
                Type::Map(Box::new(inner))
            }
            Token::Sign(sign) => return Err(format!("{sign} in place of a type")),
            Token::Word(word) => match word.as_str() {
                "str" => Type::Str,
                "int" => Type::Int,
                "num" => Type::Num,
                "bool" => Type::Bool,
                "any" => Type::Any,
                "object" => Type::Object,
                "base64" => Type::Base64,
                _ => Type::Named(word),
            },
        };
        if !self.takes('(') {
            return Ok(of);
        }
        let least = self.bound(',', f64::NEG_INFINITY)?;
        let most = self.bound(')', f64::INFINITY)?;
        Ok(Type::Sized(Box::new(of), least, most))
    }

    /// A number, or `none` where there is none, and the sign behind it.
    fn bound(&mut self, end: char, none: f64) -> Result<f64, String> {
        if self.takes(end) {
            return Ok(none);
        }
        let word = self.word()?;
        self.expect(end)?;
        word.parse().map_err(|_| format!("{word} is no bound"))
    }
}
