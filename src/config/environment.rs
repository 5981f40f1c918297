//! The process's environment, read once. No other module reads it: each takes its values from here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Name of our folders.
const FOLDER: &str = "quarterdeck";

/// Values the program takes from its surroundings. [`Environment::read`] fills it; tests make their own.
#[derive(Clone, Default)]
pub struct Environment {
    /// Home folder of the user.
    pub home: Option<PathBuf>,
    /// `USER`, else `LOGNAME`.
    pub user: Option<String>,
    /// `KUBECONFIG`: a list of files, separated as in `PATH`.
    pub kubeconfig: Option<OsString>,
    /// `QD_CONFIG`.
    pub config_file: Option<PathBuf>,
    /// `QD_HUB`: contexts, separated by commas.
    pub hub: Option<String>,
    /// `QD_THEME`.
    pub theme: Option<String>,
    /// `QD_READ_ONLY`: true if set to anything but `0`, `false` or the empty text.
    pub read_only: bool,
    /// `NO_COLOR`: true if set and not empty.
    pub no_color: bool,
    /// `TERM`.
    pub term: Option<String>,
    /// `COLORTERM`.
    pub colorterm: Option<String>,
    /// True if `TMUX` is set: clipboard sequences must then be wrapped for tmux.
    pub in_tmux: bool,
    /// `HTTPS_PROXY`, else `https_proxy`.
    pub https_proxy: Option<String>,
    /// `HTTP_PROXY`, else `http_proxy`.
    pub http_proxy: Option<String>,
    /// `ALL_PROXY`, else `all_proxy`.
    pub all_proxy: Option<String>,
    /// `NO_PROXY`, else `no_proxy`.
    pub no_proxy: Option<String>,
    /// `KUBERNETES_SERVICE_HOST`: set inside a pod.
    pub service_host: Option<String>,
    /// `KUBERNETES_SERVICE_PORT`: set inside a pod.
    pub service_port: Option<String>,
    /// Folder with the credentials of a pod.
    pub service_account: PathBuf,
    /// Base of relative paths on the command line.
    pub working_folder: PathBuf,
    /// Our folder for settings and themes.
    pub config_folder: Option<PathBuf>,
    /// Our folder for the log, the journal and the history.
    pub state_folder: Option<PathBuf>,
    /// Our folder for data that can be rebuilt.
    pub cache_folder: Option<PathBuf>,
}

impl Environment {
    /// Reads the process's environment.
    pub fn read() -> Self {
        let text = |name: &str| {
            let value = std::env::var_os(name)?.to_string_lossy().into_owned();
            (!value.is_empty()).then_some(value)
        };
        // As Go reads them: capitals first.
        let proxy = |name: &str| text(&name.to_uppercase()).or_else(|| text(name));
        Self {
            home: dirs::home_dir(),
            user: text("USER").or_else(|| text("LOGNAME")),
            kubeconfig: std::env::var_os("KUBECONFIG").filter(|v| !v.is_empty()),
            config_file: std::env::var_os("QD_CONFIG").filter(|v| !v.is_empty()).map(PathBuf::from),
            hub: text("QD_HUB"),
            theme: text("QD_THEME"),
            read_only: text("QD_READ_ONLY").is_some_and(|v| v != "0" && v != "false"),
            no_color: text("NO_COLOR").is_some(),
            term: text("TERM"),
            colorterm: text("COLORTERM"),
            in_tmux: text("TMUX").is_some(),
            https_proxy: proxy("https_proxy"),
            http_proxy: proxy("http_proxy"),
            all_proxy: proxy("all_proxy"),
            no_proxy: proxy("no_proxy"),
            service_host: text("KUBERNETES_SERVICE_HOST"),
            service_port: text("KUBERNETES_SERVICE_PORT"),
            service_account: PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount"),
            working_folder: std::env::current_dir().unwrap_or_default(),
            config_folder: dirs::config_dir().map(|d| d.join(FOLDER)),
            state_folder: dirs::state_dir().or_else(dirs::data_local_dir).map(|d| d.join(FOLDER)),
            cache_folder: dirs::cache_dir().map(|d| d.join(FOLDER)),
        }
    }

    /// Returns an environment with every folder under `root`: for tests and for the demo.
    pub fn under(root: &Path) -> Self {
        Self {
            home: Some(root.to_path_buf()),
            service_account: root.join("serviceaccount"),
            working_folder: root.to_path_buf(),
            config_folder: Some(root.join(".config").join(FOLDER)),
            state_folder: Some(root.join(".local/state").join(FOLDER)),
            cache_folder: Some(root.join(".cache").join(FOLDER)),
            ..Self::default()
        }
    }

    /// Returns the path that a user wrote: `~/` is the home folder, a relative path is under `base`.
    pub fn resolve(&self, path: &str, base: &Path) -> PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => base.join(path),
        }
    }

    /// Returns a path as the user would write it, with `~/` for the home folder.
    pub fn shorten(&self, path: &Path) -> String {
        match self.home.as_deref().and_then(|home| path.strip_prefix(home).ok()) {
            Some(rest) => format!("~/{}", rest.display()),
            None => path.display().to_string(),
        }
    }

    /// Returns the path of a file in `~/.kube`; `None` if there is no home folder.
    pub fn kube_file(&self, name: &str) -> Option<PathBuf> {
        self.home.as_deref().map(|home| home.join(".kube").join(name))
    }
}

// Proxy addresses may hold a password, so the values stay out of a log.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("home", &self.home)
            .field("kubeconfig", &self.kubeconfig)
            .field("config_file", &self.config_file)
            .field("working_folder", &self.working_folder)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_and_written_as_the_user_does() {
        let env = Environment::under(Path::new("/home/ann"));
        assert_eq!(env.resolve("~/.kube/config", Path::new("/etc")), Path::new("/home/ann/.kube/config"));
        assert_eq!(env.resolve("ca.crt", Path::new("/etc")), Path::new("/etc/ca.crt"));
        assert_eq!(env.resolve("/x", Path::new("/etc")), Path::new("/x"));
        assert_eq!(env.shorten(Path::new("/home/ann/.kube/a")), "~/.kube/a");
        assert_eq!(env.shorten(Path::new("/etc/a")), "/etc/a");
    }

    #[test]
    fn a_proxy_password_is_not_shown() {
        let env = Environment { https_proxy: Some("http://u:hush@p:1".to_owned()), ..Environment::default() };
        assert!(!format!("{env:?}").contains("hush"));
    }
}
