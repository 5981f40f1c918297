//! Documents that are written while the answers come.

use super::BOTH;
use crate::fleet::{Home, PROGRAM, qd, shared, start};
use quarterdeck::demo::Member;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// L4: with `--stream`, each cluster is a document of its own, and does not wait for a silent one.
#[test]
fn streamed_documents_are_one_for_each_cluster() {
    let printed = qd("east,gone", &["get", "cm", "-n", "tests", "-o", "json", "--stream"]);
    assert_eq!(printed.code, Some(1), "{}", printed.stderr);
    let documents = serde_json::Deserializer::from_str(&printed.stdout).into_iter::<Value>();
    let documents: Vec<Value> = documents.collect::<Result<_, _>>().expect("JSON");
    assert_eq!(documents.len(), 2);
    for document in &documents {
        assert_eq!(document["summary"]["total"], 1);
        let is_gone = document["clusters"][0]["cluster"] == "gone";
        assert_eq!(document["summary"]["failed"] == 1, is_gone, "{document:#}");
        assert_eq!(document["clusters"][0]["items"].as_array().map(Vec::is_empty), Some(is_gone));
    }
    let text = qd(BOTH, &["get", "cm", "-n", "tests", "-o", "yaml", "--stream"]).clean();
    assert_eq!(text.matches("kind: MultiClusterResult\n").count(), 2);
    assert_eq!(text.lines().filter(|line| *line == "---").count(), 1, "{text}");

    let home = Home::of(shared());
    let mut child = Command::new(PROGRAM)
        .args(["get", "cm", "-n", "tests", "-o", "json", "--stream", "--timeout", "50s", "--clusters", "east,hole"])
        .env_clear()
        .env("HOME", home.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line == "}")), "the document of one cluster is whole");
    assert!(child.try_wait().expect("a state").is_none(), "it still waits for the other cluster");
    child.kill().expect("it can be ended");
    child.wait().expect("it ends");
}

/// L4: what waits to be printed is bounded. Taken apart, these objects would take some 350 MiB.
#[cfg(target_os = "linux")]
#[test]
fn a_large_answer_is_written_while_it_comes() {
    use std::io::Read as _;
    const MAX_KIB: u64 = 130 * 1024;
    let members = (0..10).map(|n| Member::new(&format!("c-{n}"), 35, 200, n)).collect();
    let fleet = start(members);
    let home = Home::of(&fleet);
    for (output, pod, all) in
        [("json", "\"kind\": \"Pod\"", "\"successful\": 10,\n"), ("yaml", "\n    kind: Pod\n", "  successful: 10\n")]
    {
        let mut child = Command::new(PROGRAM)
            .args(["get", "pods", "-A", "-o", output])
            .env_clear()
            .env("HOME", home.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut out = child.stdout.take().expect("stdout");
        let (mut text, mut piece, mut peak) = (Vec::new(), vec![0; 16 * 1024], 0);
        // The highest so far stays known: what is looked at last is the peak but for the last pieces.
        loop {
            let read = out.read(&mut piece).expect("it can be read");
            if read == 0 {
                break;
            }
            text.extend_from_slice(&piece[..read]);
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
            peak = peak.max(high.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0));
        }
        assert!(child.wait().expect("it ends").success());
        let text = String::from_utf8(text).expect("text");
        let (pods, successful) = (text.matches(pod).count(), text.matches(all).count());
        assert!(pods >= 2_000 && successful == 1, "-o {output}: {pods} pods, {successful} summaries");
        eprintln!("-o {output}: {peak} KiB at its peak");
        assert!(peak > 0 && peak < MAX_KIB, "-o {output}: {peak} KiB");
    }
}

/// L4: also where documents are written while they come, a reader that leaves ends the program, quietly.
#[test]
fn a_reader_of_documents_that_leaves_ends_it() {
    let home = Home::of(shared());
    for output in [&["-o", "json"][..], &["-o", "yaml", "--stream"], &["-o", "name"]] {
        let mut child = Command::new(PROGRAM)
            .args([&["get", "pods", "-A", "--timeout", "50s", "--clusters", "east,hole,west"], output].concat())
            .env_clear()
            .env("HOME", home.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("it ends");
        assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""), "{output:?}");
    }
}
