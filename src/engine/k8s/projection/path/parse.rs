//! Parses a path as client-go's `util/jsonpath` does, including its oddities: the output of the API server depends on
//! them.

use super::{Comparison, Filter, Operand, Path, Step};

/// Maximum number of steps of a path; no useful column has more.
const STEPS_MAX: usize = 32;

/// Paths within paths: in a union, or a filter.
const DEPTH_MAX: usize = 4;

/// Comparison operators, longer ones first, so that `<=` is not read as `<`.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// Parses a path; `None` if the server cannot parse it either.
pub(super) fn path(text: &str, depth: usize) -> Option<Path> {
    if depth > DEPTH_MAX {
        return None;
    }
    let mut rest = text;
    let mut steps = Vec::new();
    loop {
        // Spaces and signs of the object itself stand for nothing.
        rest = rest.trim_start_matches([' ', '@', '$']);
        if rest.is_empty() {
            return Some(Path(steps));
        }
        if steps.len() >= STEPS_MAX {
            return None;
        }
        rest = step(rest, &mut steps, depth)?;
    }
}

/// Parses the first step; returns the rest of the text.
fn step<'t>(text: &'t str, steps: &mut Vec<Step>, depth: usize) -> Option<&'t str> {
    if let Some(rest) = text.strip_prefix("[?(") {
        let (inside, rest) = filtered(rest)?;
        steps.push(Step::Filter(Box::new(filter(inside, depth)?)));
        return Some(rest);
    }
    if let Some(rest) = text.strip_prefix("..") {
        if steps.last() == Some(&Step::Descend) {
            return None;
        }
        steps.push(Step::Descend);
        let is_name = rest.starts_with(|c: char| c == '_' || c.is_alphanumeric());
        return Some(if is_name { field(rest, steps) } else { rest });
    }
    if let Some(rest) = text.strip_prefix('[') {
        // The first that closes, also within quotes.
        let (inside, rest) = rest.split_once(']')?;
        subscript(inside, steps, depth)?;
        return Some(rest);
    }
    if let Some(rest) = text.strip_prefix('.') {
        return Some(field(rest, steps));
    }
    // A word of its own is read, and then means nothing.
    let is_word = text.starts_with(|c: char| c == '_' || c.is_alphabetic());
    is_word.then(|| {
        steps.push(Step::Word);
        text.split_at(text.find(is_end).unwrap_or(text.len())).1
    })
}

/// Returns true if a name ends at this character.
fn is_end(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}

/// Parses a name up to its end; a backslash is dropped and the next character kept.
fn field<'t>(text: &'t str, steps: &mut Vec<Step>) -> &'t str {
    let mut name = String::new();
    let mut characters = text.char_indices();
    let mut rest = "";
    while let Some((at, c)) = characters.next() {
        match c {
            c if is_end(c) => {
                rest = text.split_at(at).1;
                break;
            }
            '\\' => name.extend(characters.next().map(|(_, c)| c).filter(|c| *c != '\\')),
            c => name.push(c),
        }
    }
    steps.push(if name == "*" { Step::All } else { Step::Field(name) });
    rest
}

fn subscript(inside: &str, steps: &mut Vec<Step>, depth: usize) -> Option<()> {
    if inside.contains(',') {
        let each = |part: &str| path(&format!("[{}]", part.trim_matches(' ')), depth + 1);
        steps.push(Step::Union(inside.split(',').map(each).collect::<Option<_>>()?));
        return Some(());
    }
    if let Some(key) = inside.strip_prefix('\'').and_then(|key| key.strip_suffix('\'')).filter(|k| !k.contains('\'')) {
        // A dot within the quotes parts names as it does outside.
        steps.extend(path(&format!(".{key}"), depth + 1)?.0);
        return Some(());
    }
    steps.push(slice(inside)?);
    Some(())
}

/// Parses `n`, `from:to`, `from:to:step`, or `*`; each number may be missing.
fn slice(inside: &str) -> Option<Step> {
    if inside == "*" {
        return Some(Step::Slice { from: None, to: None, by: None });
    }
    let number = |text: &str| match text {
        "" => Some(None),
        text if text.starts_with('+') => None,
        text => text.parse::<i64>().ok().map(Some),
    };
    let mut parts = inside.split(':');
    let from = number(parts.next()?)?;
    let step = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => Step::Item(from.unwrap_or(0)),
        (Some(to), by, None) => Step::Slice { from, to: number(to)?, by: by.map_or(Some(None), number)? },
        (Some(_), _, Some(_)) => return None,
    };
    Some(step)
}

/// Splits the text in the parentheses of a filter from the text after its bracket.
fn filtered(text: &str) -> Option<(&str, &str)> {
    let (mut quote, mut closed, mut before) = (None, false, ' ');
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open && before != '\\' => closed = true,
            (_, '\n') => return None,
            (open, ')') if open.is_some() == closed => {
                let (inside, rest) = text.split_at(at);
                return Some((inside, rest.strip_prefix(")]")?));
            }
            (Some(_) | None, _) => {}
        }
        before = c;
    }
    None
}

fn filter(text: &str, depth: usize) -> Option<Filter> {
    let is_sign = |c: char| matches!(c, '!' | '<' | '>' | '=');
    let parts = text.find(is_sign).filter(|at| *at > 0).and_then(|at| {
        let (left, rest) = text.split_at(at);
        let (sign, right) = rest.split_at(rest.find(|c| !is_sign(c))?);
        Some((left, sign, right))
    });
    let Some((left, sign, right)) = parts else {
        return Some(Filter { path: path(text, depth + 1)?, test: None });
    };
    let comparison = COMPARISONS.iter().find(|(known, _)| *known == sign).map(|(_, comparison)| *comparison);
    Some(Filter { path: path(left, depth + 1)?, test: Some((comparison, operand(right.trim(), depth)?)) })
}

fn operand(text: &str, depth: usize) -> Option<Operand> {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let inside = text.get(1..)?.strip_suffix(quote)?;
        return Some(Operand::Text(unescaped(inside)));
    }
    match text {
        "true" => Some(Operand::Bool(true)),
        "false" => Some(Operand::Bool(false)),
        number => match number.parse() {
            Ok(whole) => Some(Operand::Int(whole)),
            Err(_) if number.starts_with(['+', '-']) || number.starts_with(|c: char| c.is_ascii_digit()) => {
                number.parse().ok().map(Operand::Float)
            }
            Err(_) => path(number, depth + 1).map(Operand::Path),
        },
    }
}

/// Resolves the escapes in names of conditions: a quote and a backslash.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        out.push(if c == '\\' { characters.next().unwrap_or(c) } else { c });
    }
    out
}
