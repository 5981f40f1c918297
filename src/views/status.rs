//! The status line: the last message, for as long as it takes to read it.

use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::protocol::{Severity, Snapshot};

/// A line that says what came of the last thing done, or what the engine has to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// How much it matters.
    pub severity: Severity,
    /// The text, unwrapped.
    pub text: String,
    /// When it makes room for what is missing: seconds are enough to read a line.
    pub until: UnixSeconds,
}

/// How long a message stays when no key is pressed.
const MESSAGE_S: i64 = 10;

/// The message that is shown, and the notices of the engine that were.
#[derive(Debug, Default)]
pub struct StatusLine {
    message: Option<Message>,
    /// Notices up to this number have been shown.
    seen_notice: u64,
}

impl StatusLine {
    /// Returns the message that is shown.
    pub fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// Shows a message.
    pub fn say(&mut self, now: UnixSeconds, severity: Severity, text: &str) {
        let until = UnixSeconds(now.0.saturating_add(MESSAGE_S));
        self.message = Some(Message { severity, text: text.to_owned(), until });
    }

    /// Takes the message away.
    pub fn clear(&mut self) {
        self.message = None;
    }

    /// Takes the message away once its time is over.
    pub fn expire(&mut self, now: UnixSeconds) {
        self.message.take_if(|message| message.until <= now);
    }

    /// Returns true if no warning or error is shown.
    pub fn is_free(&self) -> bool {
        self.message.as_ref().is_none_or(|message| message.severity == Severity::Note)
    }

    /// Shows the worst of the notices that are new.
    pub fn take_notices(&mut self, snapshot: &Snapshot, now: UnixSeconds) {
        let Some(newest) = snapshot.notices.last() else { return };
        // Why there is no cluster stands where they would be.
        let is_shown = |text: &Text| snapshot.clusters.is_empty() && snapshot.inventory.contains(text);
        let unseen = snapshot.notices.iter().filter(|n| n.number > self.seen_notice && !is_shown(&n.text));
        let worst = unseen.filter(|n| n.severity > Severity::Note);
        if let Some(notice) = worst.max_by_key(|n| (n.severity, n.number)) {
            let cluster = notice.cluster.as_ref().map_or_else(String::new, |c| format!("{c}: "));
            self.say(now, notice.severity, &format!("{cluster}{}", notice.text));
        }
        self.seen_notice = newest.number;
    }
}
