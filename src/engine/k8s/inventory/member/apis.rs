//! The kinds of member objects that hubs have, as a table, and how each of them but ClusterProfile is read.

use super::{LIST_MAX, Member, Says, Way, bundle, condition, list, maybe_text, profile, seconds, text};
use crate::model::time::UnixSeconds;
use serde_json::Value;

/// A kind of member object.
#[derive(Debug)]
pub struct Api {
    /// API group.
    pub group: &'static str,
    /// Versions by preference: the first that the hub serves is used.
    pub versions: &'static [&'static str],
    /// Resource name in URLs.
    pub plural: &'static str,
    /// Kind, in the form of [`Member::kind`].
    pub kind: &'static str,
    /// Completes a member that has its name and labels with the fields of the object. The time is now, for claims that
    /// go stale.
    pub read: fn(&Value, Member, UnixSeconds) -> Member,
}

/// The kinds of hubs, by precedence: where two say different things of a cluster, the earlier kind wins.
pub const APIS: &[Api] = &[
    Api {
        group: "multicluster.x-k8s.io",
        versions: &["v1beta1", "v1alpha1"],
        plural: "clusterprofiles",
        kind: "ClusterProfile",
        read: profile::read,
    },
    Api {
        group: "cluster.open-cluster-management.io",
        versions: &["v1"],
        plural: "managedclusters",
        kind: "ManagedCluster",
        read: managed_cluster,
    },
    Api {
        group: "cluster.kubernetes-fleet.io",
        versions: &["v1", "v1beta1"],
        plural: "memberclusters",
        kind: "MemberCluster",
        read: member_cluster,
    },
    Api {
        group: "cluster.karmada.io",
        versions: &["v1alpha1"],
        plural: "clusters",
        kind: "Cluster.cluster.karmada.io",
        read: karmada,
    },
    Api {
        group: "cluster.x-k8s.io",
        versions: &["v1beta2", "v1beta1"],
        plural: "clusters",
        kind: "Cluster.cluster.x-k8s.io",
        read: cluster_api,
    },
];

impl Api {
    /// Reads an object of this kind; `None` for an object without a name.
    pub fn member(&self, object: &Value, now: UnixSeconds) -> Option<Member> {
        let labels = object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
        let labels = labels.take(LIST_MAX).filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        let bare = Member {
            kind: self.kind.to_owned(),
            namespace: text(object, "/metadata/namespace"),
            name: maybe_text(object, "/metadata/name")?,
            labels: labels.collect(),
            ..Member::default()
        };
        Some((self.read)(object, bare, now).with_place())
    }
}

/// Reads a ManagedCluster of Open Cluster Management or RHACM.
fn managed_cluster(object: &Value, bare: Member, _: UnixSeconds) -> Member {
    let ways = list(object, "/spec/managedClusterClientConfigs").filter_map(|config| {
        Some(Way { server: maybe_text(config, "/url")?, ca: bundle(config, "/caBundle"), ..Way::default() })
    });
    let claims = list(object, "/status/clusterClaims")
        .filter_map(|claim| Some((maybe_text(claim, "/name")?, maybe_text(claim, "/value")?)));
    let mut labels = bare.labels;
    labels.extend(claims);
    let says = condition(object, "ManagedClusterConditionAvailable")
        .or_else(|| condition(object, "HubAcceptedManagedCluster").filter(|says| says.ready == Some(false)));
    let cluster = bare.name.clone();
    let manager = "open-cluster-management".to_owned();
    Member { manager, cluster, ways: ways.collect(), labels, ..bare }.claiming(says)
}

/// Maximum number of missed heartbeats before the hub's claim is stale.
const HEARTBEATS_MISSED_MAX: i64 = 3;

/// Reads a MemberCluster of KubeFleet or Azure Fleet: ready if it has joined and its last heartbeat is recent.
fn member_cluster(object: &Value, bare: Member, now: UnixSeconds) -> Member {
    let joined = condition(object, "Joined");
    let period = object.pointer("/spec/heartbeatPeriodSeconds").and_then(Value::as_i64).unwrap_or(60).clamp(1, 600);
    let agent = list(object, "/status/agentStatus").find(|a| text(a, "/type") == "MemberAgent");
    let heard = agent.and_then(|a| maybe_text(a, "/lastReceivedHeartbeat")).and_then(|t| seconds(&t));
    let says = match (joined, heard) {
        (Some(Says { ready: Some(true), .. }), Some(at)) if now.0 - at > period * HEARTBEATS_MISSED_MAX => {
            Some(Says { ready: None, reason: "no heartbeat".to_owned(), observed: Some(at) })
        }
        (Some(joined), at) => Some(Says { observed: at.or(joined.observed), ..joined }),
        (None, _) => None,
    };
    bare.claiming(says)
}

/// Reads a Cluster of Karmada: its own API server passes requests on, for push and pull members alike.
fn karmada(object: &Value, bare: Member, _: UnixSeconds) -> Member {
    let server = maybe_text(object, "/spec/apiEndpoint");
    let server = server.map(|s| if s.contains("://") { s } else { format!("https://{s}") });
    let insecure = object.pointer("/spec/insecureSkipTLSVerification").and_then(Value::as_bool).unwrap_or(false);
    let proxy_url = maybe_text(object, "/spec/proxyURL");
    let ways = server.map(|server| Way { server, insecure, proxy_url, ..Way::default() });
    // Only a name that is one segment of a path: nothing else may become part of a URL.
    let is_segment =
        bare.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.') && !bare.name.contains("..");
    let path = format!("/apis/cluster.karmada.io/v1alpha1/clusters/{}/proxy", bare.name);
    Member {
        ways: ways.into_iter().collect(),
        proxy_path: is_segment.then_some(path),
        provider: text(object, "/spec/provider"),
        region: text(object, "/spec/region"),
        ..bare
    }
    .claiming(condition(object, "Ready"))
}

