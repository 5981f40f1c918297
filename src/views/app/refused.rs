//! Requests there was no room for: nothing on the screen waits for an answer that cannot come.

use super::App;
use crate::protocol::{ClusterRequest, Request, Severity};
use crate::views::view::Keep;

impl App {
    /// Takes back what was asked in vain, and says what to do.
    pub(super) fn refused(&mut self, request: &Request) -> bool {
        if let Request::Cluster(ClusterRequest::Subscribe { view, .. }) = request {
            // The next snapshot asks again.
            for tab in self.tabs.iter_mut().filter(|tab| tab.view == *view) {
                tab.subscribed = None;
            }
        }
        let before = self.overlays.len();
        self.overlays.retain_mut(|view| view.on_rejected(request) == Keep::Open);
        let mut is_lost = self.overlays.len() < before;
        for tab in &mut self.tabs {
            is_lost |= tab.page.take_if(|page| page.on_rejected(request) == Keep::Closed).is_some();
        }
        let next = if is_lost { "open it again in a moment" } else { "try again in a moment" };
        self.say(Severity::Warning, &format!("the engine is busy; {next}"))
    }
}
