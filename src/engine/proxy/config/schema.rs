//! The schema of a routing configuration.

use crate::config::schema::{Entry, Shape, key, must};

const COUNT: Shape = Shape::Whole(0, 1_000_000);
const POSITIVE: Shape = Shape::Whole(1, 1_000_000);

/// A whole document.
pub const DOCUMENT: &[Entry] = &[
    key("apiVersion", Shape::Text, "", "`quarterdeck.dev/v1alpha1`; need not be given"),
    key("kind", Shape::Text, "", "`ProxyConfig`; need not be given"),
    key(
        "home",
        Shape::Text,
        "",
        "The cluster for all that no rule names: discovery, cluster-scoped kinds, other namespaces. Without it, what no rule matches is refused",
    ),
    key("region", Shape::Text, "", "Where the proxy runs"),
    key("nearby", Shape::Texts, "", "Other regions, the nearest first"),
    key(
        "allowLinkLocal",
        Shape::Flag,
        "false",
        "Endpoints and `proxyURL` may be link-local or metadata addresses, or names that lead there; only in a local file",
    ),
    key("clusters", Shape::Objects(CLUSTER), "", "Where requests may go"),
    key("rules", Shape::Objects(RULE), "", "Which of them a request goes to: the first that matches, by priority"),
    key("callers", Shape::Object(CALLERS), "", "Who may call, besides the bearer of the token the proxy makes"),
    key("limits", Shape::Object(LIMITS), "", "How much at once"),
    key("audit", Shape::Object(AUDIT), "", "What is written down"),
    key("cache", Shape::Object(CACHE), "", "What is kept; resources never are"),
];

/// Keys of an entry of `clusters`.
pub const CLUSTER: &[Entry] = &[
    must("name", Shape::Text, "What rules call it: letters, digits, `-`, `_`, `.`"),
    key(
        "cluster",
        Shape::Text,
        "",
        "A cluster of your inventory (`qd clusters`): its endpoint and credentials, instead of those below",
    ),
    key("endpoint", Shape::Text, "", "`https://host:port` of the API server"),
    key("endpoints", Shape::Texts, "", "Several API servers of the same etcd"),
    key(
        "certificateData",
        Shape::Secret,
        "",
        "PEM or base64 of PEM: the CA; the client certificate where a key stands beside it",
    ),
    key("certificateFile", Shape::Text, "", "The same as a file"),
    key("keyData", Shape::Secret, "", "PEM or base64 of PEM: the key of the client certificate"),
    key("keyFile", Shape::Text, "", "The same as a file"),
    key("caData", Shape::Secret, "", "PEM or base64 of PEM: the CA, where `certificateData` is a client certificate"),
    key("caFile", Shape::Text, "", "The same as a file"),
    key("token", Shape::Secret, "", "A bearer token"),
    key("tokenFile", Shape::Text, "", "A file that holds one; read again when it changes"),
    key("exec", Shape::Object(EXEC), "", "A credential plugin, as in a kubeconfig"),
    key("namespace", Shape::Text, "default", "The namespace clients start in where this cluster is home"),
    key("labels", Shape::TextMap, "", "For `targetLabels`"),
    key("weight", COUNT, "1", "For `weighted`; 0 takes no new keys"),
    key("region", Shape::Text, "", "For `nearest-region`"),
    key("cost", Shape::Number(0.0), "0", "What a request costs here, in any one unit; for `cheapest`"),
    key("capacity", COUNT, "0", "Requests it can take at once; for `most-free`"),
    key("maintenance", Shape::Objects(WINDOW), "", "Weekly windows (UTC) in which it takes no new keys"),
    key("mode", Shape::Word(MODES), "swap", "With whose identity requests arrive"),
    key("tlsServerName", Shape::Text, "", "The name its certificate is verified for, where that is not the host"),
    key(
        "insecureSkipTLSVerify",
        Shape::Flag,
        "false",
        "Believe any certificate: whoever sits between reads the credential",
    ),
    key("proxyURL", Shape::Text, "", "`http://`, `https://` or `socks5://` proxy on the way there"),
    key("healthCheck", Shape::Object(HEALTH), "", "Probes of each endpoint"),
    key("retry", Shape::Object(RETRY), "", "What never reached the cluster may be sent again"),
    key("circuitBreaker", Shape::Object(BREAKER), "", "When an endpoint is left alone"),
];

