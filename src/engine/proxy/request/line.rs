//! Request lines as text: `GET /api/v1/pods` in, one JSON object out. Made to be compared with other readers.

use super::{RequestInfo, Unreadable};

/// The output for one request line. The fields of [`RequestInfo`] come first, under its own names (`is_resource`,
/// `path`, `verb`, `api_prefix`, `api_group`, `api_version`, `namespace`, `resource`, `subresource`, `name`,
/// `field_selector`, `label_selector`); then:
#[derive(Debug, serde::Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    info: RequestInfo<'a>,
    long_running: bool,
    class: &'static str,
    /// Reason why the proxy refuses a URL that a server can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'static str>,
}

/// Why a line has no attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The line is not METHOD, a space, and a URL.
    Line,
    /// No server would read the URL.
    Url(Unreadable),
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Line => "expected METHOD, a space, and a path that begins with a slash",
            Self::Url(unreadable) => unreadable.why(),
        })
    }
}

/// Returns the JSON of one line.
///
/// Fails if the line is no request line or no server would read its URL; the error holds `{"error": ...}` as JSON, and
/// the reason.
pub fn json(line: &str) -> Result<String, (String, Malformed)> {
    read(line).map_err(|malformed| (serde_json::json!({ "error": malformed.to_string() }).to_string(), malformed))
}

fn read(line: &str) -> Result<String, Malformed> {
    let (method, url) = line.split_once(' ').filter(|(method, _)| is_method(method)).ok_or(Malformed::Line)?;
    let seen = super::seen(method, url).map_err(Malformed::Url)?;
    let line = Line {
        long_running: seen.info.is_long_running(),
        class: seen.info.class().as_str(),
        refused: seen.flaw.map(Unreadable::why),
        info: seen.info,
    };
    // Maps of texts and truths always have a JSON form.
    Ok(serde_json::to_string(&line).unwrap_or_default())
}

/// Returns true for a token of HTTP.
fn is_method(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
