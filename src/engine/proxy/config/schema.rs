//! The schema as one table: what the reader accepts, what its messages say, the JSON Schema and the reference in
//! `docs/routing.md` all come from it.

use crate::config::tree::{Node, Value};
use crate::config::yaml::{Flaw, unknown};
use serde_json::{Map, json};

/// What may stand at a key.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Text,
    /// A text that is never shown.
    Secret,
    Flag,
    /// A whole number between two, both included.
    Whole(i64, i64),
    /// A number not below this.
    Number(f64),
    /// A length of time: `30s`, `5m`, or whole seconds.
    Span,
    /// One of some words.
    Word(&'static [&'static str]),
    /// One text or several.
    Texts,
    /// Texts by key.
    TextMap,
    Object(&'static [Entry]),
    Objects(&'static [Entry]),
    /// A text or `true`.
    Message,
}

/// One key of an object.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    pub shape: Shape,
    pub about: &'static str,
    /// What holds where it is not given; empty where there is nothing to say.
    pub default: &'static str,
    pub required: bool,
}

const fn key(name: &'static str, shape: Shape, default: &'static str, about: &'static str) -> Entry {
    Entry { name, shape, about, default, required: false }
}

const fn must(name: &'static str, shape: Shape, about: &'static str) -> Entry {
    Entry { name, shape, about, default: "", required: true }
}

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

pub const EXEC: &[Entry] = &[
    must("command", Shape::Text, "The program; one with a `/` is relative to this file"),
    key("args", Shape::Texts, "", "Its arguments"),
    key("env", Shape::TextMap, "", "Variables added to its environment; never shown"),
    key("apiVersion", Shape::Word(EXEC_VERSIONS), "client.authentication.k8s.io/v1", "What it speaks"),
    key("provideClusterInfo", Shape::Flag, "false", "It is told the cluster in `KUBERNETES_EXEC_INFO`"),
];

pub const WINDOW: &[Entry] = &[
    key("days", Shape::Texts, "every day", "`mon`, `sat`, `mon-fri`"),
    must("from", Shape::Text, "`22:00`, UTC"),
    must("to", Shape::Text, "`04:00`, UTC; not after `from` means the next day"),
];

pub const HEALTH: &[Entry] = &[
    key("interval", Shape::Span, "30s", "Between two probes; at least 1s"),
    key("timeout", Shape::Span, "5s", "Of one probe"),
    key("path", Shape::Text, "/readyz", "What is asked"),
    key("failures", POSITIVE, "2", "So many in a row, and it is down"),
];

pub const RETRY: &[Entry] = &[
    key("maxRetries", Shape::Whole(0, 10), "1", "Further attempts"),
    key("backoffFactor", Shape::Number(1.0), "2", "Each wait is so many times the one before"),
    key("maxDelay", Shape::Span, "1s", "The longest wait"),
];

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

pub const CONDITION: &[Entry] = &[
    must("type", Shape::Word(TYPES), "What it looks at"),
    key("operator", Shape::Word(OPERATORS), "equals", "How"),
    key("key", Shape::Text, "", "The label, for `label` and `bodyLabel`"),
    key("value", Shape::Texts, "", "One value, or several for `in`"),
    key("values", Shape::Texts, "", "The same"),
];

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

pub const TARGET_WINDOW: &[Entry] = &[
    must("cluster", Shape::Text, "The target"),
    key("days", Shape::Texts, "every day", "`mon`, `sat`, `mon-fri`"),
    must("from", Shape::Text, "`08:00`, UTC"),
    must("to", Shape::Text, "`20:00`, UTC; not after `from` means the next day"),
];

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

pub const REVIEW: &[Entry] = &[
    key("audiences", Shape::Texts, "the API server's", "What the token must be meant for"),
    key("cache", Shape::Span, "10s", "How long an answer is believed; at most 5m"),
];

