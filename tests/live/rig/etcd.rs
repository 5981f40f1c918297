//! etcd, and the two calls the rig makes to it itself.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::process::Process;
use super::programs::Programs;
use super::{Outcome, ports};

/// etcd answers in milliseconds; a busy machine may let it wait for a core.
const ANSWER: Duration = Duration::from_secs(20);

pub(crate) fn start(programs: &Programs, folder: &Path, port: u16) -> Outcome<Process> {
    let clients = format!("http://127.0.0.1:{port}");
    let peers = format!("http://127.0.0.1:{}", ports::free()?);
    let flags = [
        format!("--data-dir={}", folder.join("etcd").display()),
        // What a test wrote need not survive a power failure, and disks are slow.
        "--unsafe-no-fsync".to_owned(),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=default={peers}"),
        "--log-level=warn".to_owned(),
    ];
    Process::start(programs, "etcd", folder, flags)
}

/// Forgets all revisions before the current one.
pub(crate) fn compact(port: u16) -> Outcome {
    // Any key will do: every answer tells the current revision.
    let current = post(port, "/v3/kv/range", &json!({ "key": "AA==" }))?;
    let revision = current.pointer("/header/revision").ok_or("etcd named no revision")?;
    post(port, "/v3/kv/compaction", &json!({ "revision": revision, "physical": true }))?;
    Ok(())
}

/// One call to etcd's JSON door, by HTTP/1.0 so that the answer is not chunked and ends with the connection.
fn post(port: u16, path: &str, body: &Value) -> Outcome<Value> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER))?;
    let body = body.to_string();
    write!(stream, "POST {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("etcd gave half an answer")?;
    match head.split(' ').nth(1) {
        Some("200") => Ok(serde_json::from_str(body)?),
        _ => Err(format!("etcd: {answer}").into()),
    }
}
