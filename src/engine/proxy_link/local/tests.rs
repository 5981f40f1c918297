//! Attaching and starting, with a real admin listener; the child is a shell that says it is the proxy.

use super::*;
use crate::engine::admin::{Admin, Announced};
use crate::engine::process::detach::Launcher;
use crate::engine::proxy::admin_pages::{ProxyAdmin, ProxyPages};
use crate::model::proxy::UpstreamFacts;
use parking_lot::Mutex;
use std::ffi::OsString;
use std::net::SocketAddr;
use tokio_util::sync::{CancellationToken, DropGuard};

#[derive(Debug, Default)]
struct Scripted {
    blocks: Mutex<Vec<(String, TrafficState)>>,
}

impl ProxyAdmin for Scripted {
    fn metrics(&self, _out: &mut String) {}

    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    fn routes(&self) -> Routes {
        let upstream = UpstreamFacts { name: "prod".into(), ..UpstreamFacts::default() };
        Routes { clusters: vec![upstream], ..Routes::default() }
    }

    fn config(&self) -> String {
        String::new()
    }

    fn explain(&self, text: &str) -> Result<Explanation, String> {
        Ok(Explanation { request: text.into(), ..Explanation::default() })
    }

    fn set_traffic(&self, cluster: &str, state: TrafficState) -> Result<(), String> {
        if cluster != "prod" {
            return Err(format!("there is no cluster {cluster}"));
        }
        self.blocks.lock().push((cluster.to_owned(), state));
        Ok(())
    }

    fn reload(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Err("rules.yaml:3: no such operator".to_owned())))
    }
}

/// An admin listener that ends with it, and a state folder.
struct Rig {
    folder: tempfile::TempDir,
    address: SocketAddr,
    token: Secret,
    pictures: Arc<Scripted>,
    _ended: DropGuard,
}

impl Rig {
    async fn new() -> Self {
        let token = Announced::token().unwrap();
        let admin = Admin::bind("127.0.0.1:0".parse().unwrap(), token.clone()).await.unwrap();
        let (address, ended, pictures) = (admin.address(), CancellationToken::new(), Arc::new(Scripted::default()));
        tokio::spawn(admin.run(Arc::new(ProxyPages(Arc::clone(&pictures) as _)), ended.clone()));
        Self { folder: tempfile::tempdir().unwrap(), address, token, pictures, _ended: ended.drop_guard() }
    }

    fn router(&self, script: Option<&str>) -> LocalProxyLauncher {
        let starter = script.map(|script| Starter {
            launcher: Launcher::Plain,
            program: "sh".into(),
            arguments: [OsString::from("-c"), OsString::from(script)].into(),
        });
        LocalProxyLauncher::new(self.folder.path().join("proxy"), starter)
    }

    /// What a proxy does first: it says where it is. Then it waits for its end.
    fn serving(&self) -> String {
        let (folder, address, token) = (self.folder.path().join("proxy"), self.address, &self.token.0);
        format!(
            "trap 'exit 0' TERM; printf '{{\"address\":\"{address}\",\"pid\":%d,\"token\":\"{token}\"}}' $$ \
             > {0}/new && mv {0}/new {0}/admin.json; while :; do sleep 0.05; done",
            folder.display()
        )
    }
}

fn is_alive(pid: u32) -> bool {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::test_kill_process(pid).is_ok()
}

async fn gone(pid: u32) {
    let gone = async {
        while is_alive(pid) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), gone).await.unwrap();
}

#[tokio::test]
async fn a_running_proxy_is_found_and_asked() {
    let rig = Rig::new().await;
    let router = rig.router(None);
    assert_eq!(router.link(ProxySource::Found).await.unwrap_err(), ProxyError::NoProxy);
    let _announced = Announced::write(&rig.folder.path().join("proxy"), rig.address, &rig.token).unwrap();
    let proxy = router.link(ProxySource::Found).await.unwrap();
    assert_eq!(proxy.at().pid, Some(std::process::id()));
    assert_eq!(proxy.picture().await.unwrap().clusters.len(), 1);
    proxy.set_traffic("prod".into(), TrafficState::Draining).await.unwrap();
    assert_eq!(*rig.pictures.blocks.lock(), [("prod".to_owned(), TrafficState::Draining)]);
    let refused = proxy.set_traffic("nowhere".into(), TrafficState::Blocked).await.unwrap_err();
    assert_eq!(refused, ProxyError::Refused("there is no cluster nowhere".into()));
    assert!(matches!(proxy.reload().await, Err(ProxyError::Refused(why)) if why.contains("rules.yaml:3")));
    assert_eq!(proxy.explain("GET /api".into()).await.unwrap().request, "GET /api");
    assert!(matches!(proxy.stop().await, Err(ProxyError::Refused(_))), "it is not ours");
    assert!(matches!(proxy.keep(true).await, Err(ProxyError::Refused(_))));
}

