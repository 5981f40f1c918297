use crate::engine::k8s::endpoint::{Endpoint, User};

/// An endpoint with nothing in it but an address.
pub(crate) fn bare() -> Endpoint {
    Endpoint {
        server: "https://127.0.0.1:6443".into(),
        tls_server_name: None,
        insecure: false,
        ca: None,
        proxy_url: None,
        disable_compression: false,
        user: User::default(),
        timeout_s: 5,
        label: "test".into(),
    }
}
