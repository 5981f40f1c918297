//! Input and output of a plugin: `ExecCredential` of `client.authentication.k8s.io`.

use crate::engine::k8s::endpoint::{Endpoint, ExecPlugin, Secret};
use crate::engine::k8s::tls::Identity;
use crate::model::text::clean;
use crate::model::time::UnixSeconds;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

const GROUP: &str = "client.authentication.k8s.io/";

/// Supported versions.
const VERSIONS: &[&str] = &["v1", "v1beta1"];

/// The cluster in the input of a plugin with `provideClusterInfo`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ClusterInfo {
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_server_name: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    insecure_skip_tls_verify: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_url: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_compression: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<serde_json::Value>,
}

impl ClusterInfo {
    pub(crate) fn new(endpoint: &Endpoint, ca: Option<&[u8]>, exec: &ExecPlugin) -> Self {
        Self {
            server: endpoint.server.clone(),
            tls_server_name: endpoint.tls_server_name.clone(),
            insecure_skip_tls_verify: endpoint.insecure,
            certificate_authority_data: ca.map(|pem| STANDARD.encode(pem)),
            proxy_url: endpoint.proxy_url.clone(),
            disable_compression: endpoint.disable_compression,
            config: exec.cluster_config.as_deref().and_then(|json| serde_json::from_str(json).ok()),
        }
    }
}

