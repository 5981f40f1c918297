//! What `qd route parse` sees in a request line, beside kube-apiserver's own parser: on generated URLs, the same.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Test;
use crate::rig::{Outcome, Programs};

use super::is_long;

pub(crate) const TESTS: &[Test] = &[("proxy_reads_request_lines_as_the_server", as_the_server)];

const URLS: usize = 100_000;
const URLS_LONG: usize = 1_000_000;

/// Another one asks other questions; this one is asked every time.
const SEED: u64 = 20_261_121;

/// What both say of a line. The server's parser says more, of parts; ours too, of classes and of what it refuses.
const FIELDS: &[&str] = &[
    "is_resource",
    "path",
    "verb",
    "api_prefix",
    "api_group",
    "api_version",
    "namespace",
    "resource",
    "subresource",
    "name",
    "field_selector",
    "label_selector",
    "long_running",
];

fn as_the_server() -> Outcome {
    let folder = tempfile::tempdir()?;
    let lines = folder.path().join("lines");
    let count = if is_long() { URLS_LONG } else { URLS };
    write_lines(&lines, count)?;
    let ours = answers(Path::new(env!("CARGO_BIN_EXE_qd")), &["route", "parse"], &lines, "ours", folder.path())?;
    let theirs = answers(&Programs::find()?.path("requestinfo"), &[], &lines, "theirs", folder.path())?;
    let mut compared = 0;
    let mut apart = Vec::new();
    let mut read = 0;
    for ((line, our), their) in BufReader::new(File::open(&lines)?).lines().zip(ours).zip(theirs) {
        let (line, our, their) = (line?, our?, their?);
        let (our, their): (Value, Value) = (serde_json::from_str(&our)?, serde_json::from_str(&their)?);
        compared += 1;
        read += usize::from(our["is_resource"] == true);
        if !same(&our, &their) && apart.len() < 20 {
            apart.push(format!("{line}\n  ours   {our}\n  theirs {their}"));
        }
    }
    assert_eq!(compared, count, "each line is answered by both");
    assert!(apart.is_empty(), "they see different things:\n{}", apart.join("\n"));
    assert!(read > count / 4, "only {read} of {count} were of resources");
    Ok(())
}

/// A line that one of them cannot read at all, the other cannot either. Where the server understands a part and then
/// answers an error, we say that we refuse it.
fn same(our: &Value, their: &Value) -> bool {
    let (unread, failed) = (their["path"] == "" && their["error"].is_string(), their["error"].is_string());
    if unread || our["error"].is_string() {
        return unread && our["error"].is_string();
    }
    FIELDS.iter().all(|field| our[field] == their[field]) && (!failed || our["refused"].is_string())
}

/// The lines that a program answers to the lines of a file. Files take both ways, so that nobody waits for the other.
fn answers(
    program: &Path,
    words: &[&str],
    lines: &Path,
    name: &str,
    folder: &Path,
) -> Outcome<impl Iterator<Item = std::io::Result<String>> + use<>> {
    let answers = folder.join(name);
    let mut child = Command::new(program)
        .args(words)
        .env_clear()
        .env("HOME", folder)
        .stdin(Stdio::from(File::open(lines)?))
        .stdout(Stdio::from(File::create(&answers)?))
        // The server's parser logs each line that it does not like.
        .stderr(Stdio::null())
        .spawn()?;
    // It ends with its input. Ours says with 1 that some lines were malformed.
    let status = child.wait()?;
    if !matches!(status.code(), Some(0 | 1)) {
        return Err(format!("{}: {status}", program.display()).into());
    }
    Ok(BufReader::new(File::open(answers)?).lines())
}

fn write_lines(path: &Path, count: usize) -> Outcome {
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut file = std::io::BufWriter::new(File::create(path)?);
    for _ in 0..count {
        writeln!(file, "{} {}", method(&mut random), url(&mut random))?;
    }
    Ok(file.flush()?)
}

