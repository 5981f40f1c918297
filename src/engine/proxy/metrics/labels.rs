//! The small, closed sets that label metrics.

use crate::engine::proxy::request::RequestInfo;
use rustls::{AlertDescription, Error, InvalidMessage};
use std::io;

/// Declares an enum whose variants are words, with their places.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$of])* $variant),+ }

        impl $name {
            /// All variants, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The label of the variant.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The index of the variant in [`Self::ALL`].
            pub const fn place(self) -> usize {
                self as usize
            }
        }
    };
}

words! {
    /// The verb of a request. A word that is no verb of Kubernetes is `other`: a caller cannot make labels.
    Verb {
        /// Reads one object.
        Get = "get",
        /// Lists objects.
        List = "list",
        /// Watches objects.
        Watch = "watch",
        /// Creates an object.
        Create = "create",
        /// Replaces an object.
        Update = "update",
        /// Changes a part of an object.
        Patch = "patch",
        /// Deletes one object.
        Delete = "delete",
        /// Deletes all objects of a list.
        DeleteCollection = "deletecollection",
        /// Passes a request on to a pod, service or node.
        Proxy = "proxy",
        /// Every other word.
        Other = "other",
    }
}

words! {
    /// The kind of a request that may run for hours.
    LongRunning {
        /// A watch.
        Watch = "watch",
        /// The log of a container.
        Log = "log",
        /// A command in a container.
        Exec = "exec",
        /// A terminal attached to a container.
        Attach = "attach",
        /// Forwarded ports of a pod.
        PortForward = "portforward",
        /// A request passed on to a pod, service or node, or a profile of the server.
        Proxy = "proxy",
    }
}

words! {
    /// The protocol of an upgraded stream.
    Protocol {
        /// SPDY/3.1.
        Spdy = "spdy",
        /// WebSocket.
        WebSocket = "websocket",
        /// Every other protocol.
        Other = "other",
    }
}

words! {
    /// The side of the proxy a connection is on.
    Side {
        /// Connections of callers.
        Client = "client",
        /// Connections to API servers.
        Upstream = "upstream",
    }
}

words! {
    /// The reason why a TLS connection failed.
    TlsTrouble {
        /// The connection was closed without an alert; probes that look only for an open port do the same.
        Closed = "closed",
        /// The handshake was not finished in time.
        Timeout = "timeout",
        /// The other side speaks something else, such as HTTP without TLS.
        NotTls = "not_tls",
        /// The sides have no version, cipher or protocol in common, or a message is out of order.
        Handshake = "handshake",
        /// The proxy does not accept the other side's certificate.
        Certificate = "certificate",
        /// The other side does not accept the proxy's certificate.
        Distrusted = "distrusted",
    }
}

/// The alerts of a side that does not accept a certificate.
const DISTRUST: [AlertDescription; 6] = [
    AlertDescription::UnknownCA,
    AlertDescription::BadCertificate,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::CertificateRevoked,
    AlertDescription::UnsupportedCertificate,
];

impl TlsTrouble {
    /// Returns the reason why a handshake failed, on either side of the proxy.
    pub fn of(why: &io::Error) -> Self {
        let Some(inner) = why.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
            // Of the connection below, whichever way it went.
            return if why.kind() == io::ErrorKind::TimedOut { Self::Timeout } else { Self::Closed };
        };
        if matches!(inner, Error::InvalidCertificate(_) | Error::NoCertificatesPresented) {
            Self::Certificate
        } else if matches!(inner, Error::InvalidMessage(InvalidMessage::InvalidContentType)) {
            Self::NotTls
        } else if matches!(inner, Error::AlertReceived(alert) if DISTRUST.contains(alert)) {
            Self::Distrusted
        } else {
            Self::Handshake
        }
    }
}

impl Verb {
    /// Returns the verb of a request.
    pub fn of(info: &RequestInfo<'_>) -> Self {
        match info.verb.as_ref() {
            "get" => Self::Get,
            "list" => Self::List,
            "watch" => Self::Watch,
            "create" => Self::Create,
            "update" => Self::Update,
            "patch" => Self::Patch,
            "delete" => Self::Delete,
            "deletecollection" => Self::DeleteCollection,
            "proxy" => Self::Proxy,
            _ => Self::Other,
        }
    }
}

impl LongRunning {
    /// Returns the kind of a long-running request; `None` for a short one.
    pub fn of(info: &RequestInfo<'_>) -> Option<Self> {
        match (info.verb.as_ref(), info.subresource.as_ref()) {
            ("watch", _) => Some(Self::Watch),
            (_, "log") => Some(Self::Log),
            (_, "exec") => Some(Self::Exec),
            (_, "attach") => Some(Self::Attach),
            (_, "portforward") => Some(Self::PortForward),
            ("proxy", _) | (_, "proxy") => Some(Self::Proxy),
            _ if !info.is_resource && info.path.starts_with("/debug/pprof/") => Some(Self::Proxy),
            _ => None,
        }
    }
}

impl Protocol {
    /// Returns the protocol of an `Upgrade` header.
    pub fn of(upgrade: &str) -> Self {
        if upgrade.eq_ignore_ascii_case("websocket") {
            Self::WebSocket
        } else if upgrade.len() >= 4 && upgrade.as_bytes().iter().take(4).map(u8::to_ascii_lowercase).eq(*b"spdy") {
            Self::Spdy
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_stands_at_its_place() {
        for (place, verb) in Verb::ALL.iter().enumerate() {
            assert_eq!(verb.place(), place);
        }
        assert_eq!(LongRunning::ALL[LongRunning::PortForward.place()].word(), "portforward");
    }

    #[test]
    fn what_a_caller_invents_is_other() {
        let invented = RequestInfo { verb: "brew".into(), ..RequestInfo::default() };
        assert_eq!(Verb::of(&invented), Verb::Other);
        assert_eq!(Protocol::of("SPDY/3.1"), Protocol::Spdy);
        assert_eq!(Protocol::of("WebSocket"), Protocol::WebSocket);
        assert_eq!(Protocol::of("h2c"), Protocol::Other);
    }
}
