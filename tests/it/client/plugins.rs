//! Credential plugins: small scripts that count their runs.

use super::server::{Asked, Authority, Server, json, status};
use super::{connect_in, get, surroundings};
use quarterdeck::config::Environment;
use quarterdeck::engine::cluster::ClusterError;
use quarterdeck::engine::k8s::client::ClientContext;
use quarterdeck::engine::k8s::credentials::plugin::{Plugins, Terminal};
use quarterdeck::engine::k8s::endpoint::{Endpoint, ExecPlugin, Interactive};
use quarterdeck::engine::process::detach::Launcher;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const V1: &str = "client.authentication.k8s.io/v1";

/// A folder with a plugin in it.
struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    /// The script runs in its folder, and each run adds a byte to `runs`.
    fn new(body: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!("#!/bin/sh\ncd '{}'\nprintf x >> runs\n{body}\n", folder.path().display());
        // Written by another process: were it this one, a fork elsewhere in the tests could hold it
        // open, and then it could not be run.
        let path = folder.path().join("plugin");
        let mut child = std::process::Command::new("sh")
            .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
            .arg(&path)
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("a shell");
        std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), text.as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success());
        assert_eq!(std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o111, 0o111);
        Self { folder }
    }

    /// Prints this token, numbered by the run.
    fn token(more: &str) -> Self {
        Self::new(&format!(
            r#"n=$(wc -c < runs | tr -d ' ')
printf '{{"apiVersion":"{V1}","kind":"ExecCredential","status":{{"token":"token-%s"{more}}}}}' "$n""#
        ))
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("plugin")
    }

    fn runs(&self) -> usize {
        std::fs::read(self.folder.path().join("runs")).map_or(0, |bytes| bytes.len())
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    fn exec(&self) -> ExecPlugin {
        exec(&self.path())
    }

    fn on(&self, server: &Server) -> Endpoint {
        with(server, self.exec())
    }
}

fn exec(command: &Path) -> ExecPlugin {
    ExecPlugin {
        api_version: V1.to_owned(),
        command: command.display().to_string(),
        args: Vec::new(),
        env: Vec::new(),
        interactive: Interactive::IfAvailable,
        provide_cluster_info: false,
        install_hint: None,
        cluster_config: None,
    }
}

fn with(server: &Server, exec: ExecPlugin) -> Endpoint {
    let mut endpoint = server.endpoint();
    endpoint.user.exec = Some(exec);
    endpoint
}

fn plain() -> ClientContext {
    surroundings(Environment::default())
}

async fn open() -> Server {
    Server::tls(|_: &Asked| json("{}")).await
}