pub const LIMITS: &[Entry] = &[
    key("perCaller", POSITIVE, "1500", "Requests of one caller at once; long-running ones count apart"),
    key("inFlight", POSITIVE, "2000", "Short requests at once; further ones are turned away"),
    key("longRunning", POSITIVE, "5000", "Watches, logs and sessions at once"),
    key("connections", POSITIVE, "5000", "Connections of callers at once"),
    key("requestTimeout", Shape::Span, "75s", "The longest a short request may take"),
];

pub const AUDIT: &[Entry] = &[
    key("path", Shape::Text, "", "Where the log goes; `-` is standard output; none keeps none"),
    key("policy", Shape::Text, "", "An `audit.k8s.io/v1` Policy; without one, Metadata for all"),
    key("maxBytes", Shape::Whole(1 << 16, 1 << 40), "104857600", "A file of this size is put aside"),
    key("maxFiles", Shape::Whole(1, 1000), "5", "Files kept"),
    key("blocking", Shape::Flag, "false", "A full queue makes requests wait instead of losing events"),
];

pub const CACHE: &[Entry] =
    &[key("discovery", Shape::Flag, "true", "Discovery and OpenAPI, by cluster, caller, path and Accept")];

pub const MODES: &[&str] = &["swap", "impersonate", "passthrough"];

