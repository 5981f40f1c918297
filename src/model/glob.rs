//! Globs over names: `*` any text, `?` any character, `[a-c]` a character of a set, `[!a-c]` a character outside it.

/// Returns true if `text` matches `pattern` as a whole. Time is bounded by the product of their lengths.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go back to: the last star, and the text it has not swallowed yet.
    let mut star: Option<(usize, usize)> = None;
    while let Some(&c) = text.get(t) {
        let step = match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            Some('[') => class(pattern.get(p..).unwrap_or_default(), c),
            Some('?') => Some(1),
            Some(&x) if x == c => Some(1),
            _ => None,
        };
        match (step, star) {
            (Some(length), _) => {
                p += length;
                t += 1;
            }
            (None, Some((at, from))) => {
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
            (None, None) => return false,
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
}

/// Returns the length of the class at the start of `pattern` if it contains `c`; an unclosed one is a plain bracket.
fn class(pattern: &[char], c: char) -> Option<usize> {
    let inverted = matches!(pattern.get(1), Some('!' | '^'));
    let first = if inverted { 2 } else { 1 };
    // A closing bracket right at the start stands for itself.
    let Some(end) = pattern.iter().skip(first + 1).position(|x| *x == ']').map(|n| n + first + 1) else {
        return (c == '[').then_some(1);
    };
    let mut members = pattern.get(first..end).unwrap_or_default();
    let mut is_member = false;
    while let [low, rest @ ..] = members {
        if let ['-', high, rest @ ..] = rest {
            is_member |= (*low..=*high).contains(&c);
            members = rest;
        } else {
            is_member |= *low == c;
            members = rest;
        }
    }
    (is_member != inverted).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "prod", true),
            ("prod-*", "prod-eu", true),
            ("prod-*", "preprod-eu", false),
            ("*-eu-*", "prod-eu-1", true),
            ("prod-?", "prod-1", true),
            ("prod-?", "prod-12", false),
            ("prod-[12]", "prod-2", true),
            ("prod-[!12]", "prod-2", false),
            ("prod-[a-c]x", "prod-bx", true),
            ("a[", "a[", true),
            ("a[]]", "a]", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "axxbxxbxc", true),
            ("a**", "a", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_do_not_hang() {
        assert!(!matches(&"*a".repeat(40), &"a".repeat(39)));
    }

    proptest::proptest! {
        #[test]
        fn a_plain_name_matches_itself_and_any_cut_of_it(name in "[a-z0-9.@:/-]{1,20}", at in 0_usize..20) {
            assert!(matches(&name, &name));
            let at = at.min(name.len());
            assert!(matches(&format!("{}*", &name[..at]), &name));
            assert!(matches(&format!("*{}", &name[at..]), &name));
        }

        #[test]
        fn no_pattern_panics(pattern in ".{0,20}", text in ".{0,20}") {
            matches(&pattern, &text);
        }
    }
}
