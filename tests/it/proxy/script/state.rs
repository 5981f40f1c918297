//! The server itself: what it knows, what it decides about a request, and its connections.

use super::certificates::common_name;
use super::knobs::{Knobs, Reply};
use super::{Asked, h1, h2, raw};
use http::HeaderMap;
use hyper::body::Bytes;
use parking_lot::Mutex;
use rcgen::{CertifiedIssuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, broadcast, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// What one request comes to.
pub(super) enum Plan {
    Reply(Reply),
    Watch,
    Refuse,
    Vanish,
    CutBody,
}

pub(super) struct Inner {
    pub(super) name: String,
    pub(super) authority: CertifiedIssuer<'static, KeyPair>,
    pub(super) certificate: (CertificateDer<'static>, Vec<u8>),
    pub(super) knobs: Mutex<Knobs>,
    pub(super) asked: Mutex<Vec<Asked>>,
    /// What handshakes named, of all that were completed.
    pub(super) names: Mutex<Vec<Option<String>>>,
    /// Heads that raw connections got, as they came.
    pub(super) heads: Mutex<Vec<String>>,
    pub(super) probes: AtomicU32,
    /// Connections accepted so far, which numbers them, and those open.
    pub(super) accepted: AtomicU32,
    pub(super) open: AtomicU32,
    /// Watches held open, and those whose client went away.
    pub(super) watching: AtomicU32,
    pub(super) gone: AtomicU32,
    /// Bodies of requests, over HTTP/2, of which something came.
    pub(super) begun: AtomicU32,
    /// Why clients reset their streams before the answer.
    pub(super) resets: Mutex<Vec<::h2::Reason>>,
    /// Something above has changed.
    pub(super) changed: Notify,
    pub(super) events: broadcast::Sender<Bytes>,
    pub(super) end: watch::Sender<u64>,
    /// Sends a graceful GOAWAY on every connection.
    pub(super) goaway: watch::Sender<u64>,
    pub(super) frozen: watch::Sender<bool>,
}

impl Inner {
    pub(super) fn changed(&self) {
        self.changed.notify_waiters();
    }

    pub(super) fn reset(&self, reason: ::h2::Reason) {
        self.resets.lock().push(reason);
        self.changed();
    }

    /// Decides about one request, and remembers it.
    pub(super) fn plan(&self, asked: Asked) -> Plan {
        let mut knobs = self.knobs.lock();
        let path = asked.uri.split('?').next().unwrap_or_default();
        if path.ends_with("/readyz") || path.ends_with("/livez") {
            self.probes.fetch_add(1, Ordering::SeqCst);
            let status = knobs.ready;
            drop(knobs);
            self.changed();
            let body = if status == 200 { "ok" } else { "[+]ping ok\n[-]etcd failed: reason withheld\n" };
            return Plan::Reply(Reply::new(status, body));
        }
        let refused = knobs.accepts.as_ref().is_some_and(|all| !all.iter().any(|t| t == asked.header("authorization")));
        let mut spend = |count: fn(&mut Knobs) -> &mut u32| {
            let left = count(&mut knobs);
            let spent = *left > 0;
            *left = left.saturating_sub(1);
            spent
        };
        let plan = if spend(|k| &mut k.refuse) {
            Plan::Refuse
        } else if spend(|k| &mut k.vanish) {
            Plan::Vanish
        } else if refused {
            Plan::Reply(Reply::new(401, r#"{"kind":"Status","status":"Failure","reason":"Unauthorized","code":401}"#))
        } else if spend(|k| &mut k.cut_body) {
            Plan::CutBody
        } else if let Some(reply) = knobs.answer.clone().and_then(|answer| answer(&asked)) {
            Plan::Reply(reply)
        } else if asked.uri.split(['?', '&']).skip(1).any(|pair| matches!(pair, "watch=1" | "watch=true")) {
            Plan::Watch
        } else {
            Plan::Reply(Reply::new(200, self.echo(&asked)))
        };
        drop(knobs);
        self.asked.lock().push(asked);
        self.changed();
        plan
    }

    fn echo(&self, asked: &Asked) -> String {
        serde_json::json!({
            "server": self.name,
            "method": asked.method.as_str(),
            "uri": asked.uri,
            "connection": asked.connection,
            "body": String::from_utf8_lossy(&asked.body),
        })
        .to_string()
    }

    fn tls(&self) -> ServerConfig {
        let knobs = self.knobs.lock();
        let builder = ServerConfig::builder();
        let builder = if knobs.asks_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(self.authority.der().clone()).expect("a root");
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("roots"))
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(self.certificate.1.clone()).expect("a key");
        let mut config = builder.with_single_cert(vec![self.certificate.0.clone()], key).expect("they fit");
        config.alpn_protocols =
            if knobs.h1_only { vec![b"http/1.1".to_vec()] } else { vec![b"h2".to_vec(), b"http/1.1".to_vec()] };
        config
    }

    /// Comes once the server is frozen.
    pub(super) async fn frozen(&self) {
        drop(self.frozen.subscribe().wait_for(|frozen| *frozen).await);
    }
}

pub(super) async fn accept(listener: TcpListener, inner: Arc<Inner>, token: CancellationToken) {
    while let Ok((stream, _)) = listener.accept().await {
        let number = inner.accepted.fetch_add(1, Ordering::SeqCst) + 1;
        let held = Count::new(&inner, |i| &i.open);
        let inner = Arc::clone(&inner);
        tokio::spawn(token.clone().run_until_cancelled_owned(async move {
            let _held = held;
            // A client that goes away in the middle is part of the tests.
            drop(connection(stream, number, inner).await);
        }));
    }
}

async fn connection(stream: TcpStream, number: u32, inner: Arc<Inner>) -> std::io::Result<()> {
    if inner.knobs.lock().mute {
        std::future::pending::<()>().await;
    }
    stream.set_nodelay(true)?;
    let stream = TlsAcceptor::from(Arc::new(inner.tls())).accept(stream).await?;
    let session = stream.get_ref().1;
    inner.names.lock().push(session.server_name().map(str::to_owned));
    let client = session.peer_certificates().and_then(|c| common_name(c.first()?));
    let speaks_h2 = session.alpn_protocol() == Some(b"h2");
    let Knobs { raw, small_frames, leaves, .. } = inner.knobs.lock().clone();
    let spend = |count: fn(&mut Knobs) -> &mut u32| {
        let mut knobs = inner.knobs.lock();
        let left = count(&mut knobs);
        let spent = speaks_h2 && *left > 0;
        *left -= u32::from(spent);
        spent
    };
    let (below, second) = (spend(|k| &mut k.goaway_below), spend(|k| &mut k.goaway_second));
    let about = About { number, client, h2: speaks_h2 };
    if below {
        raw::goaway_below(stream).await
    } else if let (true, Some(frames)) = (speaks_h2, small_frames) {
        raw::small_frames(stream, frames).await
    } else if second {
        raw::goaway_second(stream, &inner).await
    } else if speaks_h2 {
        h2::serve(stream, about, inner).await;
        Ok(())
    } else if let Some(answer) = raw {
        raw::answer(stream, &answer, leaves, &inner).await
    } else {
        h1::serve(stream, about, inner).await;
        Ok(())
    }
}

/// What a connection adds to its requests.
#[derive(Clone)]
pub(super) struct About {
    pub(super) number: u32,
    pub(super) client: Option<String>,
    pub(super) h2: bool,
}

impl About {
    pub(super) fn asked(&self, parts: http::request::Parts, body: Bytes, trailers: HeaderMap) -> Asked {
        Asked {
            uri: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            method: parts.method,
            headers: parts.headers,
            body,
            trailers,
            h2: self.h2,
            connection: self.number,
            client: self.client.clone(),
        }
    }
}

/// Counts something for as long as it is held.
pub(super) struct Count(Arc<Inner>, fn(&Inner) -> &AtomicU32);

impl Count {
    pub(super) fn new(inner: &Arc<Inner>, count: fn(&Inner) -> &AtomicU32) -> Self {
        count(inner).fetch_add(1, Ordering::SeqCst);
        inner.changed();
        Self(Arc::clone(inner), count)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::SeqCst);
        self.0.changed();
    }
}