const METHODS: &[&str] = &[
    "GET", "GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "MERGE",
];

/// Parts that mean something somewhere, and others.
const PARTS: &[&str] = &[
    "api",
    "apis",
    "v1",
    "apps",
    "batch",
    "metrics.k8s.io",
    "namespaces",
    "namespaces",
    "production",
    "kube-system",
    "pods",
    "pods",
    "deployments",
    "nodes",
    "services",
    "watch",
    "proxy",
    "status",
    "finalize",
    "exec",
    "attach",
    "log",
    "portforward",
    "scale",
    "eviction",
    "web-1",
    "debug",
    "pprof",
    "version",
    "healthz",
    "openapi",
    "v3",
    "",
    ".",
    "..",
    "a%2Fb",
    "%2e%2e",
    "%70ods",
    "a%20b",
    "%zz",
    "%",
    "a+b",
    "a;b",
    "%C3%A9",
    "%00",
    "a:b",
    "a@b",
    "a=b",
    "~user",
    "a%25b",
    "a%5Cb",
];

const KEYS: &[&str] = &[
    "watch",
    "watch",
    "fieldSelector",
    "fieldSelector",
    "labelSelector",
    "limit",
    "continue",
    "resourceVersion",
    "resourceVersionMatch",
    "timeoutSeconds",
    "allowWatchBookmarks",
    "sendInitialEvents",
    "pretty",
    "Watch",
    "%77atch",
    "",
];

const VALUES: &[&str] = &[
    "true",
    "false",
    "FALSE",
    "False",
    "0",
    "1",
    "",
    "yes",
    "metadata.name=web-1",
    "metadata.name%3Dweb-1",
    "metadata.name==web-1",
    "metadata.name!=web-1",
    "metadata.name%3D..",
    "metadata.name%3Da%2Fb",
    "metadata.name%3Da%2525b",
    "metadata.name=a,spec.nodeName=b",
    "spec.nodeName=b,metadata.name=a",
    "metadata.name=a,metadata.name=b",
    "metadata.name=",
    "metadata.name",
    "metadata.name=a%5C,b",
    "app=web,tier%20in%20(a,b)",
    "app+in+(a)",
    "!app",
    "500",
    "-1",
    "many",
    "%zz",
    "%",
    "a;b",
    "NotOlderThan",
    "%C3%A9",
];

fn one<'a>(random: &mut fastrand::Rng, of: &[&'a str]) -> &'a str {
    of[random.usize(..of.len())]
}

fn method(random: &mut fastrand::Rng) -> &'static str {
    one(random, METHODS)
}

fn url(random: &mut fastrand::Rng) -> String {
    let mut parts: Vec<&str> = Vec::new();
    // Most have the form of a resource's, so that what is deep inside is reached.
    match random.u8(..8) {
        0 => {}
        1..=3 => parts.extend(["api", "v1"]),
        _ => parts.extend(["apis", "apps", "v1"]),
    }
    if !parts.is_empty() && random.u8(..8) == 0 {
        parts.push(if random.bool() { "watch" } else { "proxy" });
    }
    if !parts.is_empty() && random.u8(..3) > 0 {
        parts.extend(["namespaces", one(random, PARTS)]);
    }
    for _ in 0..random.usize(..5) {
        parts.push(one(random, PARTS));
    }
    let mut url = String::new();
    for part in parts {
        url.push('/');
        url += part;
    }
    if url.is_empty() || random.u8(..12) == 0 {
        url.push('/');
    }
    let queries = [0, 0, 1, 1, 2, 3][random.usize(..6)];
    for index in 0..queries {
        url.push(if index == 0 { '?' } else { '&' });
        url += one(random, KEYS);
        if random.u8(..8) > 0 {
            url.push('=');
            url += one(random, VALUES);
        }
    }
    if random.u8(..64) == 0 {
        url.push('?');
    }
    url
}
