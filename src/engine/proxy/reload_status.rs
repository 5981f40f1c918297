//! The configuration in force and the last one that was read, as the status shows them.

use super::config::read::ParsedConfig;
use crate::model::proxy::{Finding, Reload};
use crate::model::text::{Text, clean};
use crate::model::time::UnixSeconds;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// Facts about the configuration in force, and about the last one that was read.
#[derive(Debug)]
pub(super) struct ReloadStatus {
    pub(super) told: ArcSwap<Told>,
    /// Changes with each reading, refused ones included.
    pub(super) readings: watch::Sender<u64>,
    /// Logins of each cluster that the metrics include: successful and failed.
    pub(super) logins: Mutex<BTreeMap<Arc<str>, (u64, u64)>>,
}

#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) reload: Reload,
    pub(super) findings: Vec<Finding>,
    /// Positions of the values in their documents.
    pub(super) origins: BTreeMap<String, String>,
}

impl ReloadStatus {
    pub(super) fn new(reading: &ParsedConfig, now: UnixSeconds) -> Self {
        let told = Told::of(reading, now, 0);
        Self { told: ArcSwap::from_pointee(told), readings: watch::channel(0).0, logins: Mutex::default() }
    }

    pub(super) fn installed(&self, reading: &ParsedConfig, now: UnixSeconds) {
        let count = self.told.load().reload.count + 1;
        self.told.store(Arc::new(Told::of(reading, now, count)));
        self.readings.send_modify(|count| *count += 1);
    }

    pub(super) fn refused(&self, why: &str, now: UnixSeconds) {
        let mut told = Told::clone(&self.told.load());
        told.reload.at = now;
        told.reload.refused = Some(Text::new(clean(why)));
        self.told.store(Arc::new(told));
        self.readings.send_modify(|count| *count += 1);
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        self.told.load().findings.clone()
    }
}

impl Told {
    fn of(reading: &ParsedConfig, at: UnixSeconds, count: u64) -> Self {
        let config = &reading.config;
        Self {
            reload: Reload {
                at,
                hash: Text::new(&config.hash),
                origin: Text::new(clean(&config.origin)),
                refused: None,
                count,
            },
            findings: reading.findings.clone(),
            origins: reading.origins.clone(),
        }
    }
}