async fn error_of(exec: ExecPlugin) -> String {
    let error = get(&connect_in(with(&open().await, exec), &plain())).await.expect_err("the plugin fails");
    assert!(matches!(error, ClusterError::AuthNeeded(_)), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn one_run_serves_all_callers_and_all_clusters_it_cannot_tell_apart() {
    let (script, one, two, shared) = (Script::token(""), open().await, open().await, plain());
    let connections: Vec<_> =
        (0..20).map(|i| connect_in(script.on(if i % 2 == 0 { &one } else { &two }), &shared)).collect();
    let all = futures::future::join_all(connections.iter().map(get)).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(script.runs(), 1);
    assert!(one.asked().iter().all(|a| a.header("authorization") == "Bearer token-1"));
}

/// K1: for a server on plain http no plugin runs, also not after a 401.
#[tokio::test]
async fn no_plugin_runs_for_a_server_on_plain_http() {
    let script = Script::token("");
    let server = Server::plain(|_: &Asked| status(401, "Unauthorized")).await;
    let connection = connect_in(script.on(&server), &plain());
    connection.log_in().await.expect("there is nothing to do");
    get(&connection).await.expect_err("it refuses");
    assert_eq!(script.runs(), 0);
    assert!(server.asked().iter().all(|asked| !asked.headers.contains_key("authorization")));
}

#[tokio::test]
async fn a_plugin_that_is_told_of_its_cluster_runs_for_each() {
    let (script, one, two, shared) = (Script::token(""), open().await, open().await, plain());
    for server in [&one, &two, &one] {
        let told = ExecPlugin { provide_cluster_info: true, ..script.exec() };
        get(&connect_in(with(server, told), &shared)).await.expect("it answers");
    }
    assert_eq!(script.runs(), 2);
}

#[tokio::test]
async fn an_answer_is_kept_even_one_that_seems_to_have_ended() {
    for end in ["2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
        let script = Script::token(&format!(r#","expirationTimestamp":"{end}""#));
        let connection = connect_in(script.on(&open().await), &plain());
        for _ in 0..3 {
            get(&connection).await.expect("it answers");
        }
        assert_eq!(script.runs(), 1, "{end}");
    }
}

/// On a command line with a terminal: quietly first, many at a time; then one by one with the terminal.
#[tokio::test]
async fn where_the_terminal_is_free_a_plugin_that_fails_may_ask() {
    let script = Script::new(&format!(
        r#"case "$KUBERNETES_EXEC_INFO" in
*'"interactive":true'*) echo '{{"apiVersion":"{V1}","kind":"ExecCredential","status":{{"token":"asked"}}}}' ;;
*) exit 1 ;;
esac"#
    ));
    let server = open().await;
    let launcher = || Launcher::Through(env!("CARGO_BIN_EXE_qd").into());
    let free = ClientContext { environment: Arc::default(), plugins: Plugins::new(launcher(), Terminal::Free) };
    get(&connect_in(script.on(&server), &free)).await.expect("it may ask");
    assert_eq!((script.runs(), server.asked()[0].header("authorization")), (2, "Bearer asked"));
    let never = ExecPlugin { interactive: Interactive::Never, ..script.exec() };
    get(&connect_in(with(&server, never), &free)).await.expect_err("this one may not");
    assert_eq!(script.runs(), 3);
}

#[tokio::test]
async fn a_401_makes_the_plugin_run_once_more_and_the_request_go_once_more() {
    let server = Server::tls(|asked: &Asked| {
        let known = asked.header("authorization") == "Bearer token-2";
        if known { json("{}") } else { status(401, "Unauthorized") }
    })
    .await;
    let script = Script::token("");
    let connection = connect_in(script.on(&server), &plain());
    get(&connection).await.expect("the second token is known");
    assert_eq!((script.runs(), server.asked().len()), (2, 2));
}

#[tokio::test]
async fn a_server_that_never_accepts_does_not_make_the_plugin_run_for_each_request() {
    let server = Server::tls(|_: &Asked| status(401, "Unauthorized")).await;
    let script = Script::token("");
    let connection = connect_in(script.on(&server), &plain());
    for _ in 0..5 {
        let error = get(&connection).await.expect_err("never");
        assert!(error.to_string().starts_with("log in again: the server does not accept what `"), "{error}");
    }
    assert_eq!(script.runs(), 2);
}

#[tokio::test]
async fn an_answer_in_yaml_and_in_the_older_version_is_taken() {
    let version = "client.authentication.k8s.io/v1beta1";
    let script = Script::new(&format!(
        "cat <<'END'\napiVersion: {version}\nkind: ExecCredential\nstatus:\n  token: from-yaml\nEND"
    ));
    let server = open().await;
    let older = ExecPlugin { api_version: version.to_owned(), ..script.exec() };
    get(&connect_in(with(&server, older), &plain())).await.expect("it answers");
    assert_eq!(server.asked()[0].header("authorization"), "Bearer from-yaml");
}

#[tokio::test]
async fn a_client_certificate_from_a_plugin_is_shown() {
    let authority = Authority::new("authority");
    let config = authority.server(&authority.issue(&["127.0.0.1"], |_| ()), true);
    let server = Server::with(config, authority.pem()).await;
    let (certificate, key) = authority.issue(&["carol"], |_| ()).pem();
    let answer = serde_json::json!({"apiVersion": V1, "kind": "ExecCredential",
        "status": {"clientCertificateData": certificate, "clientKeyData": key}});
    let script = Script::new(&format!("cat <<'END'\n{answer}\nEND"));
    get(&connect_in(script.on(&server), &plain())).await.expect("it answers");
    assert_eq!(server.asked()[0].client.as_deref(), Some("carol"));
}

#[tokio::test]
async fn the_plugin_is_told_what_the_protocol_says_and_has_no_terminal() {
    let script = Script::new(
        r#"printf '%s' "$KUBERNETES_EXEC_INFO" > told
printf '%s' "$ACCOUNT" > account
printf '%s %s' "$1" "$2" > arguments
(: < /dev/tty) 2>/dev/null && echo terminal > tty
[ -r /proc/self/stat ] && { set -- $(cat /proc/$$/stat); [ "$6" = "$$" ] && echo own > session; }
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}'"#,
    );
    let server = open().await;
    let told = ExecPlugin {
        provide_cluster_info: true,
        args: vec!["get".to_owned(), "two words".to_owned()],
        env: vec![("ACCOUNT".to_owned(), quarterdeck::engine::k8s::endpoint::Secret("7".to_owned()))],
        ..script.exec()
    };
    get(&connect_in(with(&server, told), &plain())).await.expect("it answers");
    let told: serde_json::Value = serde_json::from_str(&script.read("told")).expect("it is JSON");
    assert_eq!(told["spec"]["interactive"], false);
    assert_eq!(told["spec"]["cluster"]["server"], format!("https://{}", server.address));
    assert_eq!((script.read("account"), script.read("arguments")), ("7".to_owned(), "get two words".to_owned()));
    assert_eq!(script.read("tty"), "", "it could open a terminal");
    if cfg!(target_os = "linux") {
        assert_eq!(script.read("session"), "own\n");
    }
}

#[tokio::test]
async fn a_missing_plugin_says_how_to_get_it() {
    let missing = || exec(Path::new("/nowhere/aws-iam-authenticator"));
    assert_eq!(
        error_of(missing()).await,
        "`/nowhere/aws-iam-authenticator` is not installed, or not in PATH; install it"
    );
    let hinted = ExecPlugin { install_hint: Some("brew install it".to_owned()), ..missing() };
    assert_eq!(error_of(hinted).await, "`/nowhere/aws-iam-authenticator` is not installed: brew install it");
    let folder = tempfile::tempdir().expect("a folder");
    let text = error_of(exec(folder.path())).await;
    assert!(text.ends_with("may not be run; is it executable?"), "{text}");
}

#[tokio::test]
async fn a_plugin_that_hangs_is_ended_with_all_it_started() {
    let script = Script::new("sleep 1000 &\necho $! > child\necho waiting for the browser >&2\nwait");
    let launcher = Launcher::Through(env!("CARGO_BIN_EXE_qd").into());
    let plugins = Plugins::with_timeout(launcher, Terminal::Taken, Duration::from_secs(2));
    let shared = ClientContext { environment: Arc::default(), plugins };
    let error = get(&connect_in(script.on(&open().await), &shared)).await.expect_err("it hangs");
    assert_eq!(
        error.to_string(),
        format!("`{}` did not answer within 2s: waiting for the browser", script.path().display())
    );
    let child: i32 = script.read("child").trim().parse().expect("it wrote its child's number");
    let child = rustix::process::Pid::from_raw(child).expect("a number");
    let gone = async {
        while rustix::process::test_kill_process(child).is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("its child is ended too");
}

#[tokio::test]
async fn garbage_a_password_prompt_and_endless_output_are_described_not_shown() {
    let garbage = Script::new("echo hunter2");
    let text = error_of(garbage.exec()).await;
    assert!(
        text.ends_with("did not answer as a credential plugin: it printed 7 bytes that are no ExecCredential"),
        "{text}"
    );
    // Where it has no terminal, a prompt reads nothing and fails.
    let prompt = Script::new("printf 'Password: ' >&2\nread -r password || exit 3\necho \"$password\"");
    let text = error_of(prompt.exec()).await;
    assert!(text.ends_with("failed (exit status: 3): Password:"), "{text}");
    let endless = Script::new("yes");
    let text = error_of(endless.exec()).await;
    assert!(text.ends_with("printed more than any credential"), "{text}");
}

#[tokio::test]
async fn a_failed_login_becomes_the_command_to_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let script =
        Script::new("echo 'Error when retrieving token from sso: Token has expired and refresh failed' >&2\nexit 255");
    let aws = folder.path().join("aws");
    std::os::unix::fs::symlink(script.path(), &aws).expect("a link");
    let login = ExecPlugin { args: vec!["--profile".to_owned(), "prod".to_owned()], ..exec(&aws) };
    let text = error_of(login).await;
    assert!(text.starts_with("run `aws sso login --profile prod` ("), "{text}");
}

#[tokio::test]
async fn failures_are_shared_for_a_moment() {
    let script = Script::new("exit 1");
    let (server, shared) = (open().await, plain());
    let connections: Vec<_> = (0..10).map(|_| connect_in(script.on(&server), &shared)).collect();
    for connection in &connections {
        assert!(get(connection).await.is_err());
    }
    assert_eq!(script.runs(), 1);
}

/// Trap 14.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_ca_too_large_for_an_environment_is_explained() {
    let script = Script::token("");
    let server = open().await;
    let told = ExecPlugin { provide_cluster_info: true, ..script.exec() };
    let mut endpoint = with(&server, told);
    endpoint.ca = Some(super::inline(&server.ca.repeat(4000)));
    let error = get(&connect_in(endpoint, &plain())).await.expect_err("it is too large");
    assert!(error.to_string().contains("its CA bundle is larger than an environment may be"), "{error}");
}

#[tokio::test]
async fn a_plugin_that_must_ask_is_not_run_while_the_console_is_up() {
    let script = Script::token("");
    let asking = ExecPlugin { interactive: Interactive::Always, ..script.exec() };
    assert!(error_of(asking).await.contains("needs a terminal"));
    assert_eq!(script.runs(), 0);
}
