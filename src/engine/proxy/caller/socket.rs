//! Unix sockets: the kernel says which uid is at the other end.

use super::{Caller, Means};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The callers that may use the socket, by uid.
#[derive(Debug, Default)]
pub struct Uids(Vec<(u32, Arc<Caller>)>);

impl Uids {
    /// Creates callers for the proxy's own uid and user name, and for others by their configured names; all are in
    /// `groups`.
    pub fn new(own: (u32, &str), others: &BTreeMap<u32, String>, groups: &Arc<[Arc<str>]>) -> Self {
        let caller = |(uid, user): (u32, &str)| {
            let mut caller = Caller::plain(user, Means::Socket);
            caller.uid = Some(uid.to_string().into());
            caller.groups = Arc::clone(groups);
            (uid, Arc::new(caller))
        };
        let others = others.iter().map(|(uid, user)| (*uid, user.as_str()));
        // A name that was given comes before the proxy's own.
        Self(others.chain([own]).map(caller).collect())
    }

    /// Returns the caller of a uid; `None` if the uid may not use the socket.
    pub fn caller(&self, uid: u32) -> Option<Arc<Caller>> {
        self.0.iter().find(|(own, _)| *own == uid).map(|(_, caller)| Arc::clone(caller))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_uids_are_callers() {
        let groups: Arc<[Arc<str>]> = ["local".into()].into();
        let uids = Uids::new((1000, "jane"), &BTreeMap::from([(1001, "app".to_owned())]), &groups);
        let user = |uid: u32| uids.caller(uid).map(|caller| format!("{} {:?}", caller.user, caller.groups));
        assert_eq!(user(1000).as_deref(), Some("jane [\"local\"]"));
        assert_eq!(user(1001).as_deref(), Some("app [\"local\"]"));
        assert_eq!(user(0), None);
        assert_eq!(Uids::default().caller(0), None);
        let named = Uids::new((1000, "jane"), &BTreeMap::from([(1000, "bob".to_owned())]), &groups);
        assert_eq!(named.caller(1000).map(|caller| caller.user.to_string()), Some("bob".into()));
    }
}
