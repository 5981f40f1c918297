//! The rig works: what the other live tests take for granted.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;

use crate::Test;
use crate::hold::HOLD;
use crate::rig::{ControlPlane, Options, Outcome, User, merged, shared, until};

pub(crate) const TESTS: &[Test] = &[
    ("control_plane_answers_readyz", answers_readyz),
    ("one_kubeconfig_names_several", one_kubeconfig_names_several),
    ("kwok_pod_runs_and_logs", kwok_pod_runs_and_logs),
    ("many_pods_run", many_pods_run),
    ("stopped_api_server_comes_back", stopped_api_server_comes_back),
    ("frozen_api_server_answers_nothing", frozen_api_server_answers_nothing),
    ("revoked_token_is_refused", revoked_token_is_refused),
    ("audit_log_names_the_user", audit_log_names_the_user),
    ("compaction_ends_old_pages_and_watches", compaction_ends_old_pages_and_watches),
    ("nothing_is_left_behind_when_killed", nothing_is_left_behind_when_killed),
];

/// What takes part of a second, on a machine that has other things to do.
const SOON: Duration = Duration::from_secs(30);

fn answers_readyz() -> Outcome {
    let plane = ControlPlane::start(Options::named("east"))?;
    let answer = plane.kubectl(&["get", "--raw", "/readyz"])?;
    assert_eq!(answer, "ok");
    let version = plane.kubectl(&["version", "--output=json"])?;
    let version: serde_json::Value = serde_json::from_str(&version)?;
    assert_eq!(version["serverVersion"]["minor"], "35", "the version a client parses: {version}");
    Ok(())
}

fn one_kubeconfig_names_several() -> Outcome {
    let planes @ [east, _] = shared()?;
    let both = east.write_kubeconfig("both.kubeconfig", &merged(planes))?;
    let uid = |context: &str| {
        let kubeconfig = format!("--kubeconfig={}", both.display());
        let context = format!("--context={context}");
        east.kubectl(&[&kubeconfig, &context, "get", "namespace", "kube-system", "--output=jsonpath={.metadata.uid}"])
    };
    assert_ne!(uid("east")?, uid("west")?, "two clusters, each with an etcd of its own");
    Ok(())
}

fn kwok_pod_runs_and_logs() -> Outcome {
    let plane = ControlPlane::start(Options::complete("logs"))?;
    plane.write_log(&["first line", "second line"])?;
    plane.kubectl(&["create", "deployment", "web", "--image=web", "--replicas=3"])?;
    plane.wait_for_running("default", 3)?;
    assert_eq!(plane.kubectl(&["logs", "deployment/web"])?, "first line\nsecond line\n");
    assert_eq!(plane.kubectl(&["logs", "--previous", "deployment/web"])?, "the run before\n");
    assert_eq!(plane.kubectl(&["exec", "deployment/web", "--", "echo", "hello"])?, "hello\n");
    Ok(())
}

fn many_pods_run() -> Outcome {
    let [plane, _] = shared()?;
    let namespace = plane.new_namespace("many")?;
    plane.create_pods(&namespace, 50, 11_000)?;
    plane.wait_for_running(&namespace, 50)?;
    let bytes = plane.kubectl(&["get", "--raw", &format!("/api/v1/namespaces/{namespace}/pods/pod-7")])?.len();
    assert!((10_000..12_000).contains(&bytes), "a pod of 11,000 bytes has {bytes}");
    Ok(())
}

fn stopped_api_server_comes_back() -> Outcome {
    let mut plane = ControlPlane::start(Options::named("east"))?;
    plane.kubectl(&["create", "configmap", "kept"])?;
    plane.stop_api_server()?;
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, plane.port())).is_err(), "a stopped server refuses connections");
    plane.start_api_server()?;
    assert_eq!(plane.kubectl(&["get", "configmap", "kept", "--output=name"])?, "configmap/kept\n");
    Ok(())
}

fn frozen_api_server_answers_nothing() -> Outcome {
    let mut plane = ControlPlane::start(Options::named("east"))?;
    plane.freeze_api_server()?;
    let frozen = plane.try_kubectl(&["get", "--raw", "/readyz", "--request-timeout=2s"])?;
    assert_ne!(frozen.code, Some(0), "{frozen:?}");
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, plane.port())).is_ok(), "the kernel still takes connections");
    plane.thaw_api_server()?;
    assert_eq!(plane.kubectl(&["get", "--raw", "/readyz"])?, "ok");
    Ok(())
}

