use crate::engine::k8s::endpoint::Endpoint;

/// An endpoint with nothing in it but an address.
pub(crate) fn bare() -> Endpoint {
    Endpoint { timeout_s: 5, ..Endpoint::plain("https://127.0.0.1:6443", "test") }
}