#[tokio::test]
async fn what_a_dead_proxy_wrote_names_none() {
    let rig = Rig::new().await;
    let nobody: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let _announced = Announced::write(&rig.folder.path().join("proxy"), nobody, &rig.token).unwrap();
    assert_eq!(rig.router(None).link(ProxySource::Found).await.unwrap_err(), ProxyError::NoProxy);
}

#[tokio::test]
async fn one_is_attached_by_address_and_token() {
    let rig = Rig::new().await;
    let router = rig.router(None);
    let file = rig.folder.path().join("token");
    let token_file = Text::from(file.to_string_lossy());
    let at = |address: String| ProxySource::At { address: address.into(), token_file: token_file.clone() };
    let refused = router.link(at(rig.address.to_string())).await.unwrap_err().to_string();
    assert!(refused.contains("No such file"), "{refused}");
    std::fs::write(&file, " \n").unwrap();
    assert!(router.link(at(rig.address.to_string())).await.unwrap_err().to_string().contains("no token"));
    std::fs::write(&file, "another's").unwrap();
    let refused = router.link(at(rig.address.to_string())).await.unwrap_err();
    assert!(matches!(&refused, ProxyError::Refused(why) if !why.contains("another's")), "{refused}");
    std::fs::write(&file, format!("{}\n", rig.token.0)).unwrap();
    let proxy = router.link(at(format!("localhost:{}", rig.address.port()))).await.unwrap();
    assert!(!proxy.at().own);
    std::fs::write(&file, format!("{{\"token\":\"{}\"}}", rig.token.0)).unwrap();
    assert!(router.link(at(rig.address.to_string())).await.is_ok());
    for wrong in ["here", "127.0.0.1", "192.0.2.1:6480"] {
        assert!(matches!(router.link(at(wrong.to_owned())).await, Err(ProxyError::Refused(_))), "{wrong}");
    }
}

#[tokio::test]
async fn one_of_our_own_is_started_watched_and_stopped() {
    let rig = Rig::new().await;
    let router = rig.router(Some(&rig.serving()));
    let proxy = router.link(ProxySource::Own).await.unwrap();
    let pid = proxy.at().pid.unwrap();
    assert!(proxy.at().own && is_alive(pid));
    proxy.picture().await.unwrap();
    proxy.stop().await.unwrap();
    gone(pid).await;
}

#[tokio::test]
async fn it_ends_with_us_unless_it_is_kept() {
    let rig = Rig::new().await;
    let router = rig.router(Some(&rig.serving()));
    let first = router.link(ProxySource::Own).await.unwrap();
    let pid = first.at().pid.unwrap();
    first.leave();
    drop(first);
    gone(pid).await;
    let second = router.link(ProxySource::Own).await.unwrap();
    let pid = second.at().pid.unwrap();
    assert!(second.keep(true).await.unwrap() && second.at().kept);
    second.leave();
    assert!(is_alive(pid));
    assert!(!second.keep(false).await.unwrap());
    drop(second);
    gone(pid).await;
}

#[tokio::test]
async fn a_start_that_fails_says_why() {
    let rig = Rig::new().await;
    let script = "echo error: 127.0.0.1:6443 is taken >&2; echo hint: choose another with --listen >&2; exit 1";
    let failed = rig.router(Some(script)).link(ProxySource::Own).await.unwrap_err().to_string();
    assert_eq!(failed, "the proxy ended: error: 127.0.0.1:6443 is taken; hint: choose another with --listen");
    let none = rig.router(None).link(ProxySource::Own).await.unwrap_err();
    assert!(matches!(none, ProxyError::Refused(_)));
}

#[tokio::test]
async fn a_start_nobody_waits_for_any_more_leaves_no_process() {
    let rig = Rig::new().await;
    let mark = rig.folder.path().join("pid");
    let script = format!("echo $$ > {}; exec sleep 60", mark.display());
    let router = rig.router(Some(&script));
    let pid = async {
        loop {
            let read = std::fs::read_to_string(&mark).unwrap_or_default();
            if let Ok(pid) = read.trim().parse::<u32>() {
                break pid;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let pid = tokio::select! {
        _ = router.link(ProxySource::Own) => panic!("it never serves"),
        pid = pid => pid,
    };
    gone(pid).await;
}
