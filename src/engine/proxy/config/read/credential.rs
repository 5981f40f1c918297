//! Who we are at a cluster: from what stands beside it, or from a Secret.

use super::{At, Piece, Reader};
use crate::config::tree::Node;
use crate::engine::k8s::endpoint::{ExecPlugin, Interactive, Material, Secret, User};
use crate::engine::proxy::config::schema::EXEC_VERSIONS;
use base64::Engine as _;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Suffixes of the keys of a Secret (`NAME-token` and so on), with the part each holds.
pub(super) const SUFFIXES: &[(&str, Part)] =
    &[("-token", Part::Token), ("-cert", Part::Certificate), ("-key", Part::Key), ("-ca", Part::Ca)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Token,
    Certificate,
    Key,
    Ca,
}

/// A key of a Secret.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) text: Secret,
    pub(super) origin: String,
    /// File that is read again when it changes; `None` if the key came over the network.
    pub(super) path: Option<PathBuf>,
    pub(super) used: bool,
}

/// The keys of all Secrets.
#[derive(Debug, Default)]
pub(super) struct Credentials(BTreeMap<String, Given>);

impl Credentials {
    /// Adds a key. If it exists already, returns the name of the document that has it.
    pub(super) fn add(&mut self, key: &str, given: Given) -> Option<String> {
        if let Some(other) = self.0.get(key) {
            return Some(other.origin.clone());
        }
        self.0.insert(key.to_owned(), given);
        None
    }

    fn take(&mut self, cluster: &str, part: Part) -> Option<Given> {
        let (suffix, _) = SUFFIXES.iter().find(|(_, p)| *p == part)?;
        let given = self.0.get_mut(&format!("{cluster}{suffix}"))?;
        given.used = true;
        Some(given.clone())
    }

    /// Returns the keys that no cluster used, with their documents.
    pub(super) fn unused(&self) -> Vec<(String, String)> {
        self.0.iter().filter(|(_, given)| !given.used).map(|(key, given)| (key.clone(), given.origin.clone())).collect()
    }
}

/// Trust and credentials of one cluster.
#[derive(Debug, Default)]
pub(super) struct Identity {
    pub(super) ca: Option<Material>,
    pub(super) user: User,
}

/// The name of a part in messages, and the form of its text.
#[derive(Clone, Copy)]
struct Wanted {
    part: Part,
    /// Keys of the part inline and as a file.
    inline: &'static str,
    file: &'static str,
    /// Label that its PEM must have; empty for a token.
    pem: &'static str,
}

const TOKEN: Wanted = Wanted { part: Part::Token, inline: "token", file: "tokenFile", pem: "" };
const CERTIFICATE: Wanted =
    Wanted { part: Part::Certificate, inline: "certificateData", file: "certificateFile", pem: "CERTIFICATE" };
const KEY: Wanted = Wanted { part: Part::Key, inline: "keyData", file: "keyFile", pem: "PRIVATE KEY" };
const CA: Wanted = Wanted { part: Part::Ca, inline: "caData", file: "caFile", pem: "CERTIFICATE" };

/// The keys that have no effect beside `cluster:`.
pub(super) const KEYS: &[&str] =
    &["certificateData", "certificateFile", "keyData", "keyFile", "caData", "caFile", "token", "tokenFile", "exec"];

