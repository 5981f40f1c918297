//! Redaction: tokens and keys are taken out of a sentence before it is written down.

use crate::model::text::Text;

/// A word of this length that looks like a token is one.
const TOKEN_CHARS_MIN: usize = 20;

/// Returns the sentence without tokens and keys.
pub fn redact(sentence: &str) -> Text {
    if sentence.contains("-----BEGIN") {
        return Text::const_new("(left out: it holds a key or a certificate)");
    }
    let mut after_bearer = false;
    let words = sentence.split(' ').map(|word| {
        let is_secret = after_bearer || is_token(word);
        after_bearer = word.trim_end_matches(':').eq_ignore_ascii_case("bearer");
        if is_secret { "(left out)" } else { word }
    });
    Text::from(words.collect::<Vec<_>>().join(" "))
}

/// A JSON Web Token begins with `eyJ`, the encoding of `{"`.
fn is_token(word: &str) -> bool {
    word.find("eyJ").is_some_and(|at| word.len() - at >= TOKEN_CHARS_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_keys_are_left_out_and_sentences_stay() {
        assert_eq!(redact("pods \"a\" is forbidden"), "pods \"a\" is forbidden");
        assert_eq!(redact("bad token eyJhbGciOiJSUzI1NiIsImtpZCI6.x.y here"), "bad token (left out) here");
        assert_eq!(redact("Authorization: Bearer abc.def sent"), "Authorization: Bearer (left out) sent");
        assert!(!redact("x -----BEGIN PRIVATE KEY----- MII").contains("MII"));
    }
}