fn revoked_token_is_refused() -> Outcome {
    let users = vec![User::named("viewer")];
    let mut plane = ControlPlane::start(Options { users, ..Options::named("east") })?;
    let viewer = plane.write_kubeconfig("viewer.kubeconfig", &plane.kubeconfig_for("viewer")?)?;
    let asked =
        |plane: &ControlPlane| plane.try_kubectl(&["--kubeconfig", &viewer.to_string_lossy(), "get", "secrets"]);

    let denied = asked(&plane)?;
    assert!(denied.stderr.contains("Forbidden"), "RBAC gives a new user nothing: {denied:?}");
    plane.kubectl(&["create", "clusterrolebinding", "viewer", "--clusterrole=cluster-admin", "--user=viewer"])?;
    until("the role to be bound", SOON, || match asked(&plane)? {
        printed if printed.code == Some(0) => Ok(()),
        printed => Err(printed.stderr.into()),
    })?;
    plane.revoke_token("viewer")?;
    let refused = asked(&plane)?;
    assert!(refused.stderr.contains("Unauthorized") || refused.stderr.contains("logged in"), "{refused:?}");

    // Somebody without a token may log in with a certificate.
    let pair = plane.client_certificate("carol", "system:masters")?;
    let (certificate, key) =
        (plane.write_kubeconfig("carol.crt", &pair.certificate)?, plane.write_kubeconfig("carol.key", &pair.key)?);
    let carol = plane.kubeconfig_with(&json!({ "client-certificate": certificate, "client-key": key }));
    let carol = plane.write_kubeconfig("carol.kubeconfig", &carol)?;
    let answer = plane.kubectl(&["--kubeconfig", &carol.to_string_lossy(), "auth", "whoami"])?;
    assert!(answer.contains("carol"), "{answer}");
    Ok(())
}

fn audit_log_names_the_user() -> Outcome {
    let plane = ControlPlane::start(Options::named("east"))?;
    plane.kubectl(&["create", "configmap", "noted"])?;
    until("the creation in the audit log", SOON, || {
        let seen = plane.audit()?.iter().any(|event| {
            event["verb"] == "create" && event["user"]["username"] == "admin" && event["objectRef"]["name"] == "noted"
        });
        if seen { Ok(()) } else { Err("it is not there yet".into()) }
    })
}

fn compaction_ends_old_pages_and_watches() -> Outcome {
    let uncached = vec!["--watch-cache=false".to_owned()];
    let plane = ControlPlane::start(Options { api_server_flags: uncached, ..Options::named("east") })?;
    plane.with_client(async |client| {
        let maps: Api<ConfigMap> = Api::namespaced(client, "default");
        for name in ["a", "b", "c"] {
            let map = serde_json::from_value(json!({ "metadata": { "name": name } }))?;
            maps.create(&PostParams::default(), &map).await?;
        }
        let page = maps.list(&ListParams::default().limit(1)).await?;
        let [next, version] = [page.metadata.continue_, page.metadata.resource_version].map(Option::unwrap_or_default);
        // Two changes, so that the watch's first change is not the last one, which etcd keeps.
        for name in ["a", "b"] {
            maps.delete(name, &DeleteParams::default()).await?;
        }
        plane.compact()?;

        match maps.list(&ListParams::default().limit(1).continue_token(&next)).await {
            Err(kube::Error::Api(status)) if status.code == 410 => {}
            other => return Err(format!("the next page: {other:?}").into()),
        }
        let watch = maps.watch(&WatchParams::default(), &version).await?;
        match pin!(watch).next().await {
            Some(Ok(WatchEvent::Error(status))) if status.code == 410 => Ok(()),
            other => Err(format!("the watch: {other:?}").into()),
        }
    })
}

fn nothing_is_left_behind_when_killed() -> Outcome {
    let mut holder =
        Command::new(env::current_exe()?).args([HOLD, "held"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    // Kept until the end: a holder that cannot print would end by itself.
    let mut printed = BufReader::new(holder.stdout.take().ok_or("no stdout")?).lines();
    let line = printed.next().ok_or("nothing is held")??;
    let kubeconfig = printed.next().ok_or("there is no kubeconfig")??;
    let mut words = line.trim().splitn(3, ' ').skip(1);
    let [port, folder] = [words.next(), words.next()].map(Option::unwrap_or_default);
    let (port, folder): (u16, _) = (port.parse().map_err(|_| format!("not held: {line:?}"))?, PathBuf::from(folder));
    assert!(Path::new(&kubeconfig).starts_with(&folder));
    assert!(folder.is_dir());
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    if cfg!(target_os = "linux") {
        assert_ne!(processes_naming(&folder)?, Vec::<String>::new());
    }

    // SIGKILL: the holder can do nothing about its children any more.
    holder.kill()?;
    holder.wait()?;
    until("the end of all that was started", SOON, || {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Err("the API server still listens".into());
        }
        if folder.exists() {
            return Err("the folder is still there".into());
        }
        match processes_naming(&folder)?.as_slice() {
            [] => Ok(()),
            left => Err(format!("still running: {left:?}").into()),
        }
    })
}

/// The command lines that name `folder`, as far as `/proc` tells.
fn processes_naming(folder: &Path) -> Outcome<Vec<String>> {
    let folder = folder.to_string_lossy();
    let Ok(processes) = fs::read_dir("/proc") else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for process in processes {
        let mut text = Vec::new();
        let read = fs::File::open(process?.path().join("cmdline")).and_then(|mut file| file.read_to_end(&mut text));
        let text = String::from_utf8_lossy(&text).replace('\0', " ");
        if read.is_ok() && text.contains(folder.as_ref()) {
            found.push(text);
        }
    }
    Ok(found)
}
