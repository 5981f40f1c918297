//! Where the programs of a control plane are: built by `tests/control-plane/build.sh`, kept in a cache folder.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::Outcome;

/// The exit codes of `build.sh` that are not failures.
const MISSING_GO: i32 = 3;
const NOT_BUILT_YET: i32 = 4;

/// The folder with the programs, and the one that wins for those it holds.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    built: PathBuf,
    assets: Option<PathBuf>,
}

impl Programs {
    /// Builds them unless they are there, which takes some minutes the first time, once for the whole process.
    pub(crate) fn find() -> Outcome<Self> {
        static FOUND: OnceLock<Result<Programs, String>> = OnceLock::new();
        Ok(FOUND.get_or_init(Self::build).clone()?)
    }

    /// Why no control plane can run here, or `None` if it can. Builds nothing.
    pub(crate) fn missing() -> Option<String> {
        let checked = script().arg("--check").stderr(Stdio::null()).stdout(Stdio::null()).status();
        match checked.map(|status| status.code()) {
            Ok(Some(0 | NOT_BUILT_YET)) => None,
            Ok(Some(MISSING_GO)) => Some("'go' is not on the PATH; it builds the control planes".to_owned()),
            other => Some(format!("tests/control-plane/build.sh --check: {other:?}")),
        }
    }

    /// The path of a program by its usual name. `KUBEBUILDER_ASSETS` wins where it has the program.
    pub(crate) fn path(&self, program: &str) -> PathBuf {
        let asset = self.assets.as_ref().map(|folder| folder.join(program)).filter(|path| path.is_file());
        asset.unwrap_or_else(|| self.built.join(program))
    }

    fn build() -> Result<Self, String> {
        let output = script()
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cannot run tests/control-plane/build.sh: {error}"))?;
        if !output.status.success() {
            return Err(format!("tests/control-plane/build.sh: {}", output.status));
        }
        let folder = String::from_utf8_lossy(&output.stdout);
        Ok(Self { built: PathBuf::from(folder.trim()), assets: env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from) })
    }
}

fn script() -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control-plane/build.sh"));
    command.stdin(Stdio::null());
    command
}
