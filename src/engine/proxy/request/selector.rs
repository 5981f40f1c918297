//! Label and field selectors, read by kube-apiserver's grammar to the letter: what it refuses is refused here, since a
//! list whose options it cannot read is routed without them.

use std::borrow::Cow;

/// Relation of a label to the values of a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `=`, `==` and `in`: the label is present and has one of the values.
    In,
    /// `!=` and `notin`: the label has another value or is absent.
    NotIn,
    /// `key`: the label is present.
    Exists,
    /// `!key`: the label is absent.
    Absent,
    /// `>`: the label is a number greater than the value.
    Greater,
    /// `<`: the label is a number less than the value.
    Less,
}

/// A requirement of a label selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement<'a> {
    /// Key of the label.
    pub key: &'a str,
    /// Relation of the label to [`Requirement::values`].
    pub relation: Relation,
    /// The values as written, between commas; use [`Requirement::values`].
    list: &'a str,
}

impl<'a> Requirement<'a> {
    /// Returns the values: at least one for `In` and `NotIn`. A value may come twice.
    pub fn values(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        self.list.split(',').map(|value| value.trim_matches(|c| is_blank(c) || c == '\0'))
    }
}

/// Calls `each` with every requirement. Returns false if a server refuses the selector; `each` may have been called
/// before.
pub fn labels<'a>(text: &'a str, each: &mut dyn FnMut(Requirement<'a>)) -> bool {
    let mut tokens = Tokens { text, at: 0 };
    let mut token = tokens.next();
    loop {
        let absent = match token {
            Token::End => return true,
            Token::Not => true,
            Token::Word(_) => false,
            Token::Sign(_) | Token::Comma | Token::Open | Token::Close => return false,
        };
        if absent {
            token = tokens.next();
        }
        let Token::Word(key) = token else { return false };
        if !is_label_key(key) {
            return false;
        }
        let operator = tokens.next();
        let (requirement, behind) = match operator {
            Token::End | Token::Comma => {
                let relation = if absent { Relation::Absent } else { Relation::Exists };
                (Some(Requirement { key, relation, list: "" }), operator)
            }
            _ if absent => return false,
            Token::Word(_) | Token::Sign(_) | Token::Not | Token::Open | Token::Close => {
                (compared(key, operator, &mut tokens), tokens.next())
            }
        };
        let Some(requirement) = requirement else { return false };
        each(requirement);
        match behind {
            Token::End => return true,
            Token::Comma => {}
            Token::Word(_) | Token::Sign(_) | Token::Not | Token::Open | Token::Close => return false,
        }
        token = tokens.next();
        if !matches!(token, Token::Word(_) | Token::Not) {
            return false;
        }
    }
}

/// Reads the operator and the values behind a key; each value must be legal for a label.
fn compared<'a>(key: &'a str, operator: Token<'a>, tokens: &mut Tokens<'a>) -> Option<Requirement<'a>> {
    let (relation, list) = match operator {
        Token::Word("in") => (Relation::In, set(tokens)?),
        Token::Word("notin") => (Relation::NotIn, set(tokens)?),
        Token::Sign("=" | "==") => (Relation::In, single(tokens)?),
        Token::Sign("!=") => (Relation::NotIn, single(tokens)?),
        Token::Sign(">") => (Relation::Greater, single(tokens)?),
        Token::Sign("<") => (Relation::Less, single(tokens)?),
        Token::Word(_) | Token::Sign(_) | Token::Not | Token::Comma | Token::Open | Token::Close | Token::End => {
            return None;
        }
    };
    let requirement = Requirement { key, relation, list };
    let ordered = matches!(relation, Relation::Greater | Relation::Less);
    let holds = |value: &str| is_label_value(value) && (!ordered || value.parse::<i64>().is_ok());
    requirement.values().all(holds).then_some(requirement)
}

/// Reads a value, which may be missing.
fn single<'a>(tokens: &mut Tokens<'a>) -> Option<&'a str> {
    let before = tokens.at;
    match tokens.next() {
        Token::Word(value) => Some(value),
        Token::End | Token::Comma => {
            tokens.at = before;
            Some("")
        }
        Token::Sign(_) | Token::Not | Token::Open | Token::Close => None,
    }
}