/// Reads a Cluster of Cluster API.
fn cluster_api(object: &Value, bare: Member, _: UnixSeconds) -> Member {
    let host = maybe_text(object, "/spec/controlPlaneEndpoint/host");
    let port = object.pointer("/spec/controlPlaneEndpoint/port").and_then(Value::as_u64).unwrap_or(6443);
    let way = host.map(|host| {
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        Way { server: format!("https://{host}:{port}"), ..Way::default() }
    });
    let says = ["Available", "ControlPlaneAvailable", "Ready"].iter().find_map(|kind| condition(object, kind));
    Member { ways: way.into_iter().collect(), ..bare }.claiming(says)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: UnixSeconds = UnixSeconds(1_000_000);

    fn read(kind: &str, object: &Value) -> Member {
        APIS.iter().find(|api| api.kind == kind).unwrap().member(object, NOW).unwrap()
    }

    #[test]
    fn a_managed_cluster_says_where_it_is() {
        let member = read(
            "ManagedCluster",
            &json!({
                "metadata": {"name": "eu", "labels": {"cloud": "Amazon", "env": "prod"}},
                "spec": {"managedClusterClientConfigs": [{"url": "https://eu:6443", "caBundle": "Q0E="}]},
                "status": {
                    "conditions": [
                        {"type": "HubAcceptedManagedCluster", "status": "True"},
                        {"type": "ManagedClusterConditionAvailable", "status": "False", "reason": "Lost",
                         "lastTransitionTime": "1970-01-02T00:00:00Z"}
                    ],
                    "clusterClaims": [{"name": "region.open-cluster-management.io", "value": "eu-west-1"}]
                }
            }),
        );
        assert_eq!((member.ways[0].server.as_str(), member.ways[0].ca.as_deref()), ("https://eu:6443", Some("Q0E=")));
        assert_eq!((member.provider.as_str(), member.region.as_str()), ("Amazon", "eu-west-1"));
        assert_eq!((member.ready, member.reason.as_str(), member.observed), (Some(false), "Lost", Some(86_400)));
    }

    #[test]
    fn a_fleet_member_without_a_heartbeat_is_unknown_not_ready() {
        let object = |age: i64| {
            json!({
                "metadata": {"name": "eu"},
                "spec": {"heartbeatPeriodSeconds": 15},
                "status": {
                    "conditions": [{"type": "Joined", "status": "True"}],
                    "agentStatus": [{"type": "MemberAgent",
                        "lastReceivedHeartbeat": UnixSeconds(NOW.0 - age).to_string()}]
                }
            })
        };
        assert_eq!(read("MemberCluster", &object(20)).ready, Some(true));
        let stale = read("MemberCluster", &object(100));
        assert_eq!((stale.ready, stale.reason.as_str()), (None, "no heartbeat"));
    }

    #[test]
    fn karmada_members_are_reached_through_their_control_plane() {
        let object = |name: &str| {
            json!({"metadata": {"name": name}, "spec": {"apiEndpoint": "10.0.0.1:6443", "region": "eu"},
                   "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
        };
        let member = read("Cluster.cluster.karmada.io", &object("eu"));
        assert_eq!(member.ways[0].server, "https://10.0.0.1:6443");
        assert_eq!(member.proxy_path.as_deref(), Some("/apis/cluster.karmada.io/v1alpha1/clusters/eu/proxy"));
        for name in ["../../../api/v1/secrets", "a/b", "a?b", "..", "a#b", "a%2fb"] {
            assert_eq!(read("Cluster.cluster.karmada.io", &object(name)).proxy_path, None, "{name}");
        }
    }

    #[test]
    fn cluster_api_is_read_in_both_versions() {
        let object = json!({"metadata": {"name": "eu", "namespace": "ns"},
            "spec": {"controlPlaneEndpoint": {"host": "fd00::1", "port": 6443}},
            "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
        let member = read("Cluster.cluster.x-k8s.io", &object);
        assert_eq!(member.ways[0].server, "https://[fd00::1]:6443");
        assert_eq!(member.ready, None);
    }

    #[test]
    fn nonsense_is_an_empty_member_not_a_panic() {
        for api in APIS {
            for nonsense in [json!(null), json!([]), json!({"metadata": {"name": 3}}), json!({"metadata": null})] {
                assert_eq!(api.member(&nonsense, NOW), None);
            }
            let odd = json!({"metadata": {"name": "x", "labels": [1]}, "spec": [], "status": {"conditions": null,
                "clusterClaims": "x", "agentStatus": [null, 3]}});
            assert_eq!(api.member(&odd, NOW).unwrap().ready, None);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_object_panics(text in "[\\[\\]{}:,\"a-c0-9 ]{0,60}") {
            let value = serde_json::from_str(&text).unwrap_or(Value::Null);
            let object = json!({"metadata": {"name": "x"}, "spec": value.clone(), "status": value});
            for api in APIS {
                drop(api.member(&object, NOW));
            }
        }
    }
}
