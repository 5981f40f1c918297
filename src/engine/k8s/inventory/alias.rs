//! Short names of clusters, unique over the whole inventory.

use crate::model::text::{clean, fit};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The longest name shown, in columns; a longer one is cut in the middle.
const NAME_COLUMNS_MAX: usize = 80;

/// Maximum number of numbered names that are tried; more equal names than this are a fault of one source.
const NUMBERS_MAX: usize = 100_000;

/// Candidates for the name of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Names by preference; later names are more specific.
    pub names: Vec<String>,
    /// The context's own name. If several clusters want it, the cluster whose context has it wins.
    pub literal: String,
}

/// Candidates for the name of a context, the shortest first.
pub fn of_context(context: &str, file: &str) -> Vec<String> {
    let short = shorten(context);
    let base = short.first().cloned().unwrap_or_else(|| context.to_owned());
    let mut names = short;
    names.push(context.to_owned());
    let path = Path::new(file);
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).map(|s| s.to_string_lossy().into_owned());
    names.push(format!("{base}@{stem}"));
    names.push(format!("{context}@{stem}"));
    if let Some(folder) = folder {
        names.push(format!("{context}@{folder}/{stem}"));
    }
    names.push(format!("{context}@{file}"));
    names.dedup();
    names
}

/// The short forms of a context name that a tool generated, the shortest first; empty for a name that a person chose.
fn shorten(context: &str) -> Vec<String> {
    // arn:aws:eks:REGION:ACCOUNT:cluster/NAME
    let arn: Vec<&str> = context.splitn(6, ':').collect();
    if let ["arn", _, "eks", region, account, resource] = arn.as_slice()
        && let Some(name) = resource.strip_prefix("cluster/").filter(|n| !n.is_empty())
    {
        return vec![name.to_owned(), format!("{name}.{region}"), format!("{name}.{region}.{account}")];
    }
    // gke_PROJECT_LOCATION_NAME, connectgateway_PROJECT_LOCATION_NAME
    let gke: Vec<&str> = context.splitn(4, '_').collect();
    if let ["gke" | "connectgateway", project, location, name] = gke.as_slice()
        && !name.is_empty()
    {
        return vec![(*name).to_owned(), format!("{name}.{location}"), format!("{name}.{location}.{project}")];
    }
    // OpenShift: NAMESPACE/HOST:PORT/USER, where dots of the host are dashes
    let openshift: Vec<&str> = context.split('/').collect();
    if let [_, server, _] = openshift.as_slice()
        && let Some((host, port)) = server.rsplit_once(':')
        && port.chars().all(|c| c.is_ascii_digit())
        && !host.is_empty()
    {
        let host = host.strip_prefix("api-").filter(|h| !h.is_empty()).unwrap_or(host);
        return vec![host.to_owned()];
    }
    // USER@CLUSTER, of kubeadm and others; eksctl's cluster is NAME.REGION.eksctl.io
    if let Some((user, cluster)) = context.rsplit_once('@')
        && !user.is_empty()
        && !cluster.is_empty()
    {
        if let Some((name, region)) = cluster.strip_suffix(".eksctl.io").and_then(|c| c.split_once('.')) {
            return vec![name.to_owned(), format!("{name}.{region}")];
        }
        return vec![cluster.to_owned()];
    }
    Vec::new()
}

