//! kubectl of the same version as the servers, as `admin`.

use std::env;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

use super::{ControlPlane, Outcome};

/// What a command printed, and its exit code.
#[derive(Clone, Debug)]
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl ControlPlane {
    /// A kubectl command to add arguments to: `admin`, this cluster, nothing of the user's own settings.
    pub(crate) fn kubectl_command(&self) -> Command {
        let mut command = Command::new(self.programs.path("kubectl"));
        command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.folder)
            .env("KUBECONFIG", self.kubeconfig_path("admin"))
            .stdin(Stdio::null());
        command
    }

    /// Runs kubectl and returns whatever came of it.
    pub(crate) fn try_kubectl<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Outcome<Printed> {
        let output = self.kubectl_command().args(arguments).output()?;
        Ok(Printed {
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
            code: output.status.code(),
        })
    }

    /// Runs kubectl, which must succeed, and returns what it printed on stdout.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Outcome<String> {
        let printed = self.try_kubectl(arguments)?;
        match printed.code {
            Some(0) => Ok(printed.stdout),
            code => Err(format!("kubectl {}: exit code {code:?}\n{}", arguments.join(" "), printed.stderr).into()),
        }
    }
}
