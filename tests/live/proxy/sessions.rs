//! Sessions with pods that kwok plays: logs, a terminal, an attachment, a forwarded port.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use portable_pty::CommandBuilder;

use crate::Test;
use crate::rig::{Outcome, shared, until};
use crate::terminal::Terminal;

use super::kubectl::{Kubectl, SOON};
use super::required;
use super::serving::Serving;

pub(crate) const TESTS: &[Test] = &[
    ("proxy_follows_logs_and_attachments", follows_logs),
    ("proxy_carries_a_terminal_and_its_size", carries_a_terminal),
    ("proxy_forwards_ports", forwards_ports),
    ("proxy_loses_no_output_of_a_command_that_ends_before_its_input", ends_before_its_input),
];

/// A pod in a namespace whose name sends it west, to one of several names of one endpoint.
fn staged(test: impl FnOnce(Kubectl<'_>, Kubectl<'_>) -> Outcome) -> Outcome {
    let [east, west] = shared()?;
    let namespace = west.new_namespace("staging")?;
    west.create_pods(&namespace, 1, 0)?;
    west.wait_for_running(&namespace, 1)?;
    let proxy = Serving::start(&required(east, west)?, &[])?;
    test(Kubectl::through(&proxy, west, &namespace), Kubectl::direct(west, &namespace))
}

fn follows_logs() -> Outcome {
    staged(|ours, theirs| {
        let [_, west] = shared()?;
        for words in [&["logs", "pod-0"][..], &["logs", "pod-0", "--timestamps", "--tail=1"], &["logs", "-p", "pod-0"]]
        {
            assert_eq!(ours.output(words)?, theirs.output(words)?);
        }
        let follow = ours.start(&["logs", "-f", "pod-0"])?;
        follow.shows("the log so far", |text| text.contains("ready"))?;
        let attached = ours.start(&["attach", "pod-0"])?;
        let mut log = File::options().append(true).open(west.log_path())?;
        for index in 0..10 {
            writeln!(log, "2024-05-01T12:30:{index:02}.000000000Z stdout F staged line {index}")?;
            // A line comes when it is written, not when the next one is.
            let line = format!("staged line {index}\n");
            follow.shows("the new line", |text| text.contains(&line))?;
        }
        attached.shows("the last line", |text| text.contains("staged line 9"))?;
        follow.interrupt()
    })
}

fn carries_a_terminal() -> Outcome {
    staged(|ours, _| {
        for websockets in ["true", "false"] {
            let kubectl = ours.clone().with("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets);
            let command = kubectl.command(&["exec", "-it", "pod-0", "--", "sh"]);
            let mut builder = CommandBuilder::new(command.get_program());
            builder.args(command.get_args());
            builder.env_clear();
            for (name, value) in command.get_envs() {
                builder.env(name, value.unwrap_or_default());
            }
            builder.env("TERM", "dumb");
            builder.cwd(env!("CARGO_TARGET_TMPDIR"));
            let mut terminal = Terminal::start(builder, (100, 30));
            let shows = |terminal: &Terminal, wanted: &str| {
                let failed = |text| format!("no {wanted:?} with websockets={websockets}:\n{text}");
                terminal.poll(SOON, |text| text.contains(wanted)).map_err(failed).map(drop)
            };
            shows(&terminal, "#")?;
            terminal.send("stty size\r");
            shows(&terminal, "30 100")?;
            terminal.resize((133, 41));
            until("the new size", SOON, || {
                terminal.send("stty size\r");
                let shown = terminal.poll(Duration::from_secs(1), |text| text.contains("41 133"));
                shown.map(drop).map_err(Into::into)
            })?;
            terminal.send("exit\r");
            assert_eq!(terminal.end(SOON), 0, "websockets={websockets}");
        }
        Ok(())
    })
}

/// P1: `yes | kubectl exec -i pod-0 -- head`, over and over: all of its output, and that it failed. Over WebSocket: over SPDY
/// it is a matter of luck without a proxy, too, since an API server passes that on as we once did.
fn ends_before_its_input() -> Outcome {
    const TIMES: usize = 15;
    let flood = b"yes\n".repeat(1 << 21);
    let words = ["exec", "-i", "pod-0", "--", "sh", "-c", "head -c 20000; echo; echo ended; exit 7"];
    staged(|ours, theirs| {
        let run = |kubectl: &Kubectl<'_>| {
            let mut running = kubectl.start(&words)?;
            // It ends before it has read all of this.
            let _unread = running.feed(&flood);
            let printed = running.finish(SOON)?;
            Outcome::Ok((printed.code, printed.stdout))
        };
        let expected = run(&theirs)?;
        assert!(expected.0 != Some(0) && expected.1.ends_with("\nended\n") && expected.1.len() == 20_007);
        for round in 0..TIMES {
            let (code, output) = run(&ours)?;
            assert_eq!((code, output.len()), (expected.0, expected.1.len()), "round {round}");
            assert_eq!(output, expected.1);
        }
        Ok(())
    })
}

fn forwards_ports() -> Outcome {
    staged(|ours, _| {
        for websockets in ["true", "false"] {
            let kubectl = ours.clone().with("KUBECTL_PORT_FORWARD_WEBSOCKETS", websockets);
            let forward = kubectl.start(&["port-forward", "pod-0", ":80", ":81"])?;
            let said = forward.shows("two ports", |text| text.matches("from 127.0.0.1:").count() == 2)?;
            let ports = said.lines().filter_map(|line| line.strip_prefix("Forwarding from 127.0.0.1:"));
            let ports: Vec<u16> = ports.filter_map(|rest| rest.split(' ').next()?.parse().ok()).collect();
            // Several at once, each with what was sent on it.
            let mut streams = Vec::new();
            for port in ports.iter().chain(&ports) {
                let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port))?;
                stream.set_read_timeout(Some(SOON))?;
                write!(stream, "over {port} with websockets={websockets}")?;
                streams.push((stream, format!("over {port} with websockets={websockets}")));
            }
            for (stream, wanted) in &mut streams {
                let mut echoed = vec![0; wanted.len()];
                stream.read_exact(&mut echoed)?;
                assert_eq!(String::from_utf8_lossy(&echoed), *wanted);
            }
        }
        Ok(())
    })
}
