//! The console: the real binary in a pseudo-terminal, on the demo and on simulated fleets.

use crate::fleet::{Home, PROGRAM, shared, start};
use crate::terminal::{Terminal, command};
use quarterdeck::demo::{Fault, Fleet, Member};
use rustix::process::Signal;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Everything here takes well under a second on an idle machine.
const SOON: Duration = Duration::from_secs(60);

/// What takes a probe or a back-off to be noticed.
const NOTICED: Duration = Duration::from_secs(120);

const WIDE: (u16, u16) = (150, 45);

const ENTER: &str = "\r";
const ESC: &str = "\u{1b}";
const CTRL_C: &str = "\u{3}";
const CTRL_Z: &str = "\u{1a}";

/// A console and the home folder it runs in.
struct Console {
    terminal: Terminal,
    home: Home,
}

impl Console {
    fn open(home: Home, arguments: &[&str], size: (u16, u16)) -> Self {
        let terminal = Terminal::start(command(Path::new(PROGRAM), &home.path(""), arguments), size);
        Self { terminal, home }
    }

    fn on(fleet: &Fleet, arguments: &[&str]) -> Self {
        Self::open(Home::of(fleet), arguments, WIDE)
    }

    fn demo(arguments: &[&str]) -> Self {
        Self::open(Home::empty(), &[&["--demo"], arguments].concat(), WIDE)
    }

    /// Waits until the screen shows all of these.
    fn shows(&self, wanted: &[&str]) -> String {
        self.terminal.wait(&format!("{wanted:?}"), SOON, |text| wanted.iter().all(|part| text.contains(part)))
    }

    fn hides(&self, unwanted: &str) -> String {
        self.terminal.wait(&format!("screen without {unwanted:?}"), SOON, |text| !text.contains(unwanted))
    }

    /// Closes what lies over the table, and waits until it is gone: a key that came together with `esc` would be read
    /// as one with `alt`.
    fn close(&mut self) {
        self.shows(&["esc back"]);
        self.terminal.send(ESC);
        self.hides("esc back");
    }

    /// Types a command and runs it.
    fn run(&mut self, command: &str) {
        self.terminal.send(&format!(":{command}{ENTER}"));
    }

    /// Leaves, which must give the terminal back; the home folder for a second start.
    fn leave(mut self) -> Home {
        self.run("q");
        assert_eq!(self.terminal.end(SOON), 0);
        assert!(!self.terminal.is_alternate(), "the terminal is given back");
        self.home
    }
}

/// The row of the table that has this in it.
fn row<'a>(text: &'a str, part: &str) -> &'a str {
    text.lines().find(|line| line.contains(part)).unwrap_or_default()
}

#[test]
fn the_demo_shows_a_fleet_in_trouble() {
    let console = Console::open(Home::empty(), &["--demo"], (200, 40));
    let text = console.terminal.wait("settled fleet", SOON, |text| {
        row(text, "eu-west").contains("live")
            && row(text, "sa-east").contains("unreachable")
            && row(text, "staging").contains("auth needed")
            // A screen may be read half drawn: what is judged below is waited for here.
            && row(text, "staging").contains("aws sso login")
            && row(text, "sa-east").contains("refused")
            && ["us-east", "ap-south", "edge-lab"].iter().all(|cluster| text.contains(cluster))
    });
    assert!(text.lines().next().unwrap_or_default().contains("demo"), "the title says so:\n{text}");
    for cluster in ["us-east", "ap-south", "edge-lab"] {
        assert!(text.contains(cluster), "{text}");
    }
    assert!(row(&text, "sa-east").contains("refused"), "a row with a reason:\n{text}");
    assert!(row(&text, "staging").contains("aws sso login"), "the next step:\n{text}");
    assert!(console.terminal.is_alternate());
    console.leave();
}

