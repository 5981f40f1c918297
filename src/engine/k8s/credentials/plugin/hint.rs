//! From the output of a failed plugin to the next step for the user.

use super::run::Failure;
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::endpoint::ExecPlugin;
use crate::engine::k8s::errors::seconds;
use crate::model::text::{Text, clean, without_escapes};
use regex::Regex;
use std::io;
use std::sync::LazyLock;

/// The longest error output that is shown, in characters.
const COMPLAINT_CHARS_MAX: usize = 200;

/// Login commands that tools name in their errors, with the option for the account, if there is one.
const LOGINS: &[(&str, Option<(&str, &str)>)] = &[
    ("aws sso login", Some(("--profile", "AWS_PROFILE"))),
    ("aws login", Some(("--profile", "AWS_PROFILE"))),
    ("aws configure", None),
    ("gcloud auth application-default login", None),
    ("gcloud auth login", None),
    ("az login", None),
    ("tsh login", None),
    ("tsh kube login", None),
    ("oc login", None),
    ("doctl auth init", None),
    ("ibmcloud login", None),
    ("kubelogin remove-tokens", None),
    ("oci session authenticate", None),
    ("vault login", None),
];

/// Errors that call for a login without naming it: (command, words, what to run).
const MEANINGS: &[(&str, &str, &str)] = &[
    ("aws", "sso session", "aws sso login"),
    ("aws", "sso token", "aws sso login"),
    ("aws", "token has expired", "aws sso login"),
    ("aws", "unable to locate credentials", "aws configure"),
    ("gke-gcloud-auth-plugin", "reauthentication", "gcloud auth login"),
    ("kubelogin", "aadsts", "az login"),
];

/// The error for a failed run, with advice.
pub(crate) fn of(exec: &ExecPlugin, failure: &Failure) -> ClusterError {
    let name = clean(&exec.command);
    let text = match failure {
        Failure::NotStarted(io::ErrorKind::NotFound) => match &exec.install_hint {
            Some(hint) if !hint.trim().is_empty() => format!("`{name}` is not installed: {}", line(hint)),
            _ => format!("`{name}` is not installed, or not in PATH; install it"),
        },
        Failure::NotStarted(io::ErrorKind::PermissionDenied) => format!("`{name}` may not be run; is it executable?"),
        Failure::NotStarted(io::ErrorKind::ArgumentListTooLong) => format!(
            "`{name}` cannot be told of the cluster: its CA bundle is larger than an environment may be; unset provideClusterInfo or shorten certificate-authority-data"
        ),
        Failure::NotStarted(kind) => format!("`{name}` cannot be started: {kind}"),
        Failure::TooSlow(limit, said) => {
            advise(exec, said, &format!("`{name}` did not answer within {}", seconds(*limit)))
        }
        Failure::Ended(status, said) => advise(exec, said, &format!("`{name}` failed ({status})")),
        Failure::TooMuch => format!("`{name}` printed more than any credential"),
        Failure::Lost(kind) => format!("`{name}` was lost: {kind}"),
    };
    ClusterError::AuthNeeded(Text::from(text))
}

/// Advises a command to run if the output calls for one, else quotes the output.
fn advise(exec: &ExecPlugin, said: &str, what: &str) -> String {
    let complaint = last_words(said);
    let reason = if complaint.is_empty() { what.to_owned() } else { format!("{what}: {complaint}") };
    match login(exec, said) {
        Some(command) => format!("run `{command}` ({reason})"),
        None => reason,
    }
}

fn login(exec: &ExecPlugin, said: &str) -> Option<String> {
    let said = said.to_lowercase();
    let tool = exec.command.rsplit('/').next().unwrap_or_default();
    let named = LOGINS.iter().map(|(command, _)| *command).find(|command| said.contains(command));
    let meant = || MEANINGS.iter().find(|(of, words, _)| *of == tool && said.contains(words)).map(|(.., run)| *run);
    let command = named.or_else(meant)?;
    let option = LOGINS.iter().find(|(c, _)| *c == command).and_then(|(_, option)| *option);
    let who = option.and_then(|(flag, variable)| {
        let value = flag_value(&exec.args, flag)
            .or_else(|| exec.env.iter().find(|(name, _)| name == variable).map(|(_, value)| value.0.as_str()))?;
        plain(value).then(|| format!(" {flag} {value}"))
    });
    Some(format!("{command}{}", who.unwrap_or_default()))
}

fn flag_value<'a>(args: &'a [String], flag: &str) -> Option<&'a str> {
    let at = args.iter().position(|arg| arg == flag || arg.strip_prefix(flag).is_some_and(|r| r.starts_with('=')))?;
    match args.get(at)?.split_once('=') {
        Some((_, value)) => Some(value),
        None => args.get(at + 1).map(String::as_str),
    }
}

/// Returns true if a value can stand in a command that the user copies into a shell.
fn plain(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@:/+".contains(c))
}

