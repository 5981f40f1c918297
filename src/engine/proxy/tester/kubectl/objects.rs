//! Objects that a command names: by words, or in files.

use super::{Call, Command, escaped};
use crate::config::tree::{Node, Value};
use crate::engine::proxy::request::kinds::{self, BUILT_IN};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A kind as URLs name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) group: Cow<'static, str>,
    pub(super) version: Cow<'static, str>,
    /// Plural name: `deployments`.
    pub(super) plural: Cow<'static, str>,
    pub(super) namespaced: bool,
}

/// Objects of a kind: one, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) resource: Resource,
    /// Name of the object; `None` for all objects.
    pub(super) name: Option<String>,
    /// Namespace that the file names; `None` if it names none.
    pub(super) namespace: Option<String>,
    /// Labels from the file; `None` without a file.
    pub(super) labels: Option<BTreeMap<String, String>>,
}

impl Resource {
    pub(super) fn is(&self, group: &str, plural: &str) -> bool {
        self.group == group && self.plural == plural
    }

    /// Returns the path of the kind's objects, with `tail` behind it.
    pub(super) fn path(&self, namespace: Option<&str>, tail: &[&str]) -> String {
        let mut path = match &*self.group {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        let namespace = namespace.filter(|_| self.namespaced);
        let place = namespace.into_iter().flat_map(|namespace| ["namespaces", namespace]);
        for part in place.chain([&*self.plural]).chain(tail.iter().copied()) {
            path.push('/');
            path.push_str(&escaped(part));
        }
        path
    }
}

/// Returns a built-in kind by group and resource.
pub(super) fn built_in(group: &str, resource: &str) -> Result<Resource, String> {
    kinds::of(group, resource).map(Resource::from).ok_or_else(|| format!("{resource} is no built-in kind"))
}

impl From<&'static kinds::Kind> for Resource {
    fn from(kind: &'static kinds::Kind) -> Self {
        Self {
            group: kind.group.into(),
            version: kind.version.into(),
            plural: kind.resource.into(),
            namespaced: kind.namespaced,
        }
    }
}

impl Call<'_> {
    /// Returns the namespace; `None` for all.
    pub(super) fn namespace(&self) -> Option<&str> {
        if self.arguments.has("all-namespaces") {
            return None;
        }
        Some(self.here())
    }

    /// Returns the namespace for a request that needs exactly one.
    pub(super) fn here(&self) -> &str {
        self.given().unwrap_or(self.surroundings.namespace)
    }

    /// Returns the namespace of the command line; an empty one counts as none, as with kubectl.
    pub(super) fn given(&self) -> Option<&str> {
        self.arguments.get("namespace").filter(|given| !given.is_empty())
    }

    /// Returns the URL of an object or of its kind, with `tail` behind it.
    pub(super) fn path(&self, named: &Named, tail: &[&str]) -> String {
        let own = named.namespace.as_deref().filter(|_| self.given().is_none());
        let namespace = own.or(if named.name.is_some() { Some(self.here()) } else { self.namespace() });
        let tail: Vec<&str> = named.name.as_deref().into_iter().chain(tail.iter().copied()).collect();
        named.resource.path(namespace, &tail)
    }

    /// Returns the objects that the words and files name.
    pub(super) fn objects(&self, command: &mut Command) -> Result<Vec<Named>, String> {
        let mut out = self.files()?;
        out.extend(words(&self.arguments.words, command)?);
        if out.is_empty() {
            return Err(format!("kubectl {} needs a kind: kubectl {} pods", self.verb, self.verb));
        }
        Ok(out)
    }

    /// Returns the objects of all files that `-f` names.
    pub(super) fn files(&self) -> Result<Vec<Named>, String> {
        if self.arguments.get("kustomize").is_some() {
            return Err("-k builds its objects: write them to a file with `kubectl kustomize`, and use -f".to_owned());
        }
        let mut out = Vec::new();
        for file in self.arguments.all("filename") {
            if file == "-" || file.starts_with("http://") || file.starts_with("https://") {
                return Err(format!("-f {file} cannot be read here: give a file"));
            }
            let text = (self.surroundings.file)(file)?;
            for node in Node::parse(&text, file).map_err(|flaw| flaw.to_string())? {
                manifest(&node, file, &mut out)?;
            }
        }
        Ok(out)
    }
}

