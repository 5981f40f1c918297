//! Faults of a simulated API server, switched on and off while it runs.

use std::time::Duration;

/// A fault of a cluster. A cluster has one fault at a time; a new one replaces it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fault {
    /// The server works.
    #[default]
    None,
    /// Every answer is delayed by a time between the two, spread by a seed.
    Latency(Duration, Duration),
    /// The port is closed and open connections are cut.
    Refuse,
    /// Packets vanish: connections open (or not) and stay silent, without end.
    BlackHole,
    /// TCP connects and answers plain text instead of TLS.
    BrokenTls,
    /// Every request gets 401 with this message; `Unauthorized` if it is empty.
    Unauthorized(String),
    /// Requests for this resource (its plural, `*` for all) get 403; the rest works.
    Forbidden(String),
    /// Every request gets 429 with this `Retry-After`.
    TooManyRequests {
        /// Value of `Retry-After`, in seconds.
        retry_after: u64,
    },
    /// Every request gets 200 and an HTML page, as from a login proxy.
    Html,
    /// Every request gets a 500 `Status`.
    InternalError,
    /// Open watches are cut when the fault is set, new ones after their first events.
    CutWatch,
    /// Watches send half a line and are cut.
    HalfLine,
    /// Watches send one event of a type no client knows, then go on.
    UnknownEvent,
    /// Watches send an `ERROR` event with a 500 `Status`, and end.
    ErrorEvent,
    /// Watches get `410 Expired`, as after a compaction.
    Expired,
    /// The response head never ends: header lines without end.
    EndlessHead,
    /// The response head never comes; the connection stays open.
    NoAnswer,
    /// Requests that change something are done, and answered after this time.
    LateWrites(Duration),
    /// Requests that change something are done, and the connection is cut before the answer.
    CutWrites,
    /// Requests that change something get 429 with this `Retry-After`; the rest works.
    ThrottledWrites {
        /// Whole seconds.
        retry_after: u64,
    },
    /// Requests that change something get 503; the rest works.
    UnavailableWrites,
}

impl Fault {
    /// Returns true if requests for the resource get 403.
    pub(super) fn forbids(&self, plural: &str) -> bool {
        matches!(self, Self::Forbidden(which) if which == plural || which == "*")
    }

    /// Returns true if the fault is below HTTP: it concerns whole connections.
    pub(super) fn is_of_connection(&self) -> bool {
        matches!(self, Self::Refuse | Self::BlackHole | Self::BrokenTls | Self::EndlessHead)
    }
}

/// The present fault, and how often watches were cut: a cut that was set and cleared at once still counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    pub(super) current: Fault,
    pub(super) cuts: u64,
}