/// Keys of `exec` of a cluster: a credential plugin.
pub const EXEC: &[Entry] = &[
    must("command", Shape::Text, "The program; one with a `/` is relative to this file"),
    key("args", Shape::Texts, "", "Its arguments"),
    key("env", Shape::TextMap, "", "Variables added to its environment; never shown"),
    key("apiVersion", Shape::Word(EXEC_VERSIONS), "client.authentication.k8s.io/v1", "What it speaks"),
    key("provideClusterInfo", Shape::Flag, "false", "It is told the cluster in `KUBERNETES_EXEC_INFO`"),
];

/// Keys of an entry of `maintenance`.
pub const WINDOW: &[Entry] = &[
    key("days", Shape::Texts, "every day", "`mon`, `sat`, `mon-fri`"),
    must("from", Shape::Text, "`22:00`, UTC"),
    must("to", Shape::Text, "`04:00`, UTC; not after `from` means the next day"),
];

/// Keys of `healthCheck`.
pub const HEALTH: &[Entry] = &[
    key("interval", Shape::Span, "30s", "Between two probes; at least 1s"),
    key("timeout", Shape::Span, "5s", "Of one probe"),
    key("path", Shape::Text, "/readyz", "What is asked"),
    key("failures", POSITIVE, "2", "So many in a row, and it is down"),
];

/// Keys of `retry`.
pub const RETRY: &[Entry] = &[
    key("maxRetries", Shape::Whole(0, 10), "1", "Further attempts"),
    key("backoffFactor", Shape::Number(1.0), "2", "Each wait is so many times the one before"),
    key("maxDelay", Shape::Span, "1s", "The longest wait"),
];

/// Keys of `circuitBreaker`.
pub const BREAKER: &[Entry] = &[
    key(
        "failureThreshold",
        POSITIVE,
        "5",
        "Requests in a row without an answer that open it; an answer of 502, 503 or 504 asks for a probe instead",
    ),
    key("recoveryTimeout", Shape::Span, "10s", "How long it stays open before a probe"),
    key("halfOpenRequests", POSITIVE, "1", "Requests let through to try"),
];

/// Keys of an entry of `rules`.
pub const RULE: &[Entry] = &[
    must("name", Shape::Text, "Unique; it names the rule in metrics, logs and the audit"),
    key(
        "priority",
        Shape::Whole(-1_000_000, 1_000_000),
        "0",
        "The highest is tried first; equal ones in the order of the files",
    ),
    key("conditions", Shape::Objects(CONDITION), "", "All must hold; none at all always holds"),
    must("actions", Shape::Object(ACTIONS), "What happens then"),
    key(
        "stateless",
        Shape::Flag,
        "false",
        "The targets are replicas of each other: choose for each request; for reads only",
    ),
    key("failover", Shape::Flag, "false", "Another target may take over before any byte was accepted"),
    key("allowImpersonation", Shape::Flag, "false", "`Impersonate-*` of the caller (`kubectl --as`) goes on"),
];

/// Keys of an entry of `conditions`.
pub const CONDITION: &[Entry] = &[
    must("type", Shape::Word(TYPES), "What it looks at"),
    key("operator", Shape::Word(OPERATORS), "equals", "How"),
    key("key", Shape::Text, "", "The label, for `label` and `bodyLabel`"),
    key("value", Shape::Texts, "", "One value, or several for `in`"),
    key("values", Shape::Texts, "", "The same"),
];

/// Keys of `actions`.
pub const ACTIONS: &[Entry] = &[
    key("targetCluster", Shape::Text, "", "One cluster"),
    key("targetClusters", Shape::Texts, "", "Several, of which one is chosen for each user, namespace and kind"),
    key("targetLabels", Shape::TextMap, "", "The clusters with all these labels, in the order of the files"),
    key("loadBalancing", Shape::Word(BALANCES), "round-robin", "How one of several is chosen"),
    key(
        "windows",
        Shape::Objects(TARGET_WINDOW),
        "",
        "For `time-window`: when a target counts; one without a window always does",
    ),
    key("deny", Shape::Message, "", "Refuse, and say why"),
    key("mirror", Shape::Text, "", "Send reads to this cluster too; its answers are dropped and compared"),
];

