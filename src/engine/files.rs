//! Files of this program: private ones that are replaced whole, and watches on files that others change.

pub(crate) mod folder;
pub(crate) mod private;
pub mod watch;
