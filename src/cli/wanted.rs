//! The objects that the command line names: kubectl's grammar, parsed before any server is contacted.

use super::ObjectArgs;
use crate::engine::cluster::{ClusterError, Form, Query};
use crate::error::{ErrorKind, UserError};
use crate::model::cluster::ClusterEntry;
use crate::model::kind::{Catalog, Kind};
use crate::model::name::Name;
use crate::model::text::Text;

/// The parsed objects of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Kinds as typed, each with the requested names; no names lists all.
    pub(super) kinds: Vec<(Text, Vec<Name>)>,
    pub(super) namespace: Option<Name>,
    pub(super) all_namespaces: bool,
    pub(super) selector: Text,
}

/// A query, and the index of the object in [`Wanted::named`] that it looks for.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) query: Query,
    pub(super) sought: Option<usize>,
}

impl Wanted {
    /// Parses `pods`, `pods,svc`, `pod a b`, `pod/a svc/b`. Fails for mixtures of these forms and for combinations of
    /// flags that kubectl refuses too, and for invalid names.
    pub(super) fn parse(args: &ObjectArgs) -> Result<Self, UserError> {
        let mut kinds: Vec<(Text, Vec<Name>)> = Vec::new();
        if args.what.iter().any(|word| word.contains('/')) {
            for word in &args.what {
                let (kind, name) = pair(word)?;
                match kinds.iter_mut().find(|(known, _)| known == kind) {
                    Some((_, names)) => names.push(name),
                    None => kinds.push((Text::new(kind), vec![name])),
                }
            }
        } else if let Some((types, names)) = args.what.split_first() {
            let names: Vec<Name> = names.iter().map(|name| named("a name", name)).collect::<Result<_, _>>()?;
            if types.split(',').any(str::is_empty) {
                return Err(usage(format!("`{types}` names an empty TYPE")).hint("write the types as in pods,services"));
            }
            kinds.extend(types.split(',').map(|t| (Text::new(t), names.clone())));
        }
        if kinds.is_empty() {
            return Err(usage("no TYPE was given".to_owned()).hint("name one, as in pods, or pod/api-0"));
        }
        let selector = args.selector.as_deref().map(Text::new).unwrap_or_default();
        let is_named = kinds.iter().any(|(_, names)| !names.is_empty());
        if is_named && args.all_namespaces {
            return Err(usage("an object cannot be asked for by name over all namespaces".to_owned())
                .hint("give its namespace with -n"));
        }
        if is_named && !selector.is_empty() {
            return Err(usage("a name and a selector cannot be given together".to_owned()));
        }
        let namespace = namespace(args.namespace.as_deref())?;
        Ok(Self { kinds, namespace, all_namespaces: args.all_namespaces, selector })
    }

    /// The namespace of the query in a cluster; `None` is all. Fails if the context's own namespace is not a valid
    /// name.
    pub(super) fn namespace_in(&self, entry: &ClusterEntry) -> Result<Option<Name>, ClusterError> {
        if self.all_namespaces {
            return Ok(None);
        }
        self.namespace.clone().map_or_else(|| own_namespace(entry), Ok).map(Some)
    }

    /// The objects that are requested by name, each with its kind as typed.
    pub(super) fn named(&self) -> impl Iterator<Item = (&Text, &Name)> {
        self.kinds.iter().flat_map(|(typed, names)| names.iter().map(move |name| (typed, name)))
    }

    /// Returns the queries for one cluster, with typed names resolved by its own catalog, and the kinds that it does
    /// not serve. Fails if the context's own namespace is not a valid name.
    pub(super) fn questions(
        &self,
        entry: &ClusterEntry,
        catalog: &Catalog,
        fields: &str,
        form: Form,
    ) -> Result<(Vec<Question>, Vec<Text>), ClusterError> {
        let namespace = self.namespace_in(entry)?;
        let mut questions = Vec::new();
        let mut absent = Vec::new();
        let mut before = 0;
        for (typed, names) in &self.kinds {
            let kinds: Vec<&Kind> = match catalog.find(typed) {
                Some(kind) => vec![kind],
                None => catalog.category(typed).filter(|kind| kind.can("list")).collect(),
            };
            if kinds.is_empty() {
                absent.push(typed.clone());
            }
            for kind in kinds {
                let query = |name: Option<&Name>| Query {
                    kind: kind.clone(),
                    namespace: namespace.clone(),
                    name: name.cloned(),
                    selector: self.selector.clone(),
                    fields: Text::new(fields),
                    form,
                };
                if names.is_empty() {
                    questions.push(Question { query: query(None), sought: None });
                }
                let one = |(at, name)| Question { query: query(Some(name)), sought: Some(before + at) };
                questions.extend(names.iter().enumerate().map(one));
            }
            before += names.len();
        }
        Ok((questions, absent))
    }
}

