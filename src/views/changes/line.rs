//! A change as it is typed after `:change`: `delete`, `rollout restart`, `scale 3`, `label team=web old-`.

use crate::model::change::label::LabelChanges;
use crate::model::change::{Cascade, Change, Options, Verb};
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;

/// Commands that the palette offers, one for each verb, with their help.
pub const COMMANDS: &[(&str, &str)] = &[
    ("change delete", "Delete the object or the marked ones"),
    ("change rollout restart", "Restart the pods of a workload, as a rollout"),
    ("change scale", "Set the number of replicas"),
    ("change cordon", "Mark nodes as unschedulable"),
    ("change uncordon", "Mark nodes as schedulable"),
    ("change label", "Set and remove labels"),
];

/// How the command is typed.
pub const USAGE: &str = "change VERB …";

/// A change with its order and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeLine {
    /// The change of each object.
    pub change: Change,
    /// Order and limits of the run.
    pub options: Options,
}

/// The meaning of what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// All is said.
    Whole(Box<ChangeLine>),
    /// The verb needs a value, which is asked for.
    Asks(Verb),
}

impl ChangeLine {
    /// Returns the change that a verb without values means; `None` for a verb that needs one.
    pub fn of(verb: Verb, now: UnixSeconds) -> Option<Self> {
        let change = match verb {
            Verb::Delete => Change::Delete { cascade: Cascade::Background, grace_period_s: None },
            Verb::RolloutRestart => Change::RolloutRestart { restarted_at: Text::from(now.to_string()) },
            Verb::Cordon => Change::Cordon {},
            Verb::Uncordon => Change::Uncordon {},
            Verb::Scale | Verb::Label => return None,
        };
        Some(Self { change, options: Options::default() })
    }
}

/// Parses the words after `:change`. Fails for an unknown verb, an unknown flag and values that do not fit: the error
/// says what to type.
pub fn parse(words: &[&str], now: UnixSeconds) -> Result<Typed, String> {
    let (verb, rest) = match words {
        ["delete", rest @ ..] => (Verb::Delete, rest),
        ["rollout", "restart", rest @ ..] | ["restart", rest @ ..] => (Verb::RolloutRestart, rest),
        ["scale", rest @ ..] => (Verb::Scale, rest),
        ["cordon", rest @ ..] => (Verb::Cordon, rest),
        ["uncordon", rest @ ..] => (Verb::Uncordon, rest),
        ["label", rest @ ..] => (Verb::Label, rest),
        _ => {
            return Err(
                "type :change delete, rollout restart, scale N, cordon, uncordon, or label KEY=VALUE".to_owned()
            );
        }
    };
    if rest.is_empty() && matches!(verb, Verb::Scale | Verb::Label) {
        return Ok(Typed::Asks(verb));
    }
    values(verb, rest, now).map(|line| Typed::Whole(Box::new(line)))
}

/// Parses the values of a verb: a number, labels, flags. Fails for values that do not fit: the error says what to type.
pub fn values(verb: Verb, words: &[&str], now: UnixSeconds) -> Result<ChangeLine, String> {
    let mut flags = Flags { verb, ..Flags::default() };
    let mut plain = Vec::new();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        if !word.starts_with("--") {
            plain.push(word);
            continue;
        }
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        flags.take(name, value, &mut words)?;
    }
    let change = match (verb, plain.as_slice()) {
        (Verb::Scale, [number]) => Change::Scale { replicas: replicas(number)? },
        (Verb::Scale, _) => return Err("type the number of replicas: 3".to_owned()),
        (Verb::Label, words) => labels(words, flags.overwrite)?,
        (_, [word, ..]) => return Err(format!("{verb} takes no `{word}`: it changes the row, or the marked rows")),
        (Verb::Delete, []) => Change::Delete { cascade: flags.cascade, grace_period_s: flags.grace_period_s },
        (verb, []) => ChangeLine::of(verb, now).ok_or_else(|| format!("type :{USAGE}"))?.change,
    };
    Ok(ChangeLine { change, options: flags.options })
}

fn replicas(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| i32::try_from(*number).is_ok());
    number.ok_or_else(|| format!("`{text}` is no number of replicas: type a whole number, as in 3"))
}

fn labels(words: &[&str], overwrite: bool) -> Result<Change, String> {
    let stray = words.iter().find(|word| crate::model::change::label::split(word).is_none());
    if let Some(stray) = stray {
        return Err(format!("`{stray}` is no label: set one with KEY=VALUE, remove one with KEY-"));
    }
    let LabelChanges { set, remove } = LabelChanges::parse(words.iter().copied())?;
    if set.is_empty() && remove.is_empty() {
        return Err("set a label with KEY=VALUE, remove one with KEY-".to_owned());
    }
    Ok(Change::Label { set, remove, overwrite })
}