/// The last line of the output that has a text, cleaned and without secrets.
fn last_words(said: &str) -> String {
    said.lines().rev().map(line).find(|line| line.chars().any(char::is_alphanumeric)).unwrap_or_default()
}

/// One line for the screen.
fn line(text: &str) -> String {
    let safe = redact(&clean(without_escapes(text).trim()));
    match safe.char_indices().nth(COMPLAINT_CHARS_MAX) {
        Some((at, _)) => format!("{}…", safe.get(..at).unwrap_or_default()),
        None => safe,
    }
}

/// Masks everything that looks like a secret: tokens, long keys, the value of `password=`, a login in an address.
fn redact(text: &str) -> String {
    static SECRETS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(concat!(
            r"(?i)eyJ[\w-]+\.[\w-]*\.?[\w-]*",
            r"|k8s-aws-v1\.[\w=-]+",
            r"|\b(bearer|basic)\s+[\w.~+/=-]+",
            r"|\b(password|passwd|secret|token|api[_-]?key|authorization|client[_-]?secret|code)\s*[=:]\s*((bearer|basic)\s+)?\S+",
            r"|://[^/\s@]+@",
            r"|\b[A-Za-z0-9+/_-]{40,}={0,2}",
        ))
        .ok()
    });
    match &*SECRETS {
        Some(secrets) => secrets.replace_all(text, "[…]").into_owned(),
        // Without the rule nothing may pass.
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::k8s::endpoint::{Interactive, Secret};
    use std::time::Duration;

    fn plugin(command: &str, args: &[&str], env: &[(&str, &str)]) -> ExecPlugin {
        ExecPlugin {
            api_version: "client.authentication.k8s.io/v1".into(),
            command: command.into(),
            args: args.iter().map(|a| (*a).into()).collect(),
            env: env.iter().map(|(k, v)| ((*k).into(), Secret((*v).into()))).collect(),
            interactive: Interactive::Never,
            provide_cluster_info: false,
            install_hint: None,
            cluster_config: None,
        }
    }

    fn ended(exec: &ExecPlugin, said: &str) -> String {
        of(exec, &Failure::Ended("exit status: 255".into(), said.into())).to_string()
    }

    #[test]
    fn a_named_or_meant_login_becomes_a_command_for_the_right_profile() {
        let sso = "\nError when retrieving token from sso: Token has expired and refresh failed\n";
        assert_eq!(
            ended(&plugin("aws", &["eks", "get-token", "--profile", "prod"], &[]), sso),
            "run `aws sso login --profile prod` (`aws` failed (exit status: 255): Error when retrieving token from sso: Token has expired and refresh failed)"
        );
        let exec = plugin("/usr/local/bin/aws", &[], &[("AWS_PROFILE", "lab")]);
        assert!(
            ended(&exec, "To refresh this SSO session run aws sso login")
                .starts_with("run `aws sso login --profile lab`")
        );
        let hostile = plugin("aws", &["--profile=x; rm -rf ~"], &[]);
        assert!(ended(&hostile, sso).starts_with("run `aws sso login` ("));
        let gke = plugin("gke-gcloud-auth-plugin", &[], &[]);
        assert!(
            ended(&gke, "please run:\n  $ gcloud auth login\nto obtain new credentials")
                .starts_with("run `gcloud auth login`")
        );
        assert_eq!(ended(&plugin("x", &[], &[]), ""), "`x` failed (exit status: 255)");
    }

    #[test]
    fn a_complaint_reaches_the_screen_without_secrets_or_escapes() {
        for secret in [
            "token=abc123",
            "Authorization: Bearer abc123",
            "eyJhbGciOi.eyJpc3MiOi.abc123",
            "https://me:abc123@host/x",
            "abc123abc123abc123abc123abc123abc123abc123abc123",
            "k8s-aws-v1.abc123",
        ] {
            let text = ended(&plugin("x", &[], &[]), &format!("it failed with \u{1b}[31m{secret}\u{1b}[0m\u{7} sorry"));
            assert!(
                !text.contains("abc123") && !text.contains('\u{1b}') && text.ends_with("sorry"),
                "{secret}: {text}"
            );
            assert!(!text.contains("[31m"), "{text}");
        }
    }

    #[test]
    fn each_way_not_to_start_is_explained() {
        let mut exec = plugin("aws", &[], &[]);
        let say = |exec: &ExecPlugin, kind| of(exec, &Failure::NotStarted(kind)).to_string();
        assert_eq!(say(&exec, io::ErrorKind::NotFound), "`aws` is not installed, or not in PATH; install it");
        exec.install_hint = Some("see https://aws.amazon.com/cli\nfor more".into());
        assert_eq!(
            say(&exec, io::ErrorKind::NotFound),
            "`aws` is not installed: see https://aws.amazon.com/cli for more"
        );
        assert!(say(&exec, io::ErrorKind::ArgumentListTooLong).contains("CA bundle"));
        let slow = of(&exec, &Failure::TooSlow(Duration::from_secs(30), "Password: ".into())).to_string();
        assert_eq!(slow, "`aws` did not answer within 30s: Password:");
    }
}
