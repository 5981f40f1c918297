//! The routing proxy that the console can start: another process of this program, with the console's own fleet.

use super::FleetArgs;
use crate::engine::files::private;
use crate::engine::process::detach::Launcher;
use crate::engine::proxy_link::local::{LocalProxyLauncher, Starter};
use std::ffi::OsString;
use std::io;
use std::path::Path;

/// Rules of the proxy of the simulated fleet: the kinds of rule that a real fleet begins with.
const DEMO_RULES: &str = "\
home: eu-west
clusters:
- {name: eu-west, cluster: eu-west}
- {name: us-east, cluster: us-east}
- {name: ap-south, cluster: ap-south}
- {name: edge-lab, cluster: edge-lab}
- {name: staging, cluster: staging}
- {name: sa-east, cluster: sa-east}
rules:
- name: checkout-to-us
  priority: 200
  conditions:
  - {type: namespace, operator: equals, value: checkout}
  actions:
    targetCluster: us-east
- name: reads-near-by
  priority: 100
  failover: true
  conditions:
  - {type: class, operator: equals, value: read}
  - {type: namespace, operator: in, values: [payments, identity]}
  actions:
    targetClusters: [ap-south, us-east]
    loadBalancing: nearest-region
- name: nobody-deletes-namespaces
  priority: 300
  conditions:
  - {type: resource, operator: equals, value: namespaces}
  - {type: verb, operator: in, values: [delete, deletecollection]}
  actions:
    deny: namespaces are deleted by hand
";

/// Launches a proxy for the fleet that the flags choose; it keeps its files in `proxy` below `state`.
pub(super) fn of_fleet(state: &Path, fleet: &FleetArgs) -> LocalProxyLauncher {
    let mut words = Vec::new();
    let mut flag = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        words.push(OsString::from(name));
        words.push(value.as_ref().to_os_string());
    };
    let paths = [
        ("--kubeconfig", &fleet.kubeconfig),
        ("--config", &fleet.config),
        ("--clusterprofile-provider-file", &fleet.clusterprofile_provider_file),
    ];
    for (name, path) in paths {
        if let Some(path) = path {
            flag(name, path);
        }
    }
    let lists = [("--hub", &fleet.hub), ("--clusters", &fleet.clusters), ("--exclude", &fleet.exclude)];
    for (name, value) in lists.iter().flat_map(|(name, list)| list.iter().map(|value| (*name, value))) {
        flag(name, value);
    }
    for (name, value) in [("--context", &fleet.context), ("--group", &fleet.group)] {
        if let Some(value) = value {
            flag(name, value);
        }
    }
    words.extend(read_only(fleet));
    router(state, words)
}

/// `--read-only` for the proxy, as the console has it. A setting of the environment or of the configuration reaches the
/// proxy by itself.
fn read_only(fleet: &FleetArgs) -> Option<OsString> {
    fleet.read_only.then(|| OsString::from("--read-only"))
}

/// As [`of_fleet`], for the simulated fleet: writes its kubeconfig and some rules below `state`. Fails if they cannot
/// be written.
pub(super) fn of_demo(state: &Path, kubeconfig: &str, flags: &FleetArgs) -> io::Result<LocalProxyLauncher> {
    let folder = state.join("proxy");
    let (fleet, rules) = (folder.join("demo-kubeconfig"), folder.join("demo-routing.yaml"));
    private::own(&fleet, kubeconfig.as_bytes())?;
    private::own(&rules, DEMO_RULES.as_bytes())?;
    let words = [OsString::from("--kubeconfig"), fleet.into(), "--proxy-config".into(), rules.into()];
    Ok(router(state, words.into_iter().chain(read_only(flags)).collect()))
}

fn router(state: &Path, fleet: Vec<OsString>) -> LocalProxyLauncher {
    let folder = state.join("proxy");
    let mut arguments: Vec<OsString> = vec!["serve".into(), "--state-dir".into(), folder.clone().into()];
    // Another proxy may have the usual port; the console reads the one that was found.
    arguments.extend(["--admin".into(), "127.0.0.1:0".into(), "--attended".into()]);
    arguments.extend(fleet);
    let starter = std::env::current_exe().ok();
    let starter = starter.map(|program| Starter { launcher: Launcher::own(), program, arguments });
    LocalProxyLauncher::new(folder, starter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_serves_the_fleet_of_the_console() {
        let fleet =
            FleetArgs { context: Some("prod".to_owned()), hub: vec!["a".into(), "b".into()], ..FleetArgs::default() };
        let shown = format!("{:?}", of_fleet(Path::new("/state"), &fleet));
        for word in ["/state/proxy", "\"--context\", \"prod\"", "\"--hub\", \"a\", \"--hub\", \"b\""] {
            assert!(shown.contains(word), "{word} in {shown}");
        }
        assert!(!shown.contains("--read-only"), "{shown}");
    }

    #[test]
    fn a_read_only_console_starts_a_read_only_proxy() {
        let flags = FleetArgs { read_only: true, ..FleetArgs::default() };
        let root = tempfile::tempdir().unwrap();
        let routers = [of_fleet(root.path(), &flags), of_demo(root.path(), "kind: Config\n", &flags).unwrap()];
        for router in routers {
            let shown = format!("{router:?}");
            assert!(shown.contains("\"--read-only\""), "{shown}");
        }
    }

    #[test]
    fn the_demo_leaves_its_files_to_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let _router = of_demo(root.path(), "kind: Config\n", &FleetArgs::default()).unwrap();
        }
        let path = root.path().join("proxy/demo-kubeconfig");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
