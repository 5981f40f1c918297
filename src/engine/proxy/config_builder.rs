//! From a reading to a configuration in force: everything a reload makes anew, and what it keeps.

use super::audit::{Audit, Policy};
use super::caller::Callers;
use super::caller::review::Reviews;
use super::config::read::ParsedConfig;
use super::config::{AuditSettings, CallerSettings, ProxyConfig, ReviewSettings};
use super::edge::Hosts;
use super::exchange::ActiveConfig;
use super::listen::Trust;
use super::metrics::Metrics;
use super::options::ServeOptions;
use super::rules::RuleTable;
use super::upstream::Upstreams;
use crate::config::yaml;
use crate::engine::clock;
use crate::engine::k8s::client::{self, ClientContext};
use crate::engine::k8s::endpoint::{Endpoint, Material, Secret};
use crate::model::text::Text;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Cache time of a review if `--token-review` asks for reviews and the configuration does not set one.
const REVIEW_CACHE: Duration = Duration::from_secs(10);

/// Builds the active configuration of each reading; lives as long as the proxy.
#[derive(Debug)]
pub(super) struct ActiveConfigBuilder {
    options: ServeOptions,
    surroundings: ClientContext,
    /// The proxy's own uid, and its user's name.
    own: (u32, String),
    token: Secret,
    upstreams: Upstreams,
    metrics: Arc<Metrics>,
    kept: Mutex<Kept>,
}

/// Parts that the next active configuration may take over.
#[derive(Debug, Default)]
struct Kept {
    audit: Option<(AuditSettings, Option<Arc<Audit>>)>,
    /// Callers with the results of reviews: kept while the settings and the home endpoint stay the same.
    callers: Option<(CallerSettings, Option<Arc<Endpoint>>, Arc<Callers>)>,
}

/// An active configuration that is ready to be put in force.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) scene: ActiveConfig,
    /// Messages for the user, one line each.
    pub(super) notes: Vec<String>,
}

impl ActiveConfigBuilder {
    pub(super) fn new(
        (options, surroundings): (ServeOptions, ClientContext),
        (own, token): ((u32, String), Secret),
        upstreams: Upstreams,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { options, surroundings, own, token, upstreams, metrics, kept: Mutex::default() }
    }

    /// Returns the configuration of a reading with the additions of the command line.
    pub(super) fn config(&self, reading: &ParsedConfig) -> ProxyConfig {
        let mut config = reading.config.clone();
        if !self.options.region.is_empty() {
            config.region.clone_from(&self.options.region);
        }
        if self.options.token_review && config.callers.token_review.is_none() {
            config.callers.token_review = Some(ReviewSettings { audiences: Vec::new(), cache: REVIEW_CACHE });
        }
        if let Some(file) = &self.options.client_ca {
            config.callers.client_ca = Some(Material::File(file.clone()));
        }
        config
    }

    /// Returns the means of authentication besides the published token. Fails if the file of the client CA cannot be
    /// read.
    pub(super) fn trust(config: &ProxyConfig) -> Result<Trust, String> {
        let client_ca = match &config.callers.client_ca {
            None => None,
            Some(Material::Inline(pem)) => Some(pem.0.clone().into_bytes()),
            Some(Material::File(path)) => Some(text(path)?.into_bytes()),
        };
        Ok(Trust { client_ca, token_review: config.callers.token_review.is_some() })
    }

    /// Builds everything a configuration of [`Self::config`] needs to be in force. Fails if a part cannot be built;
    /// the configuration in force is unchanged then. A result must be put in force, since connections it does not need
    /// are closed. Call it within a runtime.
    pub(super) fn assemble(&self, config: ProxyConfig, hosts: Hosts) -> Result<Assembled, String> {
        let table = RuleTable::compile(&config)?;
        let mut notes = Vec::new();
        notes.extend(read_only(&config));
        let audit = self.audit(&config.audit, &mut notes)?;
        let callers = self.callers(&config)?;
        let hosts = config.callers.allowed_origins.iter().fold(hosts, |hosts, origin| hosts.origin(origin));
        // Last: from here on nothing is refused, and connections may be let go.
        let members = self.upstreams.apply(&config);
        let handles = self.metrics.handles(&config);
        Ok(Assembled { scene: ActiveConfig::new(config, table, members, handles, (callers, hosts, audit)), notes })
    }

    fn callers(&self, config: &ProxyConfig) -> Result<Arc<Callers>, String> {
        let settings = &config.callers;
        let home = config.home.and_then(|home| config.clusters.get(home)?.endpoints.first()).map(Arc::clone);
        let mut kept = self.kept.lock();
        if let Some((before, at, callers)) = &kept.callers
            && before == settings
            && *at == home
        {
            return Ok(Arc::clone(callers));
        }
        let reviews = match (&settings.token_review, &home) {
            (None, _) => None,
            (Some(_), None) => {
                return Err("tokens are to be reviewed by the home cluster, and there is none".to_owned());
            }
            (Some(review), Some(home)) => {
                let access = home.access.clone().with_token_reviews();
                let home = Arc::new(Endpoint { access, ..Endpoint::clone(home) });
                let connection = client::build(&home, &self.surroundings)
                    .map_err(|why| format!("tokens are to be reviewed by the home cluster: {why}"))?;
                Some(Reviews::over(&connection, review))
            }
        };
        let callers = Arc::new(Callers::new(settings, (self.own.0, &self.own.1), reviews));
        callers.accept([self.token.0.as_str()]);
        kept.callers = Some((settings.clone(), home, Arc::clone(&callers)));
        Ok(callers)
    }

    fn audit(&self, settings: &AuditSettings, notes: &mut Vec<String>) -> Result<Option<Arc<Audit>>, String> {
        let policy = match &settings.policy {
            None => Policy::default(),
            Some(path) => {
                let (policy, remarks) =
                    Policy::read(&text(path)?).map_err(|why| format!("audit policy {}: {why}", path.display()))?;
                notes.extend(remarks);
                policy
            }
        };
        let mut kept = self.kept.lock();
        if let Some((before, audit)) = &kept.audit
            && before == settings
        {
            if let Some(audit) = audit {
                audit.set_policy(policy);
            }
            return Ok(audit.clone());
        }
        let audit = Audit::open(settings, policy, clock::seed(), clock::now_micros)?.map(Arc::new);
        kept.audit = Some((settings.clone(), audit.clone()));
        Ok(audit)
    }
}

/// Returns a note for each setting that makes clusters read-only, with their names.
fn read_only(config: &ProxyConfig) -> Vec<String> {
    let mut clusters: BTreeMap<Text, Vec<&str>> = BTreeMap::new();
    for cluster in &config.clusters {
        if let Some(rule) = cluster.access().rule() {
            clusters.entry(rule.clone()).or_default().push(&cluster.name);
        }
    }
    let note = |(rule, names): (Text, Vec<&str>)| {
        let all = names.len() == config.clusters.len();
        if all {
            format!("all clusters are read-only ({rule})")
        } else {
            format!("read-only ({rule}): {}", names.join(", "))
        }
    };
    clusters.into_iter().map(note).collect()
}

fn text(path: &Path) -> Result<String, String> {
    let shown = path.display().to_string();
    yaml::read(path, &shown).map_err(|flaw| flaw.to_string())?.ok_or_else(|| format!("{shown}: there is no such file"))
}
