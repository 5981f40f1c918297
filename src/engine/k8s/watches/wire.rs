//! The object type kube's watcher carries for us: the text of the object, and of its metadata only
//! what the watcher itself looks at.

use crate::engine::k8s::projection;
use crate::model::kind::Kind;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicResourceScope};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// One object as it came, kept until it is projected.
#[derive(Clone)]
pub(super) struct Wire {
    meta: ObjectMeta,
    text: Box<RawValue>,
}

impl Wire {
    pub(super) fn text(&self) -> &str {
        self.text.get()
    }
}

/// The text may be a Secret's.
impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({} bytes)", self.text().len())
    }
}

impl<'de> Deserialize<'de> for Wire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let resource_version = projection::resource_version(text.get());
        Ok(Self { meta: ObjectMeta { resource_version, ..ObjectMeta::default() }, text })
    }
}

/// The resource of a kind, as kube names it.
pub(super) fn resource(kind: &Kind) -> ApiResource {
    ApiResource {
        group: kind.id.group.to_string(),
        version: kind.version.to_string(),
        api_version: kind.api_version(),
        kind: kind.id.kind.to_string(),
        plural: kind.plural.to_string(),
    }
}

impl kube::Resource for Wire {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(dt: &ApiResource) -> Cow<'_, str> {
        Cow::Borrowed(&dt.kind)
    }

    fn group(dt: &ApiResource) -> Cow<'_, str> {
        Cow::Borrowed(&dt.group)
    }

    fn version(dt: &ApiResource) -> Cow<'_, str> {
        Cow::Borrowed(&dt.version)
    }

    fn plural(dt: &ApiResource) -> Cow<'_, str> {
        Cow::Borrowed(&dt.plural)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::ResourceExt as _;
    use kube::core::{ObjectList, WatchEvent};

    const POD: &str = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"7"},"spec":{}}"#;

    #[test]
    fn an_event_and_a_list_carry_the_text_untouched() {
        let event: WatchEvent<Wire> = serde_json::from_str(&format!(r#"{{"type":"ADDED","object":{POD}}}"#)).unwrap();
        let WatchEvent::Added(wire) = event else { panic!("not added: {event:?}") };
        assert_eq!((wire.text(), wire.resource_version().as_deref()), (POD, Some("7")));
        let list: ObjectList<Wire> = serde_json::from_str(&format!(
            r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"9"}},"items":[{POD},{POD}]}}"#
        ))
        .unwrap();
        assert_eq!(list.items.len(), 2);
        assert_eq!(list.items[1].text(), POD);
    }

    #[test]
    fn the_text_is_not_in_its_debug() {
        let wire: Wire = serde_json::from_str(POD).unwrap();
        assert_eq!(format!("{wire:?}"), format!("Wire({} bytes)", POD.len()));
    }
}