/// The value of `KUBERNETES_EXEC_INFO`.
pub(crate) fn exec_info(exec: &ExecPlugin, cluster: Option<&ClusterInfo>, interactive: bool) -> String {
    let mut spec = serde_json::json!({ "interactive": interactive });
    if let (Some(cluster), Some(spec)) = (cluster, spec.as_object_mut()) {
        spec.insert("cluster".to_owned(), serde_json::to_value(cluster).unwrap_or_default());
    }
    serde_json::json!({ "apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec }).to_string()
}

/// Fails if the version of the protocol is not supported.
pub(crate) fn check_version(exec: &ExecPlugin) -> Result<(), String> {
    match exec.api_version.strip_prefix(GROUP) {
        Some(version) if VERSIONS.contains(&version) => Ok(()),
        Some("v1alpha1") => Err(format!(
            "the plugin `{}` is configured for v1alpha1, which no longer exists; write the kubeconfig anew with its provider's tool",
            clean(&exec.command)
        )),
        _ => Err(format!(
            "the plugin `{}` has the unknown apiVersion {:?}; client.authentication.k8s.io/v1 is expected",
            clean(&exec.command),
            clean(&exec.api_version)
        )),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<String>,
}

/// The usable parts of an answer.
pub(crate) struct Answer {
    pub(crate) token: Option<Secret>,
    pub(crate) identity: Option<Identity>,
    pub(crate) expires: Option<UnixSeconds>,
}

/// Parses an answer, JSON or YAML. Fails if it is neither, or has no usable credentials; the error contains nothing of
/// the answer, which may be a secret.
pub(crate) fn parse(printed: &[u8], api_version: &str) -> Result<Answer, String> {
    let text = std::str::from_utf8(printed).map_err(|_| "it printed bytes that are not text".to_owned())?.trim();
    if text.is_empty() {
        return Err("it printed nothing".to_owned());
    }
    let unreadable = || format!("it printed {} bytes that are no ExecCredential", text.len());
    let credential: ExecCredential = match serde_json::from_str(text) {
        Ok(credential) => credential,
        Err(_) => serde_saphyr::from_str(text).map_err(|_| unreadable())?,
    };
    if credential.kind != "ExecCredential" {
        return Err(unreadable());
    }
    if credential.api_version != api_version {
        return Err(format!(
            "it speaks {}, the kubeconfig says {}",
            clean(&credential.api_version),
            clean(api_version)
        ));
    }
    let status = credential.status.ok_or_else(|| "its answer has no status".to_owned())?;
    let identity = match (status.client_certificate_data, status.client_key_data) {
        (Some(certificate), Some(key)) => Some(Identity { certificate: certificate.into_bytes(), key: Secret(key) }),
        (None, None) => None,
        _ => return Err("it gave only one of certificate and key".to_owned()),
    };
    let token = status.token.filter(|token| !token.is_empty()).map(Secret);
    if token.is_none() && identity.is_none() {
        return Err("it gave neither a token nor a certificate".to_owned());
    }
    let expires = match status.expiration_timestamp.as_deref().filter(|t| !t.is_empty()) {
        Some(time) => Some(UnixSeconds::parse(time).ok_or_else(|| "its expirationTimestamp is not a time".to_owned())?),
        None => None,
    };
    Ok(Answer { token, identity, expires })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::k8s::endpoint::Interactive;

    const V1: &str = "client.authentication.k8s.io/v1";

    fn plugin(api_version: &str) -> ExecPlugin {
        ExecPlugin {
            api_version: api_version.into(),
            command: "aws".into(),
            args: Vec::new(),
            env: Vec::new(),
            interactive: Interactive::Never,
            provide_cluster_info: true,
            install_hint: None,
            cluster_config: Some(r#"{"audience":"x"}"#.into()),
        }
    }

    fn check(printed: &str, expect: Result<(Option<&str>, Option<i64>), &str>) {
        let got = parse(printed.as_bytes(), V1);
        let got = got.as_ref().map(|a| (a.token.as_ref().map(|t| t.0.as_str()), a.expires.map(|e| e.0)));
        assert_eq!(got.map_err(String::as_str), expect, "{printed}");
    }

    #[test]
    fn answers_are_json_or_yaml_and_anything_else_is_described_not_shown() {
        let head = r#""apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential""#;
        check(&format!(r#"{{{head},"status":{{"token":"t"}}}}"#), Ok((Some("t"), None)));
        check(
            "apiVersion: client.authentication.k8s.io/v1\nkind: ExecCredential\nstatus:\n  token: t\n  expirationTimestamp: \"2026-01-01T00:00:00Z\"\n",
            Ok((Some("t"), Some(1_767_225_600))),
        );
        check("", Err("it printed nothing"));
        check("hunter2", Err("it printed 7 bytes that are no ExecCredential"));
        check(&format!("{{{head}}}"), Err("its answer has no status"));
        check(&format!(r#"{{{head},"status":{{}}}}"#), Err("it gave neither a token nor a certificate"));
        check(
            &format!(r#"{{{head},"status":{{"clientCertificateData":"x"}}}}"#),
            Err("it gave only one of certificate and key"),
        );
        check(
            r#"{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"token":"t"}}"#,
            Err("it speaks client.authentication.k8s.io/v1beta1, the kubeconfig says client.authentication.k8s.io/v1"),
        );
    }

    #[test]
    fn the_plugin_is_told_of_its_cluster_in_the_words_of_the_protocol() {
        let endpoint = Endpoint {
            server: "https://api:6443".into(),
            tls_server_name: Some("kubernetes".into()),
            ..crate::engine::k8s::client::tests::bare()
        };
        let exec = plugin(V1);
        let text = exec_info(&exec, Some(&ClusterInfo::new(&endpoint, Some(b"PEM"), &exec)), false);
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expect = serde_json::json!({
            "apiVersion": V1, "kind": "ExecCredential",
            "spec": {"interactive": false, "cluster": {
                "server": "https://api:6443", "tls-server-name": "kubernetes",
                "certificate-authority-data": "UEVN", "config": {"audience": "x"}}}
        });
        assert_eq!(told, expect);
    }

    #[test]
    fn an_old_version_says_what_to_do() {
        assert!(check_version(&plugin(V1)).is_ok());
        assert!(check_version(&plugin("client.authentication.k8s.io/v1beta1")).is_ok());
        assert!(
            check_version(&plugin("client.authentication.k8s.io/v1alpha1")).unwrap_err().contains("no longer exists")
        );
        assert!(check_version(&plugin("v1")).is_err());
    }
}