/// Reads `(a, b)`: words between commas, any of which may be missing.
fn set<'a>(tokens: &mut Tokens<'a>) -> Option<&'a str> {
    if tokens.next() != Token::Open {
        return None;
    }
    let start = tokens.at;
    let mut after_word = false;
    loop {
        let end = tokens.at;
        after_word = match tokens.next() {
            Token::Word(_) if !after_word => true,
            Token::Comma => false,
            Token::Close => return tokens.text.get(start..end),
            Token::Word(_) | Token::Sign(_) | Token::Not | Token::Open | Token::End => return None,
        };
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    /// An operator: `=`, `==`, `!=`, `<`, `>`.
    Sign(&'a str),
    Not,
    Comma,
    Open,
    Close,
    End,
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    fn peek(&self) -> Option<u8> {
        // The server's reader takes a NUL for the end.
        self.text.as_bytes().get(self.at).copied().filter(|byte| *byte != 0)
    }

    fn next(&mut self) -> Token<'a> {
        while self.peek().is_some_and(|byte| is_blank(char::from(byte))) {
            self.at += 1;
        }
        let Some(first) = self.peek() else {
            self.at = (self.at + 1).min(self.text.len());
            return Token::End;
        };
        let start = self.at;
        if !is_special(first) {
            while self.peek().is_some_and(|byte| !is_special(byte) && !is_blank(char::from(byte))) {
                self.at += 1;
            }
            let word = self.since(start);
            self.skip_nul();
            return Token::Word(word);
        }
        self.at += 1;
        if matches!(first, b'=' | b'!') && self.peek() == Some(b'=') {
            self.at += 1;
        }
        let sign = self.since(start);
        // A sign's reader looks one further, and swallows a NUL there.
        self.skip_nul();
        match sign {
            "!" => Token::Not,
            "," => Token::Comma,
            "(" => Token::Open,
            ")" => Token::Close,
            sign => Token::Sign(sign),
        }
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn skip_nul(&mut self) {
        if self.text.as_bytes().get(self.at) == Some(&0) {
            self.at += 1;
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'=' | b'!' | b'(' | b')' | b',' | b'>' | b'<')
}

/// Returns true if a server accepts the label selector.
pub fn labels_hold(text: &str) -> bool {
    labels(text, &mut |_| {})
}

/// Returns true for `[prefix/]name`: a DNS subdomain, and a name of at most 63 characters.
pub fn is_label_key(key: &str) -> bool {
    let name = match key.split_once('/') {
        Some((prefix, name)) if is_subdomain(prefix) => name,
        Some(_) => return false,
        None => key,
    };
    !name.is_empty() && is_label_value(name)
}

/// Returns true for an empty text, or at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both
/// ends.
pub fn is_label_value(value: &str) -> bool {
    let bytes = value.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let outer = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    value.len() <= 63 && outer(bytes.first()) && outer(bytes.last()) && bytes.iter().all(inner)
}

fn is_subdomain(text: &str) -> bool {
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let outer = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        outer(bytes.first()) && outer(bytes.last()) && bytes.iter().all(inner)
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// Iterates over the terms of a field selector: parts between commas that are not escaped.
fn terms(text: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |c: char| {
        if escaped {
            escaped = false;
            return false;
        }
        escaped = c == '\\';
        c == ','
    })
    .filter(|term| !term.is_empty())
}

/// Splits a term into the field, true if it must be equal, and the value as written.
fn term(text: &str) -> Option<(&str, bool, &str)> {
    // The first `=` ends the field, and so does a `!` right before it.
    let at = text.find('=')?;
    let (field, rest) = text.split_at(at);
    if let Some(field) = field.strip_suffix('!') {
        return Some((field, false, rest.strip_prefix('=').unwrap_or(rest)));
    }
    Some((field, true, rest.strip_prefix("==").or_else(|| rest.strip_prefix('=')).unwrap_or(rest)))
}

/// Removes the backslashes; `None` if one is missing, or precedes a character that needs none.
fn unescaped(value: &str) -> Option<Cow<'_, str>> {
    if !value.contains(['\\', ',', '=']) {
        return Some(Cow::Borrowed(value));
    }
    let mut out = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => out.push(characters.next().filter(|c| matches!(c, '\\' | ',' | '='))?),
            ',' | '=' => return None,
            c => out.push(c),
        }
    }
    Some(Cow::Owned(out))
}

/// Returns true if a server accepts the field selector.
pub fn fields_hold(text: &str) -> bool {
    terms(text).all(|text| term(text).is_some_and(|(_, _, value)| unescaped(value).is_some()))
}

/// Returns the value that the selector requires for the field. Of several requirements the first one in byte order
/// counts, as servers sort them.
pub fn field<'a>(text: &'a str, field: &str) -> Option<Cow<'a, str>> {
    let (_, value) = terms(text)
        .filter_map(|text| match term(text)? {
            (name, true, value) if name == field => Some((text, value)),
            _ => None,
        })
        .min_by_key(|(text, _)| *text)?;
    unescaped(value)
}
