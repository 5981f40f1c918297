//! The path of a URL: decoded as Go's `net/url` does, split as kube-apiserver does, and looked at for second meanings.

use super::Unreadable;
use std::borrow::Cow;

/// Largest number of segments with a meaning: prefix, group, version, `watch`, `namespaces`, its name, resource, name,
/// subresource.
const NAMED: usize = 9;

/// The segments of a decoded path, to be taken one by one.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    named: [&'a str; NAMED],
    taken: usize,
    count: usize,
}

impl<'a> Parts<'a> {
    /// Splits at every slash, after the slashes at both ends are cut off; empty segments between two slashes stay.
    pub fn split(path: &'a str) -> Self {
        let path = path.trim_matches('/');
        let mut parts = Self { named: [""; NAMED], taken: 0, count: 0 };
        if path.is_empty() {
            return parts;
        }
        let mut segments = Segments::of(path);
        for place in &mut parts.named {
            let Some(segment) = segments.next() else { return parts };
            *place = segment;
            parts.count += 1;
        }
        parts.count += segments.count();
        parts
    }

    /// The number of all segments, taken ones included.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The number of segments left.
    pub fn len(&self) -> usize {
        self.count - self.taken
    }

    /// Returns true if no segment is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the first segment left, without taking it.
    pub fn first(&self) -> Option<&'a str> {
        (!self.is_empty()).then(|| self.get(0))
    }

    /// Returns a segment left, by its index; empty if there is none.
    pub fn get(&self, place: usize) -> &'a str {
        self.named.get(self.taken + place).copied().unwrap_or_default()
    }

    /// Takes the first segment left; empty if there is none.
    pub fn take(&mut self) -> Cow<'a, str> {
        let first = self.get(0);
        self.taken = self.count.min(self.taken + 1);
        Cow::Borrowed(first)
    }
}

/// Iterator over the texts between slashes; an empty text is one empty segment. Segments are short: a plain search for
/// a slash is faster than setting up the search of `str::split`.
#[derive(Debug, Clone)]
pub struct Segments<'a>(Option<&'a str>);

impl<'a> Segments<'a> {
    /// Iterates over the segments of a path, whose leading slash is cut off.
    pub fn of(path: &'a str) -> Self {
        Self(Some(path))
    }

    /// Returns true if another segment follows.
    fn more(&self) -> bool {
        self.0.is_some()
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let path = self.0.take()?;
        let Some((segment, rest)) = path.bytes().position(|byte| byte == b'/').and_then(|at| path.split_at_checked(at))
        else {
            return Some(path);
        };
        self.0 = rest.get(1..);
        Some(segment)
    }
}

/// Checks that a URL holds only characters of a request line.
///
/// Fails on control characters, spaces, `#` and everything beyond ASCII.
pub fn characters(url: &str) -> Result<(), Unreadable> {
    if url.bytes().any(|byte| byte <= b' ' || byte >= 0x7f || byte == b'#') {
        return Err(Unreadable::Character);
    }
    Ok(())
}

/// Decodes the escapes of a path: `%2e` becomes `.`; a plus stays a plus.
///
/// Fails if two hexadecimal digits do not follow a percent sign, or the result is not UTF-8.
pub fn decoded(raw: &str) -> Result<Cow<'_, str>, Unreadable> {
    unescaped(raw, false)
}

/// Decodes escapes and, in a query, turns pluses into spaces. Fails as [`decoded`].
pub(super) fn unescaped(raw: &str, plus_is_space: bool) -> Result<Cow<'_, str>, Unreadable> {
    if !raw.bytes().any(|byte| byte == b'%' || (plus_is_space && byte == b'+')) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = Vec::with_capacity(raw.len());
    for byte in Bytes::of(raw) {
        out.push(match byte? {
            Byte::Plain(b'+') if plus_is_space => b' ',
            Byte::Plain(byte) | Byte::Escaped(byte) => byte,
        });
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| Unreadable::NotText)
}

/// A byte of a decoded text, plain or escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Byte {
    Plain(u8),
    Escaped(u8),
}

/// Iterator that decodes byte by byte.
struct Bytes<'a> {
    rest: std::str::Bytes<'a>,
}

impl<'a> Bytes<'a> {
    fn of(raw: &'a str) -> Self {
        Self { rest: raw.bytes() }
    }
}

impl Iterator for Bytes<'_> {
    type Item = Result<Byte, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        let byte = self.rest.next()?;
        if byte != b'%' {
            return Some(Ok(Byte::Plain(byte)));
        }
        let digits = (self.rest.next().and_then(digit), self.rest.next().and_then(digit));
        Some(match digits {
            (Some(high), Some(low)) => Ok(Byte::Escaped(high << 4 | low)),
            _ => Err(Unreadable::Escape),
        })
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Checks that no other reader can see other segments in a path. Segments behind the first `named` belong to a pod or
/// service: there a slash may be escaped or doubled, but no dot segment may leave them.
///
/// Fails on empty segments, escaped slashes, dot segments, control characters and malformed escapes.
pub fn one_meaning(raw: &str, named: usize) -> Result<(), Unreadable> {
    let segments = raw.strip_prefix('/').unwrap_or(raw);
    let mut rest = Segments::of(segments);
    let mut place = 0;
    while let Some(segment) = rest.next() {
        let strict = place < named;
        if strict && segment.is_empty() && rest.more() {
            return Err(Unreadable::EmptySegment);
        }
        self::segment(segment, strict)?;
        place += 1;
    }
    Ok(())
}

fn segment(raw: &str, strict: bool) -> Result<(), Unreadable> {
    // The usual one: nothing in it needs a second look.
    if raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Ok(());
    }
    // Dots since the last separator, and whether there was nothing else.
    let (mut dots, mut only_dots) = (0_usize, true);
    for byte in Bytes::of(raw) {
        let byte = byte?;
        match byte {
            Byte::Plain(b'\\') | Byte::Escaped(b'/' | b'\\') if strict => return Err(Unreadable::EncodedSlash),
            Byte::Plain(b'\\') | Byte::Escaped(b'/' | b'\\') => {
                climbs(dots, only_dots)?;
                (dots, only_dots) = (0, true);
            }
            Byte::Escaped(0..0x20 | 0x7f) => return Err(Unreadable::Control),
            Byte::Plain(b'.') | Byte::Escaped(b'.') => dots += 1,
            Byte::Plain(_) | Byte::Escaped(_) => only_dots = false,
        }
    }
    climbs(dots, only_dots)
}

fn climbs(dots: usize, only_dots: bool) -> Result<(), Unreadable> {
    if only_dots && (dots == 1 || dots == 2) { Err(Unreadable::DotSegment) } else { Ok(()) }
}
