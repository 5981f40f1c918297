//! A request and what conditions see of it, in words.

use crate::engine::proxy::config::{Condition, Field, lines};
use crate::engine::proxy::request::{Class, RequestInfo, kinds};
use crate::engine::proxy::rules::Asked;
use crate::model::proxy::Checked;
use crate::model::text::{Text, clean};

/// Returns the server's reading of a request: `list pods in production`.
pub(super) fn read(info: &RequestInfo<'_>) -> String {
    if !info.is_resource {
        return format!("{} {}, which is no resource", info.verb, info.path);
    }
    let verb = if info.verb.is_empty() { "nothing" } else { &*info.verb };
    let name = if info.name.is_empty() { String::new() } else { format!(" {}", info.name) };
    let scoped = kinds::of(&info.api_group, &info.resource).is_some_and(|kind| !kind.namespaced);
    let place = match (&*info.namespace, &*info.verb) {
        // The object itself has its name there.
        (_, _) if info.resource == "namespaces" => String::new(),
        ("", "list" | "watch" | "deletecollection") if !scoped => " in all namespaces".to_owned(),
        ("", _) => String::new(),
        (namespace, _) => format!(" in {namespace}"),
    };
    let selected = match (&*info.label_selector, &*info.field_selector) {
        ("", "") => String::new(),
        (labels, "") => format!(" where {labels}"),
        ("", fields) => format!(" where {fields}"),
        (labels, fields) => format!(" where {labels},{fields}"),
    };
    let class = if info.class() == Class::Connect { " (class connect)" } else { "" };
    format!("{verb} {}{name}{place}{selected}{class}", resource(info))
}

/// Returns the resource as text: `pods`, `deployments.apps/scale`.
fn resource(info: &RequestInfo<'_>) -> String {
    let group = if info.api_group.is_empty() { String::new() } else { format!(".{}", info.api_group) };
    let subresource = if info.subresource.is_empty() { String::new() } else { format!("/{}", info.subresource) };
    format!("{}{group}{subresource}", info.resource)
}

/// Returns a condition, and the value it reads.
pub(super) fn checked(condition: &Condition, asked: &Asked<'_>) -> Checked {
    let text = |text: &str| Text::from(clean(text));
    Checked { condition: text(&lines::condition(condition)), value: text(&value(condition.field, asked)) }
}

fn value(field: Field, asked: &Asked<'_>) -> String {
    let info = asked.info;
    let is_of_caller = matches!(field, Field::User | Field::CallerGroup | Field::Region);
    if !info.is_resource && !is_of_caller {
        // Such a request has none of all this.
        return String::new();
    }
    match field {
        Field::Namespace => info.namespace.to_string(),
        Field::Resource => resource(info),
        Field::Group => info.api_group.to_string(),
        Field::Subresource => info.subresource.to_string(),
        Field::Verb => info.verb.to_string(),
        Field::Class => info.class().as_str().to_owned(),
        Field::Name => info.name.to_string(),
        Field::User => asked.caller.user.to_string(),
        Field::CallerGroup => asked.caller.groups.join(", "),
        Field::Label { body: false } => info.label_selector.to_string(),
        Field::Label { body: true } => {
            let labels = asked.body_labels.into_iter().flatten();
            labels.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
        }
        Field::Region => asked.region.to_owned(),
    }
}
