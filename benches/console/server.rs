//! One real API server with 10,000 pods of 11 KB: the console, a raw LIST and kubectl, one after the other.

use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use kube::Client;
use tokio::time::Instant;

use crate::figure::{Figure, Unit};
use crate::live::rig::{ControlPlane, Options, Programs};
use crate::process::{cpu_seconds, cpu_seconds_of, memory};
use crate::screen::{Console, LIMIT, counts, has_rows};
use crate::{Outcome, Plan, say};

const PODS: usize = 10_000;
const POD_BYTES: usize = 11_000;

/// How long the control plane is looked at, and the part of a processor it may use to count as at rest.
const LOOK: Duration = Duration::from_secs(2);
const AT_REST: f64 = 0.1;

/// The annotation of the bookmark that ends a streamed list.
const END_OF_LIST: &[u8] = b"k8s.io/initial-events-end";

pub(crate) fn compare(plan: &Plan) -> Outcome<Vec<Figure>> {
    if let Some(reason) = Programs::missing() {
        return Err(reason.into());
    }
    let plane = ControlPlane::start(Options { nodes: 20, ..Options::named("real") })?;
    let namespace = plane.new_namespace("bench")?;
    say(&format!("  creating {PODS} pods"));
    plane.create_pods(&namespace, PODS, POD_BYTES)?;
    say("  waiting until they run");
    plane.wait_for_running(&namespace, PODS)?;
    say("  waiting until the control plane rests");
    rest(plane.folder())?;
    let kubeconfig = plane.kubeconfig_path("admin");
    // Once each, unmeasured: the API server's caches and the page cache are warm for all alike.
    raw_list(&plane)?;
    kubectl(&plane)?;

    let mut first = Figure::new("start of the program to first rows", Unit::Milliseconds, 200.0);
    let mut all = Figure::new("start of the program to all rows", Unit::Milliseconds, 1_300.0);
    let mut ratio = Figure::new("all rows, against the raw LIST of the same round", Unit::Times, 1.4);
    let mut peak = Figure::new("memory at its peak", Unit::Mebibytes, 40.0);
    let mut cpu = Figure::new("processor time to all rows", Unit::Seconds, 0.6);
    let mut raw = Figure::new("a raw LIST with `resourceVersion=0`, read and dropped", Unit::Milliseconds, None);
    let mut streamed = Figure::new("the same streamed, read and dropped", Unit::Milliseconds, None);
    let mut peer = Figure::new("`kubectl get pods -A`", Unit::Milliseconds, None);
    let mut peer_ratio = Figure::new("all rows, against kubectl of the same round", Unit::Times, None);
    let mut list_cpu = Figure::new("processor time of the control plane for that LIST", Unit::Seconds, None);
    let mut stream_cpu = Figure::new("the same for the streamed one", Unit::Seconds, None);
    for _ in 0..plan.runs {
        let run = measure(&kubeconfig)?;
        let (listed, list_cost) = costs(&plane, raw_list)?;
        let printed = kubectl(&plane)?;
        let (as_stream, stream_cost) = costs(&plane, raw_stream)?;
        list_cpu.add(list_cost);
        stream_cpu.add(stream_cost);
        streamed.add(as_stream);
        first.add(run.first);
        all.add(run.all);
        ratio.add(run.all / listed);
        peak.add(run.peak);
        cpu.add(run.cpu);
        raw.add(listed);
        peer.add(printed);
        peer_ratio.add(run.all / printed);
    }
    Ok(vec![first, all, ratio, peak, cpu, raw, streamed, list_cpu, stream_cpu, peer, peer_ratio])
}

/// Waits until the processes of the control plane have nothing left to do: after the last pod runs, kwok and the
/// API server work off thousands of changes, on the processors that are to be measured.
fn rest(folder: &Path) -> Outcome {
    let until = Instant::now() + LIMIT;
    let folder = folder.to_string_lossy();
    let mut before = cpu_seconds_of(&folder)?;
    while Instant::now() < until {
        sleep(LOOK);
        let now = cpu_seconds_of(&folder)?;
        if now - before < AT_REST * LOOK.as_secs_f64() {
            return Ok(());
        }
        before = now;
    }
    Err(format!("the control plane did not come to rest within {LIMIT:?}").into())
}

/// What one reading takes, and the processor time in seconds that the control plane spends on it.
fn costs(plane: &ControlPlane, read: impl Fn(&ControlPlane) -> Outcome<f64>) -> Outcome<(f64, f64)> {
    let folder = plane.folder().to_string_lossy();
    let before = cpu_seconds_of(&folder)?;
    let took = read(plane)?;
    Ok((took, cpu_seconds_of(&folder)? - before))
}

struct Run {
    first: f64,
    all: f64,
    peak: f64,
    cpu: f64,
}

fn measure(kubeconfig: &Path) -> Outcome<Run> {
    let console = Console::open(kubeconfig)?;
    let first = console.since_start("the first rows", has_rows)?;
    let all = console.since_start("all rows", |text| {
        let counts = counts(text);
        counts.complete == 1 && counts.rows >= PODS
    })?;
    let run = Run { first, all, cpu: cpu_seconds(console.pid())?, peak: memory(console.pid())?.peak };
    console.close();
    Ok(run)
}

/// Milliseconds for a connection and the whole body, which nobody keeps or reads.
fn raw_list(plane: &ControlPlane) -> Outcome<f64> {
    plane.with_client(async |client: Client| {
        let started = Instant::now();
        let request = http::Request::get("/api/v1/pods?resourceVersion=0");
        // As a plain client asks; the padding of these pods packs better than anything real.
        let request = request.header(http::header::ACCEPT_ENCODING, "identity").body(Vec::new())?;
        let body = client.request_stream(request).await?;
        let bytes = futures::io::copy_buf(body, &mut futures::io::sink()).await?;
        if bytes < (PODS * POD_BYTES / 2) as u64 {
            return Err(format!("the list has {bytes} bytes only").into());
        }
        Ok(started.elapsed().as_secs_f64() * 1_000.0)
    })
}

/// Milliseconds for the same objects as a stream, up to its end's bookmark.
fn raw_stream(plane: &ControlPlane) -> Outcome<f64> {
    plane.with_client(async |client: Client| {
        let started = Instant::now();
        let query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
        let request = http::Request::get(format!("/api/v1/pods?{query}&timeoutSeconds=60")).body(Vec::new())?;
        let mut body = client.request_stream(request).await?;
        let mut line = Vec::new();
        while futures::AsyncBufReadExt::read_until(&mut body, b'\n', &mut line).await? > 0 {
            if line.windows(END_OF_LIST.len()).any(|part| part == END_OF_LIST) {
                return Ok(started.elapsed().as_secs_f64() * 1_000.0);
            }
            line.clear();
        }
        Err("the stream ended before its list did".into())
    })
}

fn kubectl(plane: &ControlPlane) -> Outcome<f64> {
    let started = Instant::now();
    let status = plane.kubectl_command().args(["get", "pods", "-A"]).stdout(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("kubectl: {status}").into());
    }
    Ok(started.elapsed().as_secs_f64() * 1_000.0)
}