#[test]
fn pods_are_merged_filtered_and_opened() {
    let mut console = Console::demo(&[]);
    console.shows(&["eu-west", "live"]);
    console.run("pods -A");
    let text = console.shows(&["NAMESPACE", "NAME", "CLUSTER", "READY", "STATUS", " rows"]);
    assert!(text.lines().next().unwrap_or_default().contains("pods"), "{text}");

    console.terminal.send("/thumbnailer");
    let narrowed = |text: &str| {
        let rows: Vec<_> = text.lines().skip(2).filter(|line| line.contains("media ")).collect();
        !rows.is_empty() && rows.iter().all(|line| line.contains("thumbnailer")) && !text.contains("kube-proxy")
    };
    console.terminal.wait("narrowed rows while typing", SOON, narrowed);
    console.terminal.send(ENTER);
    console.terminal.wait("number of rows shown", SOON, |text| {
        text.lines().next().is_some_and(|header| header.contains("/thumbnailer") && header.contains("shown"))
    });
    console.terminal.send(ESC);
    console.hides("/thumbnailer");

    console.terminal.send(CTRL_Z);
    console.terminal.wait("only what is unhealthy", SOON, |text| {
        text.contains("faults") && text.contains("CrashLoopBackOff") && !text.contains("● Running")
    });
    console.terminal.send(ESC);
    console.shows(&["● Running"]);
    console.terminal.send(ESC);
    console.shows(&["eu-west", "STATE", "VERSION"]);
    console.leave();
}

#[test]
fn objects_are_read_described_and_tailed() {
    let mut console = Console::on(shared(), &["-c", ":pods -n payments @east"]);
    console.terminal.wait("cursor", SOON, |text| text.lines().any(|line| line.starts_with(" ▸ payments")));
    console.terminal.send("y");
    console.shows(&["apiVersion: v1", "kind: Pod"]);
    console.close();
    console.shows(&["NAMESPACE", "Running"]);
    console.terminal.send("d");
    console.shows(&["Name:", "Namespace:", "payments"]);
    console.close();
    console.shows(&["NAMESPACE", "Running"]);
    console.terminal.send("l");
    console.hides("NAMESPACE");
    console.close();
    console.shows(&["NAMESPACE", "Running"]);
    console.leave();
}

#[test]
fn help_lists_the_keys_of_the_view() {
    let mut console = Console::demo(&[]);
    console.shows(&["eu-west"]);
    console.terminal.send("?");
    console.shows(&["ctrl-z", "unhealthy"]);
    console.close();
    console.shows(&["eu-west", "STATE"]);
    console.leave();
}

#[test]
fn the_events_of_all_clusters_are_one_table() {
    let mut console = Console::on(shared(), &[]);
    console.shows(&["east", "live"]);
    console.run("events");
    console.shows(&["REASON", "CLUSTER", "Warning"]);
    console.run("doctor");
    console.shows(&["east", "WATCHES"]);
    console.close();
    console.shows(&["REASON", "Warning"]);
    console.leave();
}

#[test]
fn ctrl_c_leaves_from_anywhere() {
    for keys in ["", ":pods", "/abc", "?"] {
        let mut console = Console::demo(&[]);
        console.shows(&["eu-west"]);
        console.terminal.send(keys);
        console.terminal.send(CTRL_C);
        assert_eq!(console.terminal.end(SOON), 0, "after {keys:?}");
        assert!(!console.terminal.is_alternate());
    }
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut console = Console::demo(&[]);
        console.shows(&["eu-west"]);
        console.terminal.signal(signal);
        console.terminal.end(SOON);
        assert!(!console.terminal.is_alternate(), "{signal:?} leaves the terminal as it was");
    }
}

#[test]
fn a_stopped_console_goes_on_where_it_was() {
    let mut console = Console::demo(&["-c", ":pods -A"]);
    console.shows(&["Running"]);
    console.terminal.signal(Signal::STOP);
    console.terminal.resize((110, 30));
    console.terminal.signal(Signal::CONT);
    console.run("deploy -A");
    console.shows(&["UP-TO-DATE", "? help"]);
    console.leave();
}

#[test]
fn terminals_of_any_size_are_drawn_to() {
    for size in [(1, 1), (2, 1), (40, 10), (80, 24)] {
        let mut console = Console::open(Home::empty(), &["--demo", "-c", ":pods -A"], size);
        if size.0 < 40 {
            console.terminal.send("jjkG");
            console.terminal.resize((40, 10));
        }
        console.shows(&["NAME", "CLUSTER", "night"]);
        console.terminal.send("jjkG");
        console.terminal.send(CTRL_C);
        assert_eq!(console.terminal.end(SOON), 0, "{size:?}");
    }
}

#[test]
fn the_screen_follows_its_terminal() {
    let mut console = Console::demo(&["-c", ":pods -A"]);
    console.shows(&["Running", "help"]);
    for size in [(60, 12), (1, 1), (100, 30)] {
        console.terminal.resize(size);
        console.terminal.send("j");
    }
    let text = console.shows(&["CLUSTER", "Running", "help"]);
    assert!(text.lines().count() <= 30, "{text}");
    console.leave();
}

