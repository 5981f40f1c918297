//! What the screens ask for.

use super::Fleet;
use crate::engine::cluster::ClusterError;
use crate::engine::fleet::documents;
use crate::engine::fleet::member::Wanted;
use crate::engine::fleet::views::{VIEWS_MAX, View};
use crate::engine::observation::Effect;
use crate::model::cluster::ClusterName;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::protocol::{Interest, Request, RequestId, Reveal, ViewId};

impl Fleet {
    pub(super) fn on_request(&mut self, request: Request) {
        match request {
            Request::Subscribe { view, interests } => self.subscribe(view, interests),
            Request::Connect(names) => {
                for name in names {
                    if self.members.get(&name).is_some_and(|member| member.wanted != Wanted::Yes) {
                        self.connect(&name);
                    }
                }
            }
            Request::Pause(names) => names.iter().for_each(|name| self.pause(name)),
            Request::Retry(names) => names.iter().for_each(|name| self.retry(name)),
            Request::RefreshInventory => {
                self.inventory_due = None;
                self.turn.effects.push(Effect::List { refresh: true });
            }
            Request::Open { id, object, aspect } => self.documents.open(id, object, aspect, &mut self.turn),
            Request::Close(id) => self.documents.close(id, &mut self.turn),
            Request::RevealSecret { id, object, reveal } => self.reveal(id, object, reveal),
            Request::Tail { id, source } => self.tails.begin(id, source, &mut self.turn),
            Request::EndTail(id) => self.tails.end(id, &mut self.turn),
            Request::WatchRoutes(_)
            | Request::UnwatchRoutes(_)
            | Request::StartProxy
            | Request::StopProxy
            | Request::KeepProxy(_)
            | Request::AttachProxy { .. }
            | Request::FenceCluster { .. }
            | Request::ReloadRoutes(_)
            | Request::TestRoute { .. } => self.on_routes_request(request),
        }
    }

    fn subscribe(&mut self, view: ViewId, interests: Vec<Interest>) {
        let mut touched: Vec<ClusterName> = self.views.get(&view).map(clusters).unwrap_or_default();
        if interests.is_empty() {
            self.dropped |= self.views.remove(&view).is_some();
        } else {
            if self.views.len() >= VIEWS_MAX
                && !self.views.contains_key(&view)
                && let Some(first) = self.views.keys().next().copied()
                && let Some(gone) = self.views.remove(&first)
            {
                touched.extend(clusters(&gone));
                self.dropped = true;
            }
            let mut new = View::new(interests);
            touched.extend(new.interests.iter().flat_map(|interest| interest.clusters.iter().cloned()));
            // What is looked at again keeps its resolutions: a screen must not blink.
            if let Some(old) = self.views.remove(&view) {
                new.resolutions = old.resolutions;
            }
            self.views.insert(view, new);
        }
        touched.sort();
        touched.dedup();
        for name in touched {
            self.reconcile(&name);
            self.settle(&name);
        }
    }

    fn retry(&mut self, name: &ClusterName) {
        let Some(member) = self.members.get_mut(name) else { return };
        let before = member.session();
        member.retry(&mut self.turn);
        if member.session() != before {
            self.running.retain(|_, place| place.cluster != *name);
        } else if member.is_serving() {
            self.widen_all(name);
        }
        self.settle(name);
    }

    fn reveal(&mut self, id: RequestId, object: ObjectKey, reveal: Reveal) {
        self.operations.begin(id, &format!("reveal secret {}", object.name), Some(&object.cluster));
        let serving = self.members.get(&object.cluster).filter(|member| member.is_serving());
        let found = serving.and_then(|member| Some((member.session(), documents::kind(member, &object.kind)?)));
        let Some((session, kind)) = found else {
            let why = Text::const_new("the cluster is not connected, or serves no such kind");
            return self.operations.end(id, Err(ClusterError::Failed(why)));
        };
        self.turn.effects.push(Effect::Reveal { session, id, object, kind: Box::new(kind), reveal });
    }
}

fn clusters(view: &View) -> Vec<ClusterName> {
    view.resolutions.keys().cloned().collect()
}
