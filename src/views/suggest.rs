//! "Did you mean": the nearest of the names there are.

/// The nearest name, if it is near enough to be a slip of the fingers.
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (typed.chars().count() / 3).clamp(1, 3);
    names.into_iter().map(|n| (strsim::osa_distance(typed, n), n)).filter(|(d, _)| *d <= limit).min().map(|(_, n)| n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        let names = ["describe", "yaml", "logs", "healthy"];
        assert_eq!(nearest("descrieb", names), Some("describe"));
        assert_eq!(nearest("yml", names), Some("yaml"));
        assert_eq!(nearest("zebra", names), None);
        assert_eq!(nearest("", names), None);
    }
}