/// Returns the objects of words: `pods`, `pods,svc`, `pod a b`, `pod/a svc/b`.
pub(super) fn words(words: &[String], command: &mut Command) -> Result<Vec<Named>, String> {
    if words.iter().any(|word| word.contains('/')) {
        let one = |word: &String| {
            let (kind, name) = word
                .split_once('/')
                .filter(|(kind, name)| !kind.is_empty() && !name.is_empty())
                .ok_or_else(|| format!("`{word}` beside TYPE/NAME: write every argument as TYPE/NAME"))?;
            Ok(named(resource(kind, command)?, Some(name)))
        };
        return words.iter().map(one).collect();
    }
    let Some((kinds, names)) = words.split_first() else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for kind in kinds.split(',') {
        for resource in several(kind, command)? {
            if names.is_empty() {
                out.push(named(resource, None));
            } else {
                out.extend(names.iter().map(|name| named(resource.clone(), Some(name))));
            }
        }
    }
    Ok(out)
}

pub(super) fn named(resource: Resource, name: Option<&str>) -> Named {
    Named { resource, name: name.map(str::to_owned), namespace: None, labels: None }
}

/// Returns the kinds of a word: `all` stands for many.
fn several(word: &str, command: &mut Command) -> Result<Vec<Resource>, String> {
    if word == "all" {
        return Ok(BUILT_IN.iter().filter(|kind| kind.in_all).map(Resource::from).collect());
    }
    Ok(vec![resource(word, command)?])
}

/// Returns the kind of a word.
pub(super) fn resource(word: &str, command: &mut Command) -> Result<Resource, String> {
    if let Some(kind) = kinds::typed(word) {
        return Ok(kind.into());
    }
    let Some((name, api)) = word.split_once('.').filter(|(name, api)| !name.is_empty() && !api.is_empty()) else {
        return Err(format!(
            "`{word}` is no built-in kind, and only the server knows its own: write it with its group as \
             {word}.GROUP, or test the request itself, METHOD PATH"
        ));
    };
    let is_version =
        |part: &str| part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let (version, group) = match api.split_once('.') {
        Some((first, rest)) if is_version(first) => (first, rest),
        _ => ("v1", api),
    };
    command.note(format!(
        "{name} of {group} is no built-in kind: taken for one of version {version} with namespaces; only the server knows"
    ));
    Ok(Resource {
        group: group.to_owned().into(),
        version: version.to_owned().into(),
        plural: name.to_owned().into(),
        namespaced: true,
    })
}

/// Adds an object of a file, or all items of a list.
fn manifest(node: &Node, file: &str, out: &mut Vec<Named>) -> Result<(), String> {
    let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default().to_owned();
    let (api, kind) = (text("apiVersion"), text("kind"));
    if kind == "List"
        && let Some(Value::List(items)) = node.get("items").map(|items| &items.value)
    {
        return items.iter().try_for_each(|item| manifest(item, file, out));
    }
    let (group, version) = api.split_once('/').unwrap_or(("", &api));
    let place = format!("{file}:{}", node.line);
    if kind.is_empty() || version.is_empty() {
        return Err(format!("{place}: an object needs apiVersion and kind"));
    }
    let Some(known) = kinds::of_manifest(group, &kind) else {
        return Err(format!(
            "{place}: {kind} of {api} is no built-in kind, and only the server knows its URL: test METHOD PATH"
        ));
    };
    let metadata = node.get("metadata");
    let of_metadata = |key: &str| metadata.and_then(|metadata| metadata.get(key));
    let word = |key: &str| of_metadata(key).and_then(Node::text).map(str::to_owned);
    let labels = of_metadata("labels").map(Node::entries).unwrap_or_default();
    let labels = labels.iter().filter_map(|(key, value)| Some((key.text.clone(), value.text()?.to_owned()))).collect();
    let mut resource = Resource::from(known);
    resource.version = version.to_owned().into();
    out.push(Named { resource, name: word("name"), namespace: word("namespace"), labels: Some(labels) });
    Ok(())
}