impl Reader<'_> {
    /// The identity of a cluster: `certificateData` is the CA unless a key stands beside it.
    pub(super) fn identity(&mut self, piece: &Piece, node: &Node, name: &str) -> Identity {
        let token = self.part(piece, node, name, TOKEN);
        let certificate = self.part(piece, node, name, CERTIFICATE);
        let key = self.part(piece, node, name, KEY);
        let ca = self.part(piece, node, name, CA);
        let exec = node.get("exec").and_then(|exec| self.exec(piece, exec));
        let at = piece.at(node);
        if exec.is_some() && token.is_some() {
            self.flaw(&at, format!("cluster `{name}` has a token and `exec`: give one of them"));
        }
        let (client_certificate, ca) = match (&key, certificate, ca) {
            (Some(_), Some(certificate), ca) => (Some(certificate), ca),
            (Some(_), None, ca) => {
                self.flaw(&at, format!("cluster `{name}` has a client key and no certificate: add `certificateData`"));
                (None, ca)
            }
            (None, Some(certificate), None) => (None, Some(certificate)),
            (None, Some(_), Some(ca)) => {
                let message = format!("cluster `{name}` has a CA and a certificate without a key: add `keyData`");
                self.flaw(&at, message);
                (None, Some(ca))
            }
            (None, None, ca) => (None, ca),
        };
        let user = User { token, client_certificate, client_key: key, exec, ..User::default() };
        Identity { ca, user }
    }

    fn part(&mut self, piece: &Piece, node: &Node, name: &str, wanted: Wanted) -> Option<Material> {
        let given = self.credentials.take(name, wanted.part);
        let (inline, file) = (node.get(wanted.inline), node.get(wanted.file));
        let value = format!("clusters.{name}.{}", wanted.inline);
        if let Some(given) = given {
            let at = At { file: given.origin.clone(), line: 0 };
            if let Some(twice) = inline.or(file) {
                let text = format!("the Secret's key ({}) counts instead of what stands here", given.origin);
                self.finding("credential-twice", &piece.at(twice), None, &text);
            }
            self.origin(value, &at);
            // A file is read again and again by the upstream: a token that is renewed there needs no reload.
            let unpacked = unpack(&given.text.0, wanted.pem);
            return match (unpacked, given.path) {
                (Ok((_, false)), Some(path)) => Some(Material::File(path)),
                (Ok((text, _)), _) => Some(Material::Inline(Secret(text))),
                (Err(why), _) => {
                    self.flaw(&at, format!("the {} of cluster `{name}` {why}", wanted.inline));
                    None
                }
            };
        }
        match (inline, file) {
            (Some(inline), Some(_)) => {
                let message = format!("`{}` and `{}` both: give one of them", wanted.inline, wanted.file);
                self.flaw(&piece.at(inline), message);
                None
            }
            (Some(inline), None) => {
                let at = piece.at(inline);
                self.origin(value, &at);
                match unpack(inline.text().unwrap_or_default(), wanted.pem) {
                    Ok((text, _)) => Some(Material::Inline(Secret(text))),
                    Err(why) => {
                        self.flaw(&at, format!("`{}` {why}", wanted.inline));
                        None
                    }
                }
            }
            (None, Some(file)) => {
                self.origin(value, &piece.at(file));
                self.path(piece, file, wanted.file).map(Material::File)
            }
            (None, None) => None,
        }
    }

    /// Returns a path of this machine, if the document may name files.
    pub(super) fn path(&mut self, piece: &Piece, node: &Node, key: &str) -> Option<PathBuf> {
        let text = node.text().unwrap_or_default();
        let Some(folder) = &piece.folder else {
            let message = format!("`{key}` names a file of the proxy's machine: only a local file may do that");
            self.flaw(&piece.at(node), message);
            return None;
        };
        if text.is_empty() || text.contains('\0') {
            self.flaw(&piece.at(node), format!("`{key}` is no path"));
            return None;
        }
        Some(self.context.environment.resolve(text, folder))
    }

    fn exec(&mut self, piece: &Piece, node: &Node) -> Option<ExecPlugin> {
        let Some(folder) = &piece.folder else {
            self.flaw(&piece.at(node), "`exec` runs a program on the proxy's machine: only a local file may do that");
            return None;
        };
        let command = node.get("command").and_then(Node::text).unwrap_or_default();
        if command.is_empty() {
            self.flaw(&piece.at(node), "`command` is empty");
            return None;
        }
        // As in a kubeconfig: with a separator it is a path, without one it is looked up in PATH.
        let is_path = command.contains(std::path::MAIN_SEPARATOR);
        let path = || self.context.environment.resolve(command, folder).display().to_string();
        let command = if is_path { path() } else { command.to_owned() };
        let environment = node.get("env").map(Node::entries).unwrap_or_default().iter();
        let version = node.get("apiVersion").and_then(Node::text).or(EXEC_VERSIONS.first().copied());
        Some(ExecPlugin {
            api_version: version.unwrap_or_default().to_owned(),
            command,
            args: texts(node.get("args")),
            env: environment
                .filter_map(|(key, value)| Some((key.text.clone(), Secret(value.text()?.to_owned()))))
                .collect(),
            interactive: Interactive::Never,
            provide_cluster_info: node.get("provideClusterInfo").and_then(Node::flag).unwrap_or(false),
            install_hint: None,
            cluster_config: None,
        })
    }

    /// Reads the PEM of a CA for callers: inline or from a file.
    pub(super) fn pem(
        &mut self,
        piece: &Piece,
        node: &Node,
        (inline, file): (&'static str, &'static str),
    ) -> Option<Material> {
        match (node.get(inline), node.get(file)) {
            (Some(here), Some(_)) => {
                self.flaw(&piece.at(here), format!("`{inline}` and `{file}` both: give one of them"));
                None
            }
            (Some(here), None) => match unpack(here.text().unwrap_or_default(), "CERTIFICATE") {
                Ok((text, _)) => Some(Material::Inline(Secret(text))),
                Err(why) => {
                    self.flaw(&piece.at(here), format!("`{inline}` {why}"));
                    None
                }
            },
            (None, Some(there)) => self.path(piece, there, file).map(Material::File),
            (None, None) => None,
        }
    }
}

/// Returns a single text or a list of texts as a list.
pub(super) fn texts(node: Option<&Node>) -> Vec<String> {
    let Some(node) = node else { return Vec::new() };
    node.text()
        .map(str::to_owned)
        .into_iter()
        .chain(node.items().iter().filter_map(|n| n.text().map(str::to_owned)))
        .collect()
}

/// Returns the text of a token, or PEM, which may be encoded as base64; true if it was.
fn unpack(text: &str, pem: &str) -> Result<(String, bool), String> {
    let trimmed = text.trim();
    if pem.is_empty() {
        return match trimmed {
            "" => Err("is empty".to_owned()),
            token if token.bytes().all(|b| b.is_ascii_graphic()) => Ok((token.to_owned(), false)),
            _ => Err("holds characters that no token has".to_owned()),
        };
    }
    let is_pem = |text: &str| text.contains("-----BEGIN ") && text.contains(pem);
    if is_pem(trimmed) {
        return Ok((format!("{trimmed}\n"), false));
    }
    let packed: String = trimmed.split_ascii_whitespace().collect();
    let decoded = base64::engine::general_purpose::STANDARD.decode(packed).ok().and_then(|b| String::from_utf8(b).ok());
    match decoded {
        Some(text) if is_pem(&text) => Ok((text, true)),
        Some(_) | None => Err(format!("holds no {} in PEM, nor base64 of one", pem.to_lowercase())),
    }
}
