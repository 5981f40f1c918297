//! Reads the filter line. Never panics, whatever is typed; every error names the term.

use super::{Field, Filter, Needle, Operator, REGEX_BYTES_MAX, Term, Test, Value, fuzzy_pattern};
use crate::model::text::Text;
use crate::views::selector::Selector;
use regex::RegexBuilder;

/// The longest filter line: what is longer was pasted by mistake.
const FILTER_CHARS_MAX: usize = 1024;

pub(super) fn filter(source: &str) -> Result<Filter, String> {
    if source.chars().count() > FILTER_CHARS_MAX {
        return Err(format!("a filter has at most {FILTER_CHARS_MAX} characters"));
    }
    let mut filter = Filter { source: source.trim().to_owned(), ..Filter::default() };
    let mut words = words(source)?.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-l" => {
                let selector = words.next().ok_or("`-l` needs a selector: -l app=web")?;
                let parsed = Selector::parse(&selector).map_err(|why| format!("-l: {why}"))?;
                // Judged here too, so that rows already held answer at once.
                filter.terms.push(Term { not: false, test: Test::Label(parsed) });
                if !filter.selector.is_empty() {
                    filter.selector.push(',');
                }
                filter.selector.push_str(&selector);
            }
            "-f" => {
                let text = words.next().ok_or("`-f` needs a text: -f apipay")?;
                filter.terms.push(Term { not: false, test: Test::Fuzzy(fuzzy_pattern(&text)) });
            }
            word => filter.terms.extend(term(word)?),
        }
    }
    filter.selector = Text::new(filter.selector.trim_matches(','));
    Ok(filter)
}

/// Splits at spaces outside double quotes and parentheses (`-l "tier in (a, b)"`).
fn words(source: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in source.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.extend(finished(&mut word)),
            c => word.push(c),
        }
    }
    words.extend(finished(&mut word));
    if quoted { Err("a quote is open: close it with \"".to_owned()) } else { Ok(words) }
}

fn finished(word: &mut String) -> Option<String> {
    (!word.is_empty()).then(|| std::mem::take(word))
}

/// Reads one term; a lone `!` or `~` is somebody still typing and asks nothing.
fn term(word: &str) -> Result<Option<Term>, String> {
    let (not, rest) = match word.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    if rest.is_empty() || rest == "~" {
        return Ok(None);
    }
    let test = match rest.strip_prefix('~') {
        Some(pattern) => regex(pattern)?,
        None => comparison(rest)?.or(column(rest)?).unwrap_or_else(|| Test::Has(Needle::new(rest))),
    };
    Ok(Some(Term { not, test }))
}

fn regex(pattern: &str) -> Result<Test, String> {
    let exact = pattern.chars().any(char::is_uppercase);
    RegexBuilder::new(pattern)
        .case_insensitive(!exact)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map(Test::Regex)
        .map_err(|why| format!("~{pattern}: {}", first_reason(&why)))
}

/// The regex crate draws a picture over several lines; its last line says it.
fn first_reason(why: &regex::Error) -> String {
    if matches!(why, regex::Error::CompiledTooBig(_)) {
        return "this pattern is too large".to_owned();
    }
    why.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// Longer operators first, so that `>=` is not read as `>`.
const OPERATORS: [(&str, Operator); 6] = [
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("!=", Operator::NotEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("=", Operator::Equal),
];

fn comparison(word: &str) -> Result<Option<Test>, String> {
    if word.starts_with("label:") {
        return Ok(None);
    }
    let Some((at, name, operator)) = OPERATORS
        .iter()
        .filter_map(|(text, operator)| word.find(text).map(|at| (at, *text, *operator)))
        .min_by_key(|(at, text, _)| (*at, std::cmp::Reverse(text.len())))
    else {
        return Ok(None);
    };
    let (column, value) = (word.get(..at).unwrap_or_default(), word.get(at + name.len()..).unwrap_or_default());
    if !is_column_name(column) || value.is_empty() {
        // `-->` or a half-typed `restarts>`: nothing to compare yet.
        return if is_column_name(column) { Err(format!("{word} needs a value: {word}5")) } else { Ok(None) };
    }
    let value = Value { text: value.to_owned(), number: number(value) };
    let needs_number = !matches!(operator, Operator::Equal | Operator::NotEqual);
    if needs_number && value.number.is_none() {
        return Err(format!("{word}: `{}` is no number, time (10m, 2d) or share (50%, 1/2)", value.text));
    }
    Ok(Some(Test::Compare { field: Field::named(column), operator, value }))
}

fn column(word: &str) -> Result<Option<Test>, String> {
    let Some((name, value)) = word.split_once(':') else { return Ok(None) };
    if !is_column_name(name) || value.is_empty() {
        return Ok(None);
    }
    if name == "label" {
        return Selector::parse(value).map(|s| Some(Test::Label(s))).map_err(|why| format!("{word}: {why}"));
    }
    Ok(Some(Test::In { field: Field::named(name), wanted: Needle::new(value), typed: Needle::new(word) }))
}

fn is_column_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '(' | ')'))
}

/// A number, a time in seconds, a share (`50%`, `1/2`).
fn number(text: &str) -> Option<f64> {
    if let Ok(n) = text.parse::<f64>() {
        return n.is_finite().then_some(n);
    }
    if let Some(share) = text.strip_suffix('%') {
        return share.parse::<f64>().ok().map(|n| n / 100.0).filter(|n| n.is_finite());
    }
    if let Some((have, want)) = text.split_once('/') {
        let (have, want) = (have.parse::<u32>().ok()?, want.parse::<u32>().ok()?);
        return (want > 0).then(|| f64::from(have) / f64::from(want));
    }
    seconds(text)
}

/// `10m`, `2h30m`, `1d12h`.
fn seconds(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() || c == '.' {
            digits.push(c);
            continue;
        }
        let unit = match c {
            's' => 1.0,
            'm' => 60.0,
            'h' => 3600.0,
            'd' => 86_400.0,
            'w' => 604_800.0,
            'y' => 31_536_000.0,
            _ => return None,
        };
        total += std::mem::take(&mut digits).parse::<f64>().ok()? * unit;
    }
    (digits.is_empty() && !text.is_empty()).then_some(total)
}