#[test]
fn without_clusters_there_is_a_hint() {
    let console = Console::open(Home::empty(), &[], WIDE);
    console.shows(&["No clusters", "KUBECONFIG", "--demo"]);
    console.leave();
}

#[test]
fn a_broken_kubeconfig_is_said_where_it_is_seen() {
    let home = Home::empty();
    home.write(".kube/config", "clusters: [\n");
    let console = Console::open(home, &[], WIDE);
    console.terminal.wait("reason", SOON, |text| text.contains("config") && text.contains("--demo"));
    console.leave();
}

/// B8: a console without clusters says what is the case, in the words of the command line.
#[test]
fn why_there_are_no_clusters_is_said_as_it_is() {
    let with = |kubeconfig: &str| {
        let home = Home::empty();
        home.write(".kube/config", kubeconfig);
        home
    };
    let missing = ["--kubeconfig", "/nope/x"];
    let one = "apiVersion: v1\nkind: Config\n";
    for (home, arguments, expected) in [
        (Home::of(shared()), &["--clusters", "xyzzy"][..], "no cluster matches \"xyzzy\"; known are "),
        (with("contexts: [\n"), &[], "~/.kube/config:"),
        (with(one), &[], "~/.kube/config: no contexts in it; name another kubeconfig with --kubeconfig"),
        (Home::empty(), &missing[..], "/nope/x: no such file; name another kubeconfig with --kubeconfig"),
    ] {
        let printed = home.run(&[&["clusters"], arguments].concat());
        let same = printed.stderr.replace("\n  hint: ", "; ");
        assert!(same.contains(expected), "{expected}: {printed:#?}");
        let console = Console::open(home, arguments, WIDE);
        let text = console.shows(&["No clusters:", expected]);
        assert!(!text.contains("no kubeconfig names one"), "{text}");
        console.leave();
    }
}

/// B9: a theme that there is not is a mistake in the command line, or in the file that names it.
#[test]
fn an_unknown_theme_is_refused_with_those_there_are() {
    let home = Home::empty();
    let printed = home.run(&["--theme", "sixten"]);
    assert_eq!(printed.code, Some(2), "{printed:#?}");
    assert!(printed.stderr.contains("unknown theme `sixten`"), "{printed:#?}");
    assert!(printed.stderr.contains("did you mean `sixteen`?"), "{printed:#?}");
    assert!(printed.stderr.contains("known are auto, quarterdeck-dark"), "{printed:#?}");

    home.write(".config/quarterdeck/config.yaml", "ui:\n  theme: mine\n");
    let printed = home.run(&[]);
    assert_eq!(printed.code, Some(1), "{printed:#?}");
    assert!(printed.stderr.contains("config.yaml:2: unknown theme `mine`"), "{printed:#?}");

    home.write(".config/quarterdeck/themes/mine.yaml", "name: mine\nbase: sixten\n");
    let console = Console::open(home, &[], WIDE);
    console.shows(&["No clusters"]);
    console.leave();
}

#[test]
fn without_a_terminal_there_is_an_error_and_no_escape_sequence() {
    let printed = Home::empty().run(&["--demo"]);
    assert_eq!(printed.code, Some(2), "{printed:#?}");
    assert!(printed.stderr.contains("terminal"), "{printed:#?}");
    assert!(!format!("{}{}", printed.stdout, printed.stderr).contains('\u{1b}'), "{printed:#?}");
}

#[test]
fn a_closed_standard_input_hangs_nothing() {
    let home = Home::empty();
    for redirection in ["<&-", "</dev/null"] {
        let line = format!("exec {PROGRAM} --demo {redirection}");
        let mut terminal = Terminal::start(command(Path::new("/bin/sh"), &home.path(""), &["-c", &line]), WIDE);
        // With the controlling terminal still there it may go on; without, it says why and ends.
        if terminal.poll(SOON, |text| text.contains("eu-west")).is_ok() {
            terminal.send(CTRL_C);
        }
        terminal.end(SOON);
        assert!(!terminal.is_alternate(), "{redirection}");
    }
}

#[test]
fn no_color_means_none() {
    let home = Home::empty();
    let mut with = command(Path::new(PROGRAM), &home.path(""), &["--demo"]);
    with.env("NO_COLOR", "1");
    let mut plain = Terminal::start(with, WIDE);
    plain.wait("fleet", SOON, |text| row(text, "sa-east").contains("unreachable"));
    assert_eq!(plain.colors(), [vt100::Color::Default]);
    plain.send(CTRL_C);
    assert_eq!(plain.end(SOON), 0);

    let colored = Console::demo(&[]);
    colored.terminal.wait("fleet", SOON, |text| row(text, "sa-east").contains("unreachable"));
    assert!(colored.terminal.colors().len() > 1, "trouble has a colour");
    colored.leave();
}

