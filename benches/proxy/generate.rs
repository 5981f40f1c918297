//! The load: wrk, h2load, or where they are missing our own client.

use std::process::Output;
use std::time::Duration;

use crate::live::proxy::wire::{Load, Version, load};
use crate::peers::Peer;
use crate::stage::Stage;
use crate::{Outcome, wait};

/// Requests that were answered with 200, and those that were not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answered {
    pub(crate) well: f64,
    pub(crate) wrong: f64,
}

/// What to ask, and over how many connections with how many requests at once on each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) path: &'static str,
    pub(crate) version: Version,
    pub(crate) connections: usize,
    pub(crate) lanes: usize,
}

/// As fast as it can, for so long.
pub(crate) fn run(stage: &Stage, peer: &Peer, shape: Shape, time: Duration) -> Outcome<Answered> {
    let program = match shape.version {
        Version::One => "usr/bin/wrk",
        Version::Two => "usr/bin/h2load",
    };
    if stage.programs.path(program).is_none() {
        return own(peer, shape, time);
    }
    let mut command = stage.generator(program)?;
    let header = format!("Authorization: Bearer {}", peer.token);
    let (connections, lanes, seconds) =
        (shape.connections.to_string(), shape.lanes.to_string(), time.as_secs().to_string());
    match shape.version {
        Version::One => command.args(["-t1", "-c", &connections, "-d", &format!("{seconds}s"), "-H", &header]),
        Version::Two => {
            command.args(["-t1", "-c", &connections, "-m", &lanes, "-D", &seconds, "-H", &header]).arg(CIPHER)
        }
    };
    let text = output(&command.arg(peer.url(shape.path)).output()?)?;
    match shape.version {
        Version::One => Ok(by_wrk(&text)),
        Version::Two => by_h2load(&text),
    }
}

const CIPHER: &str = "--tls13-ciphers=TLS_AES_128_GCM_SHA256";

fn output(output: &Output) -> Outcome<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

/// The number in front of, or behind, a word.
fn number(text: &str) -> f64 {
    let digits = text.trim().chars().take_while(char::is_ascii_digit).collect::<String>();
    digits.parse().unwrap_or_default()
}

fn by_wrk(text: &str) -> Answered {
    let line = |word: &str| text.lines().find(|line| line.contains(word));
    let all = line(" requests in ").map_or(0.0, number);
    let refused = line("Non-2xx or 3xx responses:").and_then(|l| l.split(':').nth(1)).map_or(0.0, number);
    let broken = line("Socket errors:").map_or(0.0, |line| {
        line.split([':', ',']).skip(1).filter_map(|part| part.split_whitespace().last()).map(number).sum()
    });
    Answered { well: all - refused, wrong: refused + broken }
}

fn by_h2load(text: &str) -> Outcome<Answered> {
    let line = |word: &str| text.lines().find_map(|line| line.strip_prefix(word)).ok_or("h2load printed no result");
    let before = |line: &str, word: &str| -> f64 {
        line.split(',').find_map(|part| part.trim().strip_suffix(word)).map_or(0.0, number)
    };
    let (requests, codes) = (line("requests: ")?, line("status codes: ")?);
    let well = before(codes, " 2xx");
    // Requests that the end of the time cut off are neither.
    let wrong: f64 = [" 3xx", " 4xx", " 5xx"].iter().map(|word| before(codes, word)).sum();
    Ok(Answered { well, wrong: wrong + before(requests, " errored") + before(requests, " timeout") })
}

fn own(peer: &Peer, shape: Shape, time: Duration) -> Outcome<Answered> {
    let target = peer.target(shape.version)?;
    let mut answered = Answered::default();
    let until = tokio::time::Instant::now() + time;
    while tokio::time::Instant::now() < until {
        let asks = Load {
            path: shape.path.to_owned(),
            connections: shape.connections,
            lanes: shape.lanes,
            total: 200 * shape.connections,
        };
        let tally = wait(load(&target, &asks))?;
        #[expect(clippy::cast_precision_loss, reason = "some millions at most")]
        {
            answered.well += tally.done as f64;
            answered.wrong += tally.wrong as f64;
        }
    }
    Ok(answered)
}

/// Not counted of a run in bursts: its beginning, in microseconds.
const SETTLING: f64 = 200_000.0;

/// Twenty connections of HTTP/1.1, each with so many requests a second whatever the answers do, all at the same moments:
/// how long each answer took, in microseconds.
pub(crate) fn bursts(
    stage: &Stage,
    peer: &Peer,
    path: &str,
    per_connection: usize,
    time: Duration,
) -> Outcome<Vec<f64>> {
    let mut command = stage.generator("usr/bin/h2load")?;
    let log = stage.folder.join("h2load.log");
    drop(std::fs::remove_file(&log));
    command.args([
        "--h1",
        "-t1",
        "-c20",
        "-D",
        &time.as_secs().to_string(),
        "--rps",
        &per_connection.to_string(),
        CIPHER,
    ]);
    command.args(["-H", &format!("Authorization: Bearer {}", peer.token)]);
    command.arg(format!("--log-file={}", log.display()));
    output(&command.arg(peer.url(path)).output()?)?;
    let text = std::fs::read_to_string(&log)?;
    let sent = |line: &str| -> Option<f64> { line.split_whitespace().next()?.parse().ok() };
    let first = text.lines().filter_map(sent).fold(f64::INFINITY, f64::min);
    let mut taken = Vec::new();
    let mut wrong = 0;
    for line in text.lines() {
        let mut fields = line.split_whitespace().skip(1);
        match (fields.next(), fields.next().map(str::parse::<f64>)) {
            // The first ones wait for connections to be made.
            _ if sent(line).is_some_and(|sent| sent < first + SETTLING) => {}
            (Some("200"), Some(Ok(microseconds))) => taken.push(microseconds),
            _ => wrong += 1,
        }
    }
    // Those under way when the time was over count as failed.
    if wrong > 40 || taken.is_empty() {
        return Err(format!("{}: {wrong} of {} were not answered with 200", peer.name, wrong + taken.len()).into());
    }
    Ok(taken)
}
