//! Two complete control planes that tests share: starting one takes longer than most tests.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{ControlPlane, Options, Outcome};

/// The clusters `east` and `west`, running until this process ends. A test that stops one, or asks what has changed in
/// all of it, starts its own; others take a namespace each, see [`ControlPlane::new_namespace`].
pub(crate) fn shared() -> Outcome<&'static [ControlPlane; 2]> {
    static PLANES: OnceLock<Result<[ControlPlane; 2], String>> = OnceLock::new();
    let planes = PLANES.get_or_init(|| {
        let start = |name| ControlPlane::start(Options::complete(name)).map_err(|error| error.to_string());
        Ok([start("east")?, start("west")?])
    });
    Ok(planes.as_ref().map_err(Clone::clone)?)
}

impl ControlPlane {
    /// Makes a namespace that nobody else uses, ready for pods, and returns its name, which begins with `prefix`.
    pub(crate) fn new_namespace(&self, prefix: &str) -> Outcome<String> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let namespace = format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.kubectl(&["create", "namespace", &namespace])?;
        if self.options.controllers {
            self.wait_for_service_account(&namespace)?;
        }
        Ok(namespace)
    }
}
