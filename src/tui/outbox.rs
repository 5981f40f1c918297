//! The queue in front of the engine's request queue: requests that do not fit there wait here, in order, until there is
//! room.
//!
//! A lost request would leave its view waiting for an answer that never comes.

use crate::protocol::{ClusterRequest, REQUESTS_MAX, Request};
use std::collections::VecDeque;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Maximum number of requests that wait here, as many as in the engine's queue.
const WAITING_MAX: usize = REQUESTS_MAX;

/// The sending end of the engine's request queue.
#[derive(Debug)]
pub(super) struct Outbox {
    requests: mpsc::Sender<Request>,
    waiting: VecDeque<Request>,
}

impl Outbox {
    pub(super) fn new(requests: mpsc::Sender<Request>) -> Self {
        Self { requests, waiting: VecDeque::new() }
    }

    /// Sends the request now, or as soon as there is room. Fails if too many requests wait already; the error is the
    /// request itself.
    pub(super) fn send(&mut self, request: Request) -> Result<(), Box<Request>> {
        if !self.waiting.is_empty() {
            return self.wait(request);
        }
        match self.requests.try_send(request) {
            Err(TrySendError::Full(request)) => self.wait(request),
            // An engine that ended ends the console too, by its snapshots.
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
        }
    }

    fn wait(&mut self, request: Request) -> Result<(), Box<Request>> {
        if let Some(ended) = request.ends() {
            // What was never begun need not be ended.
            let before = self.waiting.len();
            self.waiting.retain(|waiting| waiting.begins() != Some(ended));
            if self.waiting.len() == before {
                // Always taken: no more is ended than was begun, and what is not ended costs its cluster for ever.
                self.waiting.push_back(request);
            }
            return Ok(());
        }
        if let Request::Cluster(ClusterRequest::Subscribe { view, .. }) = &request
            && let Some(older) = self
                .waiting
                .iter_mut()
                .find(|w| matches!(w, Request::Cluster(ClusterRequest::Subscribe { view: of, .. }) if of == view))
        {
            // Only the newest says what the view looks at.
            *older = request;
            return Ok(());
        }
        if self.waiting.len() >= WAITING_MAX {
            return Err(Box::new(request));
        }
        self.waiting.push_back(request);
        Ok(())
    }

    /// Waits for room in the queue, and sends the first waiting request; never returns if none waits.
    pub(super) async fn flush(&mut self) {
        if self.waiting.is_empty() {
            return std::future::pending().await;
        }
        match self.requests.reserve().await {
            Ok(place) => {
                if let Some(request) = self.waiting.pop_front() {
                    place.send(request);
                }
            }
            Err(_) => self.waiting.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cluster::ClusterName;
    use crate::protocol::{DocumentRequest, ProxyRequest, RequestId, ViewId};

    /// An outbox before an engine with room for one request.
    fn narrow() -> (Outbox, mpsc::Receiver<Request>) {
        let (tx, rx) = mpsc::channel(1);
        (Outbox::new(tx), rx)
    }

    fn retry(cluster: &str) -> Request {
        Request::Cluster(ClusterRequest::Retry(vec![ClusterName::new(cluster)]))
    }

    fn subscribe(view: u32) -> Request {
        Request::Cluster(ClusterRequest::Subscribe { view: ViewId(view), interests: Vec::new() })
    }

    /// All that the engine gets, in order.
    async fn taken(mut outbox: Outbox, mut engine: mpsc::Receiver<Request>) -> Vec<String> {
        let mut all = Vec::new();
        while !outbox.waiting.is_empty() {
            tokio::select! {
                biased;
                () = outbox.flush() => {}
                request = engine.recv() => all.push(format!("{:?}", request.unwrap())),
            }
        }
        drop(outbox);
        while let Some(request) = engine.recv().await {
            all.push(format!("{request:?}"));
        }
        all
    }

    #[tokio::test]
    async fn what_does_not_fit_goes_later_in_order() {
        let (mut outbox, engine) = narrow();
        let names: Vec<String> = (0..10).map(|n| format!("c{n}")).collect();
        for name in &names {
            outbox.send(retry(name)).unwrap();
        }
        let wanted: Vec<String> = names.iter().map(|name| format!("{:?}", retry(name))).collect();
        assert_eq!(taken(outbox, engine).await, wanted);
    }

    #[tokio::test]
    async fn more_than_can_wait_comes_back_but_ends_never_do() {
        let (mut outbox, _engine) = narrow();
        for n in 0..=WAITING_MAX {
            outbox.send(retry(&n.to_string())).unwrap();
        }
        let back = outbox.send(Request::Proxy(ProxyRequest::Watch(RequestId(1)))).unwrap_err();
        assert!(matches!(*back, Request::Proxy(ProxyRequest::Watch(RequestId(1)))));
        outbox.send(Request::Document(DocumentRequest::Close(RequestId(2)))).unwrap();
        assert_eq!(outbox.waiting.len(), WAITING_MAX + 1);
    }

    #[tokio::test]
    async fn what_is_closed_before_it_was_opened_costs_nothing() {
        let (mut outbox, engine) = narrow();
        outbox.send(retry("first")).unwrap();
        outbox.send(Request::Proxy(ProxyRequest::Watch(RequestId(1)))).unwrap();
        outbox.send(Request::Proxy(ProxyRequest::Unwatch(RequestId(1)))).unwrap();
        outbox.send(subscribe(1)).unwrap();
        outbox.send(subscribe(2)).unwrap();
        outbox.send(subscribe(1)).unwrap();
        let wanted = [retry("first"), subscribe(1), subscribe(2)].map(|request| format!("{request:?}"));
        assert_eq!(taken(outbox, engine).await, wanted);
    }
}
