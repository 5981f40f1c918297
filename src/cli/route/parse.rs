//! `qd route parse`: reads request lines, and prints the attributes that an API server sees in each.

use crate::engine::proxy::request::line;
use crate::error::{ErrorKind, UserError};
use std::io::{BufRead, BufWriter, ErrorKind as IoKind, Write};

/// The longest request line in bytes; the rest counts as the next line.
const LINE_MAX: u64 = 1 << 20;

/// Prints a JSON object for each line that is not empty, in order. The exit code is 1 if any of them was malformed.
/// Fails if the input cannot be read or the output cannot be written; a closed pipe ends it quietly.
pub fn run(input: &mut dyn BufRead, output: &mut dyn Write) -> Result<u8, UserError> {
    let mut out = BufWriter::with_capacity(1 << 16, output);
    let mut line = Vec::new();
    let mut code = 0;
    loop {
        line.clear();
        let mut piece = std::io::Read::take(&mut *input, LINE_MAX);
        let length = piece.read_until(b'\n', &mut line).map_err(|e| failed("read the request lines", &e))?;
        if length == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        if text.is_empty() {
            continue;
        }
        let json = line::json(text).unwrap_or_else(|(json, _)| {
            code = 1;
            json
        });
        match writeln!(out, "{json}") {
            // Whoever reads has enough.
            Err(e) if e.kind() == IoKind::BrokenPipe => return Ok(code),
            written => written.map_err(|e| failed("write", &e))?,
        }
    }
    match out.flush() {
        Err(e) if e.kind() != IoKind::BrokenPipe => Err(failed("write", &e)),
        _ => Ok(code),
    }
}

fn failed(what: &str, error: &std::io::Error) -> UserError {
    UserError::new(ErrorKind::Internal, format!("cannot {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(input: &str) -> (u8, String) {
        let mut out = Vec::new();
        let code = run(&mut input.as_bytes(), &mut out).expect("it runs");
        (code, String::from_utf8(out).expect("text"))
    }

    #[test]
    fn each_line_is_answered() {
        let (code, out) = answered("GET /api/v1/pods?watch\n\nDELETE /api/v1/namespaces/a/pods\n");
        let verbs: Vec<serde_json::Value> = out.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
        assert_eq!(code, 0);
        assert_eq!(
            verbs.iter().map(|v| v["verb"].as_str()).collect::<Vec<_>>(),
            [Some("watch"), Some("deletecollection")]
        );
    }

    #[test]
    fn a_malformed_line_is_said_and_passed() {
        let (code, out) = answered("nonsense\nGET /version");
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(code, 1);
        assert!(lines[0].contains("error") && lines[1].contains("/version"), "{out}");
    }
}
