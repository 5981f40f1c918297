//! The garbage collector, and the end of namespaces.

use compact_str::CompactString;
use memchr::memmem;
use serde_json::Value;

use super::super::super::json::{items, set, text};
use super::super::super::store::{self, Store};
use super::super::super::write::{DeleteOptions, FOREGROUND, ORPHAN};
use super::pods::key_of;
use super::{AGAIN, Controllers, Moment, NOTICE, Work, is_terminating};

/// An object that names another one as its owner.
struct Dependent {
    collection: usize,
    key: CompactString,
    object: Value,
}

impl Controllers {
    /// Deletes what an object that is gone owned, unless somebody else owns it too.
    pub(super) fn collect(&mut self, store: &mut Store, uid: &str, moment: Moment) {
        for dependent in dependents(store, uid) {
            let owners = items(&dependent.object, "/metadata/ownerReferences");
            if owners.iter().all(|owner| text(owner, "/uid") == uid) {
                self.delete(store, dependent.collection, &dependent.key, moment);
            } else {
                disown(store, dependent, uid);
            }
        }
    }

    /// Lets an object go whose finalizers are the collector's own.
    pub(super) fn finalize(&mut self, store: &mut Store, collection: usize, key: &str, moment: Moment) {
        let Some(mut object) = store.document(collection, key).filter(is_terminating) else { return };
        let uid = text(&object, "/metadata/uid").to_owned();
        let mut finalizers = items(&object, "/metadata/finalizers").to_vec();
        let before = finalizers.len();
        if finalizers.iter().any(|one| one == ORPHAN) {
            for dependent in dependents(store, &uid) {
                disown(store, dependent, &uid);
            }
            finalizers.retain(|one| one != ORPHAN);
        }
        if finalizers.iter().any(|one| one == FOREGROUND) {
            let left = dependents(store, &uid);
            for dependent in left.iter().filter(|dependent| !is_terminating(&dependent.object)) {
                // A pod owns nothing to wait for.
                let is_pod = text(&dependent.object, "/kind") == "Pod";
                let options = if is_pod { DeleteOptions::background() } else { DeleteOptions::foreground() };
                self.delete_with(store, (dependent.collection, &dependent.key), &options, moment);
            }
            if left.is_empty() {
                finalizers.retain(|one| one != FOREGROUND);
            } else {
                self.add(moment.at + AGAIN / 2, Work::Finalize { collection, key: key.into() });
            }
        }
        if finalizers.len() == before && !finalizers.is_empty() {
            return;
        }
        let is_held = !finalizers.is_empty();
        set(&mut object, "/metadata", "finalizers", finalizers.into());
        store.put(collection, object.clone());
        if !is_held {
            store.remove(collection, key);
            self.note_owner(&object, moment.at);
            self.add(moment.at + NOTICE, Work::Collect { uid: uid.into() });
        }
    }

    /// Deletes what is in a namespace, and the namespace when it is empty.
    pub(super) fn empty(&mut self, store: &mut Store, name: &str, moment: Moment) {
        let Some(namespaces) = store.find("", "namespaces") else { return };
        let key = store::key("", name);
        if !store.document(namespaces, &key).as_ref().is_some_and(is_terminating) {
            return;
        }
        let mut is_empty = true;
        let kinds: Vec<bool> = store.resources().map(|resource| resource.namespaced).collect();
        for collection in kinds.iter().enumerate().filter(|(_, namespaced)| **namespaced).map(|(number, _)| number) {
            let objects = store.collection(collection).map(|all| all.objects(name)).unwrap_or_default();
            is_empty &= objects.is_empty();
            for object in objects {
                self.delete(store, collection, object.facts.key(), moment);
            }
        }
        if is_empty {
            store.remove(namespaces, &key);
        } else {
            self.add(moment.at + AGAIN / 2, Work::Empty { name: name.into() });
        }
    }
}

/// All objects that name the uid as an owner. The documents are searched as they are, and only those that have it are read.
fn dependents(store: &Store, uid: &str) -> Vec<Dependent> {
    if uid.is_empty() {
        return Vec::new();
    }
    let finder = memmem::Finder::new(uid);
    let count = store.resources().count();
    let mut found = Vec::new();
    for collection in 0..count {
        let objects = store.collection(collection).map(|all| all.objects("")).unwrap_or_default();
        for object in objects.iter().filter(|object| finder.find(&object.json).is_some()) {
            let Ok(document) = serde_json::from_slice::<Value>(&object.json) else { continue };
            if super::is_owned_by(&document, uid) {
                found.push(Dependent { collection, key: key_of(&document), object: document });
            }
        }
    }
    found
}

/// Takes an owner off an object.
fn disown(store: &mut Store, mut dependent: Dependent, uid: &str) {
    let mut owners = items(&dependent.object, "/metadata/ownerReferences").to_vec();
    owners.retain(|owner| text(owner, "/uid") != uid);
    set(&mut dependent.object, "/metadata", "ownerReferences", owners.into());
    store.put(dependent.collection, dependent.object);
}