/// Keys of an entry of `windows`.
pub const TARGET_WINDOW: &[Entry] = &[
    must("cluster", Shape::Text, "The target"),
    key("days", Shape::Texts, "every day", "`mon`, `sat`, `mon-fri`"),
    must("from", Shape::Text, "`08:00`, UTC"),
    must("to", Shape::Text, "`20:00`, UTC; not after `from` means the next day"),
];

/// Keys of `callers`.
pub const CALLERS: &[Entry] = &[
    key(
        "clientCAData",
        Shape::Secret,
        "",
        "PEM or base64 of PEM: client certificates of this CA are callers (CN the user, O the groups)",
    ),
    key("clientCAFile", Shape::Text, "", "The same as a file"),
    key("tokenReview", Shape::Object(REVIEW), "", "ServiceAccount tokens are callers, reviewed by the home cluster"),
    key("uids", Shape::TextMap, "", "User names by uid, for callers on a Unix socket"),
    key("groups", Shape::Texts, "", "Groups of the token's bearer and of socket callers"),
    key(
        "allowedOrigins",
        Shape::Texts,
        "the proxy's own",
        "Origins of web pages that may call: `https://console.example.com`; `*` is any",
    ),
];

/// Keys of `tokenReview`.
pub const REVIEW: &[Entry] = &[
    key("audiences", Shape::Texts, "the API server's", "What the token must be meant for"),
    key("cache", Shape::Span, "10s", "How long an answer is believed; at most 5m"),
];

/// Keys of `limits`.
pub const LIMITS: &[Entry] = &[
    key("perCaller", POSITIVE, "1500", "Requests of one caller at once; long-running ones count apart"),
    key("inFlight", POSITIVE, "2000", "Short requests at once; further ones are turned away"),
    key("longRunning", POSITIVE, "5000", "Watches, logs and sessions at once"),
    key("connections", POSITIVE, "5000", "Connections of callers at once"),
    key("requestTimeout", Shape::Span, "75s", "The longest a short request may take"),
];

/// Keys of `audit`.
pub const AUDIT: &[Entry] = &[
    key("path", Shape::Text, "", "Where the log goes; `-` is standard output; none keeps none"),
    key("policy", Shape::Text, "", "An `audit.k8s.io/v1` Policy; without one, Metadata for all"),
    key("maxBytes", Shape::Whole(1 << 16, 1 << 40), "104857600", "A file of this size is put aside"),
    key("maxFiles", Shape::Whole(1, 1000), "5", "Files kept"),
    key("blocking", Shape::Flag, "false", "A full queue makes requests wait instead of losing events"),
];

/// Keys of `cache`.
pub const CACHE: &[Entry] =
    &[key("discovery", Shape::Flag, "true", "Discovery and OpenAPI, by cluster, caller, path and Accept")];

/// Words of `mode`.
pub const MODES: &[&str] = &["swap", "impersonate", "passthrough"];

/// Words of `apiVersion` of a credential plugin.
pub const EXEC_VERSIONS: &[&str] = &["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// Words of `type` of a condition.
pub const TYPES: &[&str] = &[
    "namespace",
    "resource",
    "apiGroup",
    "subresource",
    "verb",
    "class",
    "name",
    "user",
    "userGroup",
    "label",
    "bodyLabel",
    "region",
];

/// Words of `operator` of a condition.
pub const OPERATORS: &[&str] =
    &["equals", "in", "contains", "regex", "prefix", "not-equals", "not-in", "not-contains", "not-regex", "not-prefix"];

/// Words of `loadBalancing`.
pub const BALANCES: &[&str] =
    &["round-robin", "weighted", "random", "least-loaded", "nearest-region", "cheapest", "most-free", "time-window"];

/// The title of the JSON Schema.
pub const TITLE: &str = "Quarterdeck proxy configuration";
