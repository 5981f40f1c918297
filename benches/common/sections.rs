//! What every bench does with its sections: those that are wanted, one after the other, each table said and written.

use crate::{Outcome, document, figure::Figure, figure::table};
use std::process::ExitCode;

/// A name, a title, and what measures it.
pub(crate) type Section<F> = (&'static str, &'static str, F);

/// Measures the sections that are `wanted`, or all of them, each with the `machine` as it is when it
/// begins. One that cannot be measured does not end the others.
pub(crate) fn run<F: Copy>(
    sections: &[Section<F>],
    wanted: &[String],
    machine: impl Fn() -> String,
    measure: impl Fn(F) -> Outcome<Vec<Figure>>,
) -> Outcome {
    for (name, title, section) in sections {
        if !wanted.is_empty() && !wanted.iter().any(|want| want == name) {
            continue;
        }
        let machine = machine();
        say(&format!("{name}: {title} ({machine})"));
        match measure(*section) {
            Ok(figures) => {
                let text = format!("{}\n{machine}.\n", table(&figures));
                println!("{text}");
                document::write(name, &text)?;
            }
            Err(error) => say(&format!("  not measured: {error}")),
        }
    }
    Ok(())
}

/// The section called `name`, for those that are wanted.
pub(crate) fn named<F>(sections: &[Section<F>], name: &str) -> Outcome<String> {
    let names: Vec<&str> = sections.iter().map(|(known, ..)| *known).collect();
    if names.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(format!("no section {name:?}; there are {}", names.join(", ")).into())
}

/// How a bench ends.
pub(crate) fn end(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Progress goes to stderr: stdout has the tables.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