pub const EXEC_VERSIONS: &[&str] = &["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

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

pub const OPERATORS: &[&str] =
    &["equals", "in", "contains", "regex", "prefix", "not-equals", "not-in", "not-contains", "not-regex", "not-prefix"];

pub const BALANCES: &[&str] =
    &["round-robin", "weighted", "random", "least-loaded", "nearest-region", "cheapest", "most-free", "time-window"];

/// Checks a node against the keys of an object; each thing wrong is one flaw.
pub fn check(node: &Node, entries: &[Entry], file: &str, flaws: &mut Vec<Flaw>) {
    let mut flaw = |line: u64, message: String| flaws.push(Flaw { file: file.to_owned(), line, message });
    let Value::Map(given) = &node.value else {
        flaw(node.line, format!("expected a map, found {}", node.kind()));
        return;
    };
    for entry in entries.iter().filter(|e| e.required && node.get(e.name).is_none()) {
        flaw(node.line, format!("`{}` is missing", entry.name));
    }
    for (key, value) in given {
        if let Some(entry) = entries.iter().find(|e| e.name == key.text) {
            check_value(value, entry, file, flaws);
        } else {
            let known: Vec<&str> = entries.iter().map(|e| e.name).collect();
            flaws.push(Flaw { file: file.to_owned(), line: key.line, message: unknown("key", &key.text, &known) });
        }
    }
}

fn check_value(node: &Node, entry: &Entry, file: &str, flaws: &mut Vec<Flaw>) {
    if node.value == Value::Null {
        return;
    }
    let wrong = match entry.shape {
        Shape::Text | Shape::Secret => wrong_text(node),
        Shape::Flag => node.flag().is_none().then(|| "true or false".to_owned()),
        Shape::Whole(least, most) => {
            let fits = node.whole().is_some_and(|n| (least..=most).contains(&n));
            (!fits).then(|| format!("a whole number from {least} to {most}"))
        }
        Shape::Number(least) => {
            (!node.number().is_some_and(|n| n >= least)).then(|| format!("a number not below {least}"))
        }
        Shape::Span => span(node).is_none().then(|| "a length of time such as 30s or 5m".to_owned()),
        Shape::Word(words) => match node.text() {
            Some(text) if word(text, words).is_some() => None,
            Some(text) => {
                let message = format!("`{}`: {}", entry.name, unknown("value", text, words));
                flaws.push(Flaw { file: file.to_owned(), line: node.line, message });
                return;
            }
            None => Some(format!("one of {}", words.join(", "))),
        },
        Shape::Message => {
            let fits = node.text().is_some_and(|t| !t.trim().is_empty()) || node.flag() == Some(true);
            (!fits).then(|| "a text, or true".to_owned())
        }
        Shape::Texts => match &node.value {
            Value::List(items) => {
                items.iter().find_map(wrong_text).map(|_| "a list of texts (put each in quotes)".to_owned())
            }
            Value::Null | Value::Flag(_) | Value::Whole(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) => {
                wrong_text(node).map(|_| "a text or a list of texts (put it in quotes)".to_owned())
            }
        },
        Shape::TextMap => match &node.value {
            Value::Map(entries) => entries
                .iter()
                .find_map(|(_, n)| wrong_text(n))
                .map(|_| "a map of texts (put numbers in quotes)".to_owned()),
            Value::Null | Value::Flag(_) | Value::Whole(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
                Some("a map of texts".to_owned())
            }
        },
        Shape::Object(entries) => return check(node, entries, file, flaws),
        Shape::Objects(entries) => {
            if let Value::List(items) = &node.value {
                return items.iter().for_each(|item| check(item, entries, file, flaws));
            }
            Some("a list".to_owned())
        }
    };
    if let Some(expected) = wrong {
        let found = match &node.value {
            // A number where a text should be may be a secret.
            Value::Whole(number) if matches!(entry.shape, Shape::Whole(..)) => number.to_string(),
            Value::Whole(_)
            | Value::Null
            | Value::Flag(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_) => node.kind().to_owned(),
        };
        let message = format!("`{}`: expected {expected}, found {found}", entry.name);
        flaws.push(Flaw { file: file.to_owned(), line: node.line, message });
    }
}

/// YAML reads `123` and `yes` as no texts; what they were is lost by then.
fn wrong_text(node: &Node) -> Option<String> {
    match node.value {
        Value::Text(_) => None,
        Value::Flag(_) | Value::Whole(_) | Value::Number(_) => Some("a text (put it in quotes)".to_owned()),
        Value::Null | Value::List(_) | Value::Map(_) => Some("a text".to_owned()),
    }
}

/// A length of time, if the node is one.
pub fn span(node: &Node) -> Option<std::time::Duration> {
    match &node.value {
        Value::Whole(seconds) => u32::try_from(*seconds).ok().map(|s| std::time::Duration::from_secs(u64::from(s))),
        Value::Text(text) => crate::config::file::span(text),
        Value::Null | Value::Flag(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => None,
    }
}

/// The word that is meant: `notEquals` and `not_equals` are `not-equals`.
pub fn word(text: &str, words: &[&'static str]) -> Option<&'static str> {
    let bare = |t: &str| t.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_lowercase();
    let wanted = bare(text);
    words.iter().copied().find(|w| bare(w) == wanted)
}

/// The JSON Schema (draft 2020-12) of a document.
pub fn json_schema() -> serde_json::Value {
    let mut schema = object_schema(DOCUMENT);
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        fields.insert("title".to_owned(), json!("Quarterdeck proxy configuration"));
    }
    schema
}

fn object_schema(entries: &[Entry]) -> serde_json::Value {
    let mut properties = Map::new();
    for entry in entries {
        let mut schema = shape_schema(entry.shape);
        if let Some(fields) = schema.as_object_mut() {
            fields.insert("description".to_owned(), json!(entry.about));
        }
        properties.insert(entry.name.to_owned(), schema);
    }
    let required: Vec<&str> = entries.iter().filter(|e| e.required).map(|e| e.name).collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if let (false, Some(fields)) = (required.is_empty(), schema.as_object_mut()) {
        fields.insert("required".to_owned(), json!(required));
    }
    schema
}

fn shape_schema(shape: Shape) -> serde_json::Value {
    match shape {
        Shape::Text | Shape::Secret => json!({ "type": "string" }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Number(least) => json!({ "type": "number", "minimum": least }),
        Shape::Span => json!({ "type": ["string", "integer"] }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Texts => {
            json!({ "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
        }
        Shape::TextMap => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Shape::Object(entries) => object_schema(entries),
        Shape::Objects(entries) => json!({ "type": "array", "items": object_schema(entries) }),
        Shape::Message => json!({ "oneOf": [{ "type": "string", "minLength": 1 }, { "const": true }] }),
    }
}
