//! A list, parsed while it arrives.

use super::items::{Found, Items, ListMeta};
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::errors::{of_status, translate, translate_any};
use crate::model::text::Text;
use http::Request;
use http_body_util::BodyExt as _;
use kube::client::Body;

/// A list in progress. Dropping it ends the request.
pub(in crate::engine::k8s) struct List {
    body: Body,
    items: Items,
    objects: u32,
}

/// A part of a list.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine::k8s) enum Piece {
    /// The objects begin; so many follow on later pages, where the server says so before them.
    Begin {
        remaining: Option<u64>,
    },
    /// An object: [`List::object`].
    Object,
    End(ListMeta),
}

impl List {
    /// Requests a list, and waits for the head of the response. Fails if there is none, or if its status is not a
    /// success.
    pub(in crate::engine::k8s) async fn open(
        client: &kube::Client,
        request: Request<Body>,
    ) -> Result<Self, ClusterError> {
        let answer = client.send(request).await.map_err(|e| translate(&e))?;
        let (status, body) = (answer.status(), answer.into_body());
        if status.is_success() {
            return Ok(Self { body, items: Items::new(), objects: 0 });
        }
        let said = body.collect().await.map_err(|e| translate_any(&e))?;
        Err(of_status(status, &said.to_bytes()))
    }

    /// Returns the next part; nothing follows an error. Fails if the body breaks off, or is not a list.
    pub(in crate::engine::k8s) async fn next(&mut self) -> Result<Piece, ClusterError> {
        loop {
            match self.items.next().map_err(|e| ClusterError::Failed(Text::from(e.to_string())))? {
                Found::Begin => return Ok(Piece::Begin { remaining: self.items.meta().remaining }),
                Found::Object => {
                    self.objects = self.objects.saturating_add(1);
                    return Ok(Piece::Object);
                }
                Found::End => return Ok(Piece::End(self.items.meta().clone())),
                Found::More => match self.body.frame().await {
                    Some(Ok(frame)) => {
                        if let Ok(piece) = frame.into_data() {
                            self.items.push(&piece);
                        }
                    }
                    Some(Err(error)) => return Err(translate_any(&error)),
                    None => {
                        let text = format!("the list broke off after {} objects", self.objects);
                        return Err(ClusterError::Unreachable(Text::from(text)));
                    }
                },
            }
        }
    }

    /// The text of the last object. Fails if it is not UTF-8.
    pub(in crate::engine::k8s) fn object(&self) -> Result<&str, ClusterError> {
        self.items.object().map_err(|e| ClusterError::Failed(Text::from(e.to_string())))
    }
}
