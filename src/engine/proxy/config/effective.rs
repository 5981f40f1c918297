//! What is in force, written as a document again, secrets masked: for `qd route config`, `/config` and the hash.

use super::words::{balance_word, condition_words, masked, window_words};
use super::{Action, Balance, Condition, Mode, ProxyConfig, Rule, UpstreamCluster, Window};
use crate::config::origins;
use crate::engine::k8s::endpoint::{Endpoint, Material};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

/// Returns a short hash of everything except secrets: two configurations that differ only in a token have the same
/// hash.
pub fn hash(config: &ProxyConfig) -> String {
    let mut hasher = DefaultHasher::new();
    document(config).to_string().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Returns the effective configuration in its own schema.
pub fn document(config: &ProxyConfig) -> Value {
    let name = |place: usize| config.clusters.get(place).map(|c| c.name.to_string());
    let limits = &config.limits;
    let audit = &config.audit;
    let mut out = json!({
        "clusters": config.clusters.iter().map(cluster).collect::<Vec<_>>(),
        "rules": config.rules.iter().map(|r| rule(r, config)).collect::<Vec<_>>(),
        "limits": {
            "perCaller": limits.per_caller,
            "inFlight": limits.in_flight,
            "longRunning": limits.long_running,
            "connections": limits.connections,
            "requestTimeout": span(limits.request_timeout),
        },
        "audit": { "maxBytes": audit.max_bytes, "maxFiles": audit.max_files, "blocking": audit.blocking },
        "cache": { "discovery": config.cache_discovery },
    });
    put(&mut out, "home", config.home.and_then(name));
    put(&mut out, "region", filled(&config.region));
    put(&mut out, "nearby", (!config.nearby.is_empty()).then(|| config.nearby.clone()));
    if let Some(inner) = out.get_mut("audit") {
        put(inner, "path", audit.path.as_ref().map(|p| p.display().to_string()));
        put(inner, "policy", audit.policy.as_ref().map(|p| p.display().to_string()));
    }
    put(&mut out, "callers", callers(config));
    out
}

fn callers(config: &ProxyConfig) -> Option<Value> {
    let callers = &config.callers;
    let mut out = json!({});
    put_material(&mut out, ("clientCAData", "clientCAFile"), callers.client_ca.as_ref());
    put(
        &mut out,
        "tokenReview",
        callers.token_review.as_ref().map(|review| {
            let mut out = json!({ "cache": span(review.cache) });
            put(&mut out, "audiences", (!review.audiences.is_empty()).then(|| review.audiences.clone()));
            out
        }),
    );
    let uids: BTreeMap<String, &String> = callers.uids.iter().map(|(uid, user)| (uid.to_string(), user)).collect();
    put(&mut out, "uids", (!uids.is_empty()).then_some(uids));
    put(&mut out, "groups", (!callers.groups.is_empty()).then(|| callers.groups.clone()));
    put(&mut out, "allowedOrigins", (!callers.allowed_origins.is_empty()).then(|| callers.allowed_origins.clone()));
    out.as_object().is_some_and(|fields| !fields.is_empty()).then_some(out)
}

fn cluster(cluster: &UpstreamCluster) -> Value {
    let mut out = json!({
        "name": &*cluster.name,
        "endpoints": cluster.endpoints.iter().map(|e| e.server.clone()).collect::<Vec<_>>(),
        "namespace": cluster.namespace,
        "weight": cluster.weight,
        "cost": cluster.cost,
        "capacity": cluster.capacity,
        "mode": match cluster.mode {
            Mode::Swap => "swap",
            Mode::Impersonate => "impersonate",
            Mode::Passthrough => "passthrough",
        },
        "healthCheck": {
            "interval": span(cluster.health.interval),
            "timeout": span(cluster.health.timeout),
            "path": cluster.health.path,
            "failures": cluster.health.failures,
        },
        "retry": {
            "maxRetries": cluster.retry.max_retries,
            "backoffFactor": cluster.retry.backoff_factor,
            "maxDelay": span(cluster.retry.max_delay),
        },
        "circuitBreaker": {
            "failureThreshold": cluster.breaker.failure_threshold,
            "recoveryTimeout": span(cluster.breaker.recovery_timeout),
            "halfOpenRequests": cluster.breaker.half_open_requests,
        },
    });
    if let Some(endpoint) = cluster.endpoints.first() {
        identity(&mut out, endpoint);
    }
    put(&mut out, "region", filled(&cluster.region));
    put(&mut out, "labels", (!cluster.labels.is_empty()).then(|| cluster.labels.clone()));
    let windows: Vec<Value> = cluster.maintenance.iter().map(|w| window(w, None)).collect();
    put(&mut out, "maintenance", (!windows.is_empty()).then_some(windows));
    out
}

fn identity(out: &mut Value, endpoint: &Endpoint) {
    let user = &endpoint.user;
    // As they are read: the certificate beside a key is the client's.
    if user.client_key.is_some() {
        put_material(out, ("certificateData", "certificateFile"), user.client_certificate.as_ref());
        put_material(out, ("keyData", "keyFile"), user.client_key.as_ref());
        put_material(out, ("caData", "caFile"), endpoint.ca.as_ref());
    } else {
        put_material(out, ("certificateData", "certificateFile"), endpoint.ca.as_ref());
    }
    put_material(out, ("token", "tokenFile"), user.token.as_ref());
    put(
        out,
        "exec",
        user.exec.as_ref().map(|exec| {
            let environment: BTreeMap<&String, &str> = exec.env.iter().map(|(key, _)| (key, "[redacted]")).collect();
            json!({ "apiVersion": exec.api_version, "command": exec.command, "args": exec.args, "env": environment,
                "provideClusterInfo": exec.provide_cluster_info })
        }),
    );
    put(out, "tlsServerName", endpoint.tls_server_name.clone());
    put(out, "insecureSkipTLSVerify", endpoint.insecure.then_some(true));
    // A proxy's URL may hold a password.
    put(
        out,
        "proxyURL",
        endpoint.proxy_url.as_deref().map(|url| match url.split_once('@') {
            Some((_, host)) => format!("[redacted]@{host}"),
            None => url.to_owned(),
        }),
    );
}

fn rule(rule: &Rule, config: &ProxyConfig) -> Value {
    let name = |place: usize| config.clusters.get(place).map(|c| c.name.to_string());
    let mut actions = match &rule.action {
        Action::Deny { message } => json!({ "deny": message }),
        Action::Route { targets, balance } => {
            let names: Vec<String> = targets.iter().filter_map(|t| name(*t)).collect();
            match names.as_slice() {
                [one] => json!({ "targetCluster": one }),
                _ => json!({ "targetClusters": names, "loadBalancing": balance_word(balance) }),
            }
        }
    };
    if let Action::Route { balance: Balance::TimeWindow(all), .. } = &rule.action {
        let windows = all.iter().flat_map(|(target, windows)| windows.iter().map(|w| window(w, name(*target))));
        put(&mut actions, "windows", Some(windows.collect::<Vec<_>>()));
        put(&mut actions, "loadBalancing", Some("time-window"));
    }
    put(&mut actions, "mirror", rule.mirror.and_then(name));
    let mut out = json!({ "name": &*rule.name, "priority": rule.priority, "actions": actions });
    let conditions: Vec<Value> = rule.conditions.iter().map(condition).collect();
    put(&mut out, "conditions", (!conditions.is_empty()).then_some(conditions));
    let flags =
        [("stateless", rule.stateless), ("failover", rule.failover), ("allowImpersonation", rule.allow_impersonation)];
    for (key, flag) in flags {
        put(&mut out, key, flag.then_some(true));
    }
    out
}

fn condition(condition: &Condition) -> Value {
    let (field, operator) = condition_words(condition);
    match condition.values.as_slice() {
        [one] => json!({ "type": field, "operator": operator, "value": one }),
        several => json!({ "type": field, "operator": operator, "values": several }),
    }
}

fn window(window: &Window, cluster: Option<String>) -> Value {
    let (days, from, to) = window_words(window);
    let mut out = json!({ "days": days, "from": from, "to": to });
    put(&mut out, "cluster", cluster);
    out
}

fn span(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}

fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn put(out: &mut Value, key: &str, value: Option<impl serde::Serialize>) {
    let value = value.and_then(|value| serde_json::to_value(value).ok());
    if let (Some(fields), Some(value)) = (out.as_object_mut(), value) {
        fields.insert(key.to_owned(), value);
    }
}

fn put_material(out: &mut Value, (inline, file): (&str, &str), material: Option<&Material>) {
    let key = if matches!(material, Some(Material::File(_))) { file } else { inline };
    put(out, key, masked(material));
}

/// Returns the effective configuration as YAML, each value with its origin behind it.
pub fn yaml(config: &ProxyConfig, origins: &BTreeMap<String, String>) -> String {
    origins::yaml(&document(config), origins, "rules")
}
