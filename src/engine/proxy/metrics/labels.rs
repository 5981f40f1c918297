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
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its label.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Its place in [`Self::ALL`].
            pub const fn place(self) -> usize {
                self as usize
            }
        }
    };
}

words! {
    /// What is asked for. Words that are none of Kubernetes' are `other`: a caller cannot make labels.
    Verb {
        Get = "get",
        List = "list",
        Watch = "watch",
        Create = "create",
        Update = "update",
        Patch = "patch",
        Delete = "delete",
        DeleteCollection = "deletecollection",
        Proxy = "proxy",
        Other = "other",
    }
}

words! {
    /// What may run for hours.
    LongRunning {
        Watch = "watch",
        Log = "log",
        Exec = "exec",
        Attach = "attach",
        PortForward = "portforward",
        Proxy = "proxy",
    }
}

words! {
    /// How a stream was upgraded.
    Protocol {
        Spdy = "spdy",
        WebSocket = "websocket",
        Other = "other",
    }
}

words! {
    /// Which leg of the way.
    Side {
        Client = "client",
        /// The API server's.
        Upstream = "upstream",
    }
}

words! {
    /// Why a TLS connection failed.
    TlsTrouble {
        /// Closed without a word; so do probes that look for an open port only.
        Closed = "closed",
        Timeout = "timeout",
        /// Something else is spoken, as HTTP without TLS.
        NotTls = "not_tls",
        /// No version, cipher or protocol that both have, or messages out of order.
        Handshake = "handshake",
        /// The other side's certificate is not accepted here.
        Certificate = "certificate",
        /// Ours is not accepted there.
        Distrusted = "distrusted",
    }
}

/// What the other side says that does not accept our certificate.
const DISTRUST: [AlertDescription; 6] = [
    AlertDescription::UnknownCA,
    AlertDescription::BadCertificate,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::CertificateRevoked,
    AlertDescription::UnsupportedCertificate,
];

impl TlsTrouble {
    /// Why a handshake failed, on whichever side of it we are.
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
    /// `None` for a request that must end in its time.
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
    /// Of an `Upgrade` header.
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
