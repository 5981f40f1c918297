//! What a request path names.

/// A parsed request path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    Health,
    Version,
    /// `/api` or `/apis`.
    Groups {
        core: bool,
    },
    Group(&'a str),
    Resources {
        group: &'a str,
        version: &'a str,
    },
    Objects(Objects<'a>),
    /// Questions about the caller's own rights, answered and not stored.
    Review {
        kind: &'a str,
    },
    Unknown,
}

/// A path below a group and version. Empty parts are absent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Objects<'a> {
    pub(super) group: &'a str,
    pub(super) version: &'a str,
    pub(super) namespace: &'a str,
    pub(super) plural: &'a str,
    pub(super) name: &'a str,
    pub(super) subresource: &'a str,
}

impl<'a> Target<'a> {
    pub(super) fn parse(path: &'a str) -> Self {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["readyz" | "livez" | "healthz", ..] => Self::Health,
            ["version"] => Self::Version,
            ["api"] => Self::Groups { core: true },
            ["apis"] => Self::Groups { core: false },
            ["api", version] => Self::Resources { group: "", version },
            ["apis", group] => Self::Group(group),
            ["apis", group, version] => Self::Resources { group, version },
            ["api", version, rest @ ..] => objects("", version, rest),
            ["apis", "authorization.k8s.io" | "authentication.k8s.io", _, kind] => Self::Review { kind },
            ["apis", group, version, rest @ ..] => objects(group, version, rest),
            _ => Self::Unknown,
        }
    }
}

fn objects<'a>(group: &'a str, version: &'a str, rest: &[&'a str]) -> Target<'a> {
    let target = |namespace, plural, name, subresource| {
        Target::Objects(Objects { group, version, namespace, plural, name, subresource })
    };
    match rest {
        // A namespace itself has subresources: `namespaces/x/status` is not a list in `x`.
        ["namespaces", name, sub @ ("status" | "finalize")] => target("", "namespaces", name, sub),
        ["namespaces", namespace, plural] => target(namespace, plural, "", ""),
        ["namespaces", namespace, plural, name] => target(namespace, plural, name, ""),
        ["namespaces", namespace, plural, name, sub] => target(namespace, plural, name, sub),
        [plural] => target("", plural, "", ""),
        [plural, name] => target("", plural, name, ""),
        [plural, name, sub] => target("", plural, name, sub),
        _ => Target::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let objects = |path| {
            let target = Target::parse(path);
            let Target::Objects(found) = target else { return format!("{target:?}") };
            [found.group, found.version, found.namespace, found.plural, found.name, found.subresource].join("|")
        };
        assert_eq!(objects("/api/v1/pods"), "|v1||pods||");
        assert_eq!(objects("/api/v1/namespaces/a"), "|v1||namespaces|a|");
        assert_eq!(objects("/api/v1/namespaces/a/status"), "|v1||namespaces|a|status");
        assert_eq!(objects("/api/v1/namespaces/a/pods/b/log"), "|v1|a|pods|b|log");
        assert_eq!(objects("/apis/apps/v1/namespaces/a/deployments"), "apps|v1|a|deployments||");
        assert_eq!(objects("/readyz/ping"), "Health");
        assert_eq!(objects("/apis/apps"), "Group(\"apps\")");
        assert_eq!(objects("/nothing"), "Unknown");
    }
}