#[test]
fn the_session_is_where_it_was() {
    let mut console = Console::on(shared(), &[]);
    console.shows(&["east", "live"]);
    console.run("deploy -n payments");
    console.shows(&["UP-TO-DATE", "payments", "fraud-scorer"]);
    console.terminal.send("/settlement");
    console.terminal.send(ENTER);
    console.hides("fraud-scorer");
    let home = console.leave();

    let console = Console::open(home, &[], WIDE);
    let text = console.shows(&["deploy", "/settlement", "settlement-worker"]);
    assert!(!text.contains("fraud-scorer"), "{text}");
    let home = console.leave();

    let console = Console::open(home, &["--fresh"], WIDE);
    console.shows(&["STATE", "VERSION", "east"]);
    console.leave();
}

#[test]
fn rows_follow_their_objects() {
    let fleet = start(vec![Member::new("east", 35, 10, 1), Member::new("west", 34, 10, 2)]);
    let map = |name: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "live", "uid": format!("uid-{name}")}, "data": {}})
    };
    assert!(fleet.put("east", "", "configmaps", map("first")));
    let console = Console::on(&fleet, &["-c", ":cm -n live"]);
    console.shows(&["first", "east"]);
    assert!(fleet.put("west", "", "configmaps", map("second")));
    console.shows(&["first", "second", "west"]);
    assert!(fleet.delete("east", ("", "configmaps"), "live", "first"));
    console.hides("first");
    console.leave();
}

#[test]
fn a_cluster_that_goes_away_keeps_its_rows_and_comes_back() {
    let fleet = start(vec![Member::new("east", 35, 10, 1), Member::new("west", 34, 10, 2)]);
    let mut console = Console::on(&fleet, &[]);
    console.terminal.wait("two live clusters", SOON, |text| text.contains("2/2 live"));
    console.run("pods -A");
    console.terminal.wait("both", SOON, |text| text.contains("2/2 clusters"));
    assert!(fleet.fault("west", Fault::Refuse));
    let text = console.terminal.wait("one that is missing", NOTICED, |text| text.contains("1/2 clusters"));
    assert!(text.contains("west"), "its rows stay:\n{text}");
    console.run("clusters");
    let gone = |text: &str| {
        let row = row(text, "west");
        (row.contains("stale") || row.contains("unreachable")) && row.contains("refused")
    };
    console.terminal.wait("reason", NOTICED, gone);
    assert!(fleet.fault("west", Fault::None));
    console.terminal.wait("both again", NOTICED, |text| text.contains("2/2 live"));
    console.leave();
}

#[test]
fn clusters_come_and_go_with_the_kubeconfig() {
    let both = start(vec![Member::new("east", 35, 5, 1), Member::new("west", 34, 5, 2)]);
    let console = Console::on(&both, &[]);
    console.shows(&["east", "west", "2/2 live"]);
    let one = start(vec![Member::new("south", 35, 5, 3)]);
    console.home.write(".kube/config", one.kubeconfig());
    let text = console.terminal.wait("other clusters", NOTICED, |text| {
        text.contains("south") && !text.contains("west") && text.contains("1/1 live")
    });
    assert!(!row(&text, "south").is_empty());
    console.leave();
}

#[test]
fn text_from_a_cluster_cannot_drive_the_terminal() {
    let fleet = start(vec![Member { story: quarterdeck::demo::Story::Hostile, ..Member::new("odd", 35, 10, 1) }]);
    let mut console = Console::on(&fleet, &["-c", ":pods -A"]);
    console.shows(&["odd", "Running"]);
    console.terminal.send("G");
    console.terminal.send("g");
    let text = console.shows(&["NAMESPACE", "odd"]);
    assert!(text.lines().next().unwrap_or_default().contains("pods"), "the header is where it belongs:\n{text}");
    assert!(console.terminal.is_alternate());
    console.leave();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_costs_the_log_and_nothing_else() {
    let home = Home::empty();
    let folder = home.path(".local/state/quarterdeck");
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.join("qd.log")).unwrap();
    let console = Console::open(home, &["--demo", "-c", ":pods -A"], WIDE);
    console.shows(&["Running", "help"]);
    console.leave();
}