/// Parses the namespace of the command line. As with kubectl, an empty one counts as none: the context's own is used.
/// Fails if it is not a valid name.
pub(super) fn namespace(given: Option<&str>) -> Result<Option<Name>, UserError> {
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(None) };
    let wrong =
        |why| usage(format!("the namespace {why}")).hint("leave -n out for the context's own, or use -A for all");
    Name::new(given).map(Some).map_err(wrong)
}

/// The context's own namespace; `default` if it has none. Fails if it is not a valid name.
pub(super) fn own_namespace(entry: &ClusterEntry) -> Result<Name, ClusterError> {
    if entry.namespace.is_empty() {
        return Ok(Name::DEFAULT);
    }
    Name::new(&entry.namespace).map_err(|why| {
        let text =
            format!("the context's namespace {:?} {why}: correct it in the kubeconfig", entry.namespace.as_str());
        ClusterError::Failed(Text::from(text))
    })
}

/// Parses TYPE/NAME. Fails if a part is missing, or if the name is invalid.
pub(super) fn pair(word: &str) -> Result<(&str, Name), UserError> {
    match word.split_once('/') {
        Some(("", _)) => Err(usage(format!("`{word}` names no TYPE")).hint("write it as TYPE/NAME, as in pod/api-0")),
        Some((kind, name)) => Ok((kind, named(&format!("the name in `{word}`"), name)?)),
        None => {
            Err(usage(format!("there is no need to mix `{word}` with TYPE/NAME: write every argument as TYPE/NAME")))
        }
    }
}

fn named(what: &str, text: &str) -> Result<Name, UserError> {
    Name::new(text)
        .map_err(|why| usage(format!("{what} {why}")).hint("leave the name out to take all objects of the type"))
}

fn usage(text: String) -> UserError {
    UserError::new(ErrorKind::Usage, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(what: &[&str]) -> Result<Wanted, UserError> {
        parse(what, None, None)
    }

    fn parse(what: &[&str], namespace: Option<&str>, selector: Option<&str>) -> Result<Wanted, UserError> {
        Wanted::parse(&ObjectArgs {
            what: what.iter().map(ToString::to_string).collect(),
            namespace: namespace.map(str::to_owned),
            all_namespaces: false,
            selector: selector.map(str::to_owned),
        })
    }

    #[test]
    fn types_and_names_are_read_as_kubectl_reads_them() {
        let kinds = |what: &[&str]| wanted(what).unwrap().kinds;
        let names = |names: &[&str]| names.iter().map(|name| Name::new(name).unwrap()).collect::<Vec<_>>();
        assert_eq!(kinds(&["pods,svc"]).len(), 2);
        assert_eq!(kinds(&["pod", "a", "b"]), [(Text::new("pod"), names(&["a", "b"]))]);
        assert_eq!(kinds(&["pod/a", "svc/b", "pod/c"])[0].1, names(&["a", "c"]));
        assert_eq!(wanted(&["pod/a", "b"]).unwrap_err().exit_code(), 2);
        assert_eq!(wanted(&[","]).unwrap_err().exit_code(), 2);
    }

    /// K2: an empty name is a mistake, never all objects.
    #[test]
    fn an_empty_name_is_a_mistake() {
        for what in [
            &["pod", ""][..],
            &["pod", "a", ""],
            &["pods,svc", ""],
            &["pod/"],
            &["/x"],
            &["/"],
            &["pod/a", "pod/"],
            &["pod/a/b"],
            &[""],
            &["", "x"],
            &["pods,"],
            &[",pods"],
            &["pod", ".."],
            &["pod/.."],
        ] {
            assert_eq!(wanted(what).unwrap_err().exit_code(), 2, "{what:?}");
        }
    }

    /// K2: an empty namespace or selector is as good as none given.
    #[test]
    fn an_empty_namespace_is_the_contexts_own() {
        assert_eq!(parse(&["pods"], Some(""), None).unwrap().namespace, None);
        assert!(!parse(&["pods"], Some(""), None).unwrap().all_namespaces);
        assert!(parse(&["pod", "a"], None, Some("")).is_ok());
        assert_eq!(parse(&["pods"], Some("../x"), None).unwrap_err().exit_code(), 2);
    }
}
