//! What a running proxy shows of itself, and does when told: the admin listener's port.

use super::admin_pages::ProxyAdmin;
use super::config::{Action, ProxyConfig, Rule, effective, lines};
use super::listen::Listening;
use super::metrics::{Handles, ScrapeContext};
use super::server::Shared;
use super::target::Clusters;
use super::tester::{self, RoutingState};
use super::upstream::Upstream;
use crate::model::proxy::{Explanation, Routes, RuleFacts, TrafficState};
use crate::model::text::{Text, clean};
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Longest wait for a requested reload, which may read from a home cluster.
const RELOAD: Duration = Duration::from_secs(30);

impl ProxyAdmin for Shared {
    fn metrics(&self, out: &mut String) {
        let (scene, metrics) = (self.carry.scene(), self.carry.metrics());
        let identity = self.gate.identity();
        metrics.certificate_expires("leaf", identity.not_after().0);
        for (member, cluster) in scene.members.iter().zip(&scene.config.clusters) {
            if let Some((at, _)) = member.expiry() {
                metrics.token_expires(member.name(), at.0);
            }
            let insecure = cluster.endpoints.iter().filter(|endpoint| endpoint.insecure).count();
            metrics.insecure_endpoints(member.name(), insecure);
            self.tell_logins(member, &cluster.name);
        }
        let audit = scene.audit.as_ref().map(|audit| {
            let counts = audit.counts();
            [counts.written, counts.dropped, counts.failed]
        });
        let upstreams = scene.members.iter().map(|member| member.facts()).collect();
        metrics.expose(out, ScrapeContext { upstreams, hash: scene.config.hash.clone(), audit });
    }

    fn ready(&self) -> Result<(), String> {
        if self.ending.drain.is_cancelled() { Err("it drains".to_owned()) } else { Ok(()) }
    }

    fn routes(&self) -> Routes {
        let (scene, told, now) = (self.carry.scene(), self.in_force.told.load(), Instant::now());
        let config = &scene.config;
        let name = |place: usize| config.clusters.get(place).map(|c| Text::new(&c.name));
        let rule = |(place, rule)| facts(rule, config, &scene.handles, (place, now));
        Routes {
            at: self.clock.moment().wall,
            listeners: self.gate.listening().iter().map(listener).collect(),
            publish_dir: self.publish_dir.clone(),
            home: config.home.and_then(name),
            rules: config.rules.iter().enumerate().map(rule).collect(),
            clusters: scene.members.iter().map(|member| member.facts()).collect(),
            findings: told.findings.clone(),
            reload: told.reload.clone(),
            tail: self.carry.tail().read(),
            draining: self.ending.drain.is_cancelled(),
            in_flight: u64::from(self.carry.admission().in_flight()),
            long_running: u64::from(self.carry.admission().long_running()),
        }
    }

    fn config(&self) -> String {
        effective::yaml(&self.carry.scene().config, &self.in_force.told.load().origins)
    }

    fn explain(&self, text: &str) -> Result<Explanation, String> {
        let scene = self.carry.scene();
        let standing = |place: usize| scene.members.get(place).map(|member| member.standing()).unwrap_or_default();
        let clusters = Clusters { config: &scene.config, standing: &standing, now: self.clock.moment().wall };
        let ground = RoutingState { table: &scene.table, targets: self.carry.targets(), clusters };
        let caller = scene.callers.local().ok_or("the proxy made no token: nobody is meant")?;
        tester::explain_line(&ground, text, caller)
    }

    fn set_traffic(&self, cluster: &str, state: TrafficState) -> Result<(), String> {
        let scene = self.carry.scene();
        let found = scene.members.iter().find(|member| member.name() == cluster);
        let member = found.ok_or_else(|| {
            let known: Vec<&str> = scene.members.iter().map(|member| member.name()).collect();
            format!("there is no cluster {cluster}; there are {}", known.join(", "))
        })?;
        tracing::warn!(cluster, ?state, "a cluster was switched by hand");
        member.set_traffic(state);
        Ok(())
    }

    fn reload(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let mut readings = self.in_force.readings.subscribe();
            self.nudge.notify_one();
            match timeout(RELOAD, readings.changed()).await {
                Ok(Ok(())) => {}
                // The sender is ours: it is there as long as we are.
                Ok(Err(_)) | Err(_) => return Err(format!("the configuration did not come in {RELOAD:?}")),
            }
            let refused = self.in_force.told.load().reload.refused.clone();
            refused.map_or(Ok(()), |why| Err(why.to_string()))
        })
    }
}

impl Shared {
    /// Adds the logins since the last call to the metrics.
    fn tell_logins(&self, member: &Upstream, name: &Arc<str>) {
        let (counts, metrics) = (member.counts(), self.carry.metrics());
        let mut known = self.in_force.logins.lock();
        let (done, failed) = known.entry(Arc::clone(name)).or_default();
        for (known, now, ok) in [(done, counts.logins, true), (failed, counts.logins_failed, false)] {
            // A cluster whose way there changed counts anew.
            let more = if now < *known { now } else { now - *known };
            *known = now;
            if more > 0 {
                metrics.tokens_refreshed(name, ok, more);
            }
        }
    }
}

fn listener(one: &Listening) -> Text {
    match &one.cluster {
        None => Text::from(one.address.to_string()),
        Some(cluster) => Text::from(format!("{} ({} only)", one.address, clean(cluster))),
    }
}

fn facts(rule: &Rule, config: &ProxyConfig, handles: &Handles, (place, now): (usize, Instant)) -> RuleFacts {
    let traffic = handles.traffic(Some(place), now);
    let targets = match &rule.action {
        Action::Route { targets, .. } => targets.as_slice(),
        Action::Deny { .. } => &[],
    };
    let name = |place: &usize| config.clusters.get(*place).map(|c| Text::new(&c.name));
    RuleFacts {
        name: Text::new(&rule.name),
        priority: rule.priority,
        when: Text::from(lines::when(rule)),
        then: Text::from(lines::then(rule, config)),
        targets: targets.iter().filter_map(name).collect(),
        hits: traffic.hits,
        errors: traffic.errors,
        p50_us: traffic.p50_us,
        p99_us: traffic.p99_us,
        place: Text::new(clean(&rule.place)),
    }
}