/// Makes a name that can be typed: without whitespace, commas and control characters, and not too long.
pub fn tidy(name: &str) -> String {
    let clean = clean(name);
    let joined: String = clean.trim().chars().map(|c| if c.is_whitespace() || c == ',' { '-' } else { c }).collect();
    let name = fit(&joined, NAME_COLUMNS_MAX).into_owned();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

/// Gives each cluster a unique name, in the order of `wishes`. If several want the same name, the cluster whose literal
/// name it is keeps it and the others take a more specific one; names that are still equal are numbered.
pub fn assign(wishes: &[Wishes]) -> Vec<String> {
    let ladders: Vec<Vec<String>> = wishes
        .iter()
        .map(|w| {
            let mut names: Vec<String> = w.names.iter().map(|n| tidy(n)).collect();
            names.dedup();
            if names.is_empty() { vec![tidy("")] } else { names }
        })
        .collect();
    let literals: Vec<String> = wishes.iter().map(|w| tidy(&w.literal)).collect();
    let mut steps = vec![0_usize; ladders.len()];
    let wish = |steps: &[usize], i: usize| -> String {
        let step = steps.get(i).copied().unwrap_or(0);
        ladders.get(i).and_then(|l| l.get(step.min(l.len().saturating_sub(1)))).cloned().unwrap_or_default()
    };
    // Each round moves at least one cluster down its ladder, so this ends after as many rounds as there are names.
    loop {
        let mut claims: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for i in 0..ladders.len() {
            claims.entry(wish(&steps, i)).or_default().push(i);
        }
        let mut moved = false;
        for (name, claimants) in claims.iter().filter(|(_, c)| c.len() > 1) {
            let mut owners = claimants.iter().filter(|i| literals.get(**i) == Some(name));
            let owner = owners.next().filter(|_| owners.next().is_none());
            for i in claimants.iter().filter(|i| owner != Some(i)) {
                let last = ladders.get(*i).map_or(0, |l| l.len().saturating_sub(1));
                if let Some(step) = steps.get_mut(*i).filter(|s| **s < last) {
                    *step += 1;
                    moved = true;
                }
            }
        }
        if !moved {
            break;
        }
    }
    number((0..ladders.len()).map(|i| wish(&steps, i)).collect())
}

/// Numbers names that are still equal: the first keeps its name.
fn number(names: Vec<String>) -> Vec<String> {
    let mut used: BTreeSet<String> = BTreeSet::new();
    let wanted: BTreeSet<String> = names.iter().cloned().collect();
    names
        .into_iter()
        .map(|name| {
            if used.insert(name.clone()) {
                return name;
            }
            let numbered = (2..NUMBERS_MAX).map(|n| format!("{name}-{n}"));
            let free = numbered.into_iter().find(|n| !used.contains(n) && !wanted.contains(n)).unwrap_or(name);
            used.insert(free.clone());
            free
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(contexts: &[(&str, &str)]) -> Vec<String> {
        let wishes: Vec<Wishes> = contexts
            .iter()
            .map(|(context, file)| Wishes { names: of_context(context, file), literal: (*context).to_owned() })
            .collect();
        assign(&wishes)
    }

    const ONE: &str = "/home/ann/.kube/config";

    #[test]
    fn names_that_tools_make_up_become_short() {
        for (context, short) in [
            ("arn:aws:eks:eu-west-1:123456789012:cluster/payments", "payments"),
            ("arn:aws-us-gov:eks:us-gov-west-1:1:cluster/gov", "gov"),
            ("gke_acme-prod_europe-west1_web", "web"),
            ("gke_acme-prod_europe-west1-b_with_underscore", "with_underscore"),
            ("connectgateway_acme_global_edge", "edge"),
            ("kubernetes-admin@lab", "lab"),
            ("ann@payments.eu-west-1.eksctl.io", "payments"),
            ("default/api-ocp-example-com:6443/kube:admin", "ocp-example-com"),
            ("prod-eu", "prod-eu"),
            ("kind-dev", "kind-dev"),
            ("arn:aws:eks:eu-west-1:1:cluster/", "arn:aws:eks:eu-west-1:1:cluster/"),
            ("@x", "@x"),
        ] {
            assert_eq!(names(&[(context, ONE)]), [short], "{context}");
        }
    }

    #[test]
    fn equal_short_names_say_as_much_as_tells_them_apart() {
        assert_eq!(
            names(&[
                ("arn:aws:eks:eu-west-1:1:cluster/prod", ONE),
                ("arn:aws:eks:us-east-1:1:cluster/prod", ONE),
                ("arn:aws:eks:us-east-1:2:cluster/prod", ONE),
            ]),
            ["prod.eu-west-1", "prod.us-east-1.1", "prod.us-east-1.2"]
        );
        assert_eq!(names(&[("ann@prod", ONE), ("bob@prod", ONE)]), ["ann@prod", "bob@prod"]);
    }

    #[test]
    fn the_same_context_in_two_files_is_told_apart_by_file() {
        let context = "kubernetes-admin@kubernetes";
        assert_eq!(names(&[(context, "/k/eu.yaml"), (context, "/k/us.yaml")]), ["kubernetes@eu", "kubernetes@us"]);
        assert_eq!(
            names(&[(context, "/k/eu/config"), (context, "/k/us/config")]),
            ["kubernetes-admin@kubernetes@eu/config", "kubernetes-admin@kubernetes@us/config"]
        );
    }

    #[test]
    fn who_has_a_name_literally_keeps_it() {
        assert_eq!(names(&[("ann@prod", ONE), ("prod", ONE)]), ["ann@prod", "prod"]);
    }

    #[test]
    fn a_name_can_be_typed_and_shown() {
        assert_eq!(tidy(" a b,c\u{1b}[31m\u{202e} "), "a-b-c[31m");
        assert_eq!(tidy(""), "unnamed");
        assert!(tidy(&"x".repeat(300)).chars().count() <= NAME_COLUMNS_MAX);
        assert_eq!(number(vec!["a".into(), "a".into(), "a-2".into()]), ["a", "a-3", "a-2"]);
    }

    proptest::proptest! {
        #[test]
        fn names_are_unique_and_no_fewer_than_the_clusters(
            contexts in proptest::collection::vec(("(arn:aws:eks:[ab]:[12]:cluster/|gke_[ab]_[cd]_|[uv]@)?[xyz]{1,2}", "/[fg]/[hi]"), 0..12)
        ) {
            let wishes: Vec<Wishes> = contexts.iter()
                .map(|(c, f)| Wishes { names: of_context(c, f), literal: c.clone() }).collect();
            let names = assign(&wishes);
            assert_eq!(names.len(), wishes.len());
            let unique: BTreeSet<&String> = names.iter().collect();
            assert_eq!(unique.len(), names.len());
        }

        #[test]
        fn names_do_not_depend_on_the_order_of_distinct_contexts(
            contexts in proptest::collection::btree_set("(arn:aws:eks:[ab]:[12]:cluster/|gke_[ab]_[cd]_|[uv]@)?[xyz]{1,2}", 0..8)
        ) {
            let wishes: Vec<Wishes> = contexts.iter()
                .map(|c| Wishes { names: of_context(c, ONE), literal: c.clone() }).collect();
            let mut reversed = wishes.clone();
            reversed.reverse();
            let mut names = assign(&reversed);
            names.reverse();
            assert_eq!(assign(&wishes), names);
        }
    }
}