/// The flags of a change, as far as they were read.
#[derive(Debug)]
struct Flags {
    verb: Verb,
    cascade: Cascade,
    grace_period_s: Option<u32>,
    overwrite: bool,
    options: Options,
}

impl Default for Flags {
    fn default() -> Self {
        let options = Options::default();
        Self { verb: Verb::Delete, cascade: Cascade::default(), grace_period_s: None, overwrite: false, options }
    }
}

impl Flags {
    /// Takes a flag, and its value from the words that follow where it does not have one yet.
    fn take<'a>(
        &mut self,
        name: &str,
        value: Option<&'a str>,
        words: &mut impl Iterator<Item = &'a str>,
    ) -> Result<(), String> {
        if name == "--overwrite" && self.verb == Verb::Label && value.is_none() {
            self.overwrite = true;
            return Ok(());
        }
        let mut value = || value.or_else(|| words.next()).ok_or_else(|| format!("{name} needs a value"));
        let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{name} needs a number, not `{text}`"));
        match (name, self.verb) {
            ("--cascade", Verb::Delete) => self.cascade = cascade(value()?)?,
            ("--grace-period", Verb::Delete) => self.grace_period_s = Some(number(value()?)?),
            ("--canary", _) => self.options.canary = Some(ClusterName::new(value()?)),
            ("--wave", _) => self.options.wave = number(value()?)?.max(1),
            ("--max-failures", _) => self.options.max_failures = number(value()?)?,
            _ => return Err(format!("{} takes no {name} here", self.verb)),
        }
        Ok(())
    }
}

fn cascade(word: &str) -> Result<Cascade, String> {
    match word {
        "background" => Ok(Cascade::Background),
        "foreground" => Ok(Cascade::Foreground),
        "orphan" => Ok(Cascade::Orphan),
        other => Err(format!("`{other}` is no policy: type background, foreground or orphan")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::verb::VERBS;

    const NOW: UnixSeconds = UnixSeconds(1_795_269_751);

    fn line(text: &str) -> Result<ChangeLine, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match parse(&words, NOW)? {
            Typed::Whole(line) => Ok(*line),
            Typed::Asks(verb) => Err(format!("asks for {verb}")),
        }
    }

    #[test]
    fn each_verb_is_typed_as_on_the_command_line_and_is_in_the_palette() {
        for spec in VERBS {
            assert!(COMMANDS.iter().any(|(name, _)| *name == format!("change {}", spec.name)), "{}", spec.name);
            let words = match spec.verb {
                Verb::Scale => format!("{} 3", spec.name),
                Verb::Label => format!("{} team=web old-", spec.name),
                Verb::Delete | Verb::RolloutRestart | Verb::Cordon | Verb::Uncordon => spec.name.to_owned(),
            };
            assert_eq!(line(&words).unwrap().change.verb(), spec.verb, "{words}");
        }
        assert_eq!(COMMANDS.len(), VERBS.len());
    }

    #[test]
    fn values_and_flags_are_read() {
        assert_eq!(line("scale 3").unwrap().change, Change::Scale { replicas: 3 });
        let restart = line("restart --canary lab-1 --wave=2 --max-failures 1").unwrap();
        assert_eq!(restart.change, Change::RolloutRestart { restarted_at: NOW.to_string().into() });
        let options =
            Options { canary: Some(ClusterName::new("lab-1")), wave: 2, max_failures: 1, ..Options::default() };
        assert_eq!(restart.options, options);
        let delete = line("delete --cascade foreground --grace-period 10").unwrap().change;
        assert_eq!(delete, Change::Delete { cascade: Cascade::Foreground, grace_period_s: Some(10) });
        let Change::Label { set, remove, overwrite: true } = line("label a/b=c old- --overwrite").unwrap().change
        else {
            panic!("labels")
        };
        assert_eq!((set.len(), remove.len()), (1, 1));
    }

    #[test]
    fn a_missing_value_is_asked_for_and_a_wrong_one_is_refused() {
        assert_eq!(line("scale").unwrap_err(), "asks for scale");
        assert_eq!(line("label").unwrap_err(), "asks for label");
        for wrong in [
            "",
            "explode",
            "rollout",
            "scale x",
            "scale -1",
            "scale 1 2",
            "scale 99999999999",
            "label x",
            "label =",
            "label a=1 a=2",
            "delete api",
            "cordon --cascade orphan",
            "delete --wave",
            "delete --cascade never",
        ] {
            assert!(line(wrong).is_err(), "{wrong:?}");
        }
    }
}
