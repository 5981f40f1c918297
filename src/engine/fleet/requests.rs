//! Requests of screens.

use super::Fleet;
use crate::engine::fleet::member::Wanted;
use crate::engine::fleet::views::{VIEWS_MAX, View};
use crate::engine::observation::{ClusterEffect, Effect};
use crate::model::cluster::ClusterName;
use crate::protocol::{ClusterRequest, Interest, Request, ViewId};

impl Fleet {
    pub(super) fn on_request(&mut self, request: Request) {
        match request {
            Request::Cluster(request) => self.on_cluster_request(request),
            Request::Document(request) => self.parts.documents.on_request(request, &self.members, &mut self.cx),
            Request::Logs(request) => self.parts.logs.on_request(request, &mut self.cx),
            Request::Proxy(request) => self.parts.proxy.on_request(request, &mut self.cx),
            Request::Change(request) => self.parts.changes.on_request(request, &self.members, &mut self.cx),
        }
    }

    fn on_cluster_request(&mut self, request: ClusterRequest) {
        match request {
            ClusterRequest::Subscribe { view, interests } => self.subscribe(view, interests),
            ClusterRequest::Connect(names) => {
                for name in names {
                    if self.members.get(&name).is_some_and(|member| member.wanted != Wanted::Yes) {
                        self.connect(&name);
                    }
                }
            }
            ClusterRequest::Pause(names) => names.iter().for_each(|name| self.pause(name)),
            ClusterRequest::Retry(names) => names.iter().for_each(|name| self.retry(name)),
            ClusterRequest::RefreshInventory => {
                self.inventory_due = None;
                self.cx.effects.push(Effect::Cluster(ClusterEffect::List { refresh: true }));
            }
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
        member.retry(&mut self.cx);
        if member.session() != before {
            self.running.retain(|_, place| place.cluster != *name);
        } else if member.is_serving() {
            self.widen_all(name);
        }
        self.settle(name);
    }
}

fn clusters(view: &View) -> Vec<ClusterName> {
    view.resolutions.keys().cloned().collect()
}
