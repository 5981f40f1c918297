//! Programs in pods: exit codes, the end of input, files both ways. Over WebSocket, as kubectl does now, and over SPDY,
//! as it did before and still does when the first is refused.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

use crate::Test;
use crate::rig::{ControlPlane, Options, Outcome};

use super::kubectl::{Kubectl, SOON};
use super::serving::{PROGRAM, Serving, cluster};

pub(crate) const TESTS: &[Test] = &[("proxy_carries_programs_and_files", programs_and_files)];

fn programs_and_files() -> Outcome {
    let mut plane = ControlPlane::start(Options::named("streams"))?;
    plane.start_streams("default", "worker")?;
    let routing = format!("home: here\nclusters:\n{}", cluster("here", &plane, "admin-token")?);
    // On one processor, and so on one thread: streams must not wait for one another there either.
    let proxy = Serving::start_program(Path::new(PROGRAM), &routing, &[], Some(0))?;
    for websockets in ["true", "false"] {
        let ours = Kubectl::through(&proxy, &plane, "default")
            .with("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets)
            .with("KUBECTL_PORT_FORWARD_WEBSOCKETS", websockets);
        let theirs = Kubectl::direct(&plane, "default").with("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets);
        exits(&ours, &theirs)?;
        copies(&ours, &proxy)?;
        attaches_and_forwards(&ours)?;
    }
    Ok(())
}

fn exits(ours: &Kubectl<'_>, theirs: &Kubectl<'_>) -> Outcome {
    let scripts = ["exit 0", "echo out; echo err >&2; exit 7", "exit 255", "head -c 300000 /dev/zero | tr '\\0' x"];
    for script in scripts {
        let words = ["exec", "worker", "--", "sh", "-c", script];
        let (our, their) = (ours.run(&words)?, theirs.run(&words)?);
        assert_eq!((our.code, &our.stdout), (their.code, &their.stdout), "{script}: {our:#?} {their:#?}");
        assert_eq!(our.stderr, their.stderr, "{script}");
    }
    assert_eq!(ours.run(&["exec", "worker", "--", "sh", "-c", "exit 7"])?.code, Some(7));
    let absent = ["exec", "worker", "--", "no-such-program"];
    let (our, their) = (ours.run(&absent)?, theirs.run(&absent)?);
    assert_eq!((our.code, our.stderr), (their.code, their.stderr));
    let nobody = ["exec", "nobody", "--", "true"];
    let (our, their) = (ours.run(&nobody)?, theirs.run(&nobody)?);
    assert_eq!((our.code, our.stderr), (their.code, their.stderr), "an upgrade that is refused keeps its reason");

    // The end of input is told: else this would wait for ever.
    let input = vec![b'x'; 1 << 20];
    let counted = ours.feed(&["exec", "-i", "worker", "--", "wc", "-c"], &input)?;
    assert_eq!((counted.stdout.trim(), counted.code), ("1048576", Some(0)), "{counted:#?}");
    Ok(())
}

fn copies(ours: &Kubectl<'_>, proxy: &Serving) -> Outcome {
    let lines: Vec<String> = (0..50_000).map(|line| format!("line {line}")).collect();
    let text = lines.join("\n");
    let at = |name: &str| proxy.folder().join(name).to_string_lossy().into_owned();
    let [sent, there, back] = ["sent", "there", "back"].map(at);
    fs::write(&sent, &text)?;
    ours.output(&["cp", &sent, &format!("worker:{there}")])?;
    assert_eq!(fs::read_to_string(&there)?, text);
    ours.output(&["cp", &format!("worker:{there}"), &back])?;
    assert_eq!(fs::read_to_string(&back)?, text);
    for file in [sent, there, back] {
        fs::remove_file(file)?;
    }
    Ok(())
}

fn attaches_and_forwards(ours: &Kubectl<'_>) -> Outcome {
    let attached = ours.feed(&["attach", "-i", "worker"], b"told to it\n")?;
    assert_eq!(attached.stdout, "attached to worker\ntold to it\n", "{attached:#?}");

    let forward = ours.start(&["port-forward", "worker", ":80"])?;
    let said = forward.shows("a port", |text| text.contains("from 127.0.0.1:"))?;
    let port =
        said.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()).ok_or("no port")?.parse::<u16>()?;
    let body = vec![b'y'; 1 << 20];
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(SOON))?;
    let mut writer = stream.try_clone()?;
    let sent = body.clone();
    let writing = std::thread::spawn(move || writer.write_all(&sent));
    let mut echoed = vec![0; "port 80\n".len() + body.len()];
    stream.read_exact(&mut echoed)?;
    writing.join().map_err(|_| "the writer panicked")??;
    assert!(echoed.starts_with(b"port 80\n") && echoed.ends_with(&body), "what came back is what was sent");
    Ok(())
}
