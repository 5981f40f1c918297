//! What an idle console asks of an API server: probes and open watches, and nothing else.

use std::thread::sleep;
use std::time::Duration;

use quarterdeck::demo::{Clock, Fleet, Options};
use quarterdeck::engine::clock;

use crate::figure::{Figure, Unit};
use crate::screen::{Console, counts};
use crate::{Outcome, Plan};

/// The fleet runs in this process, because its requests are counted; nothing here measures time.
pub(crate) fn idle(plan: &Plan) -> Outcome<Vec<Figure>> {
    let start = jiff::Timestamp::from_second(clock::now().0)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let fleet = runtime.block_on(Fleet::start(Options::uniform(3, 200, 0, 7, Clock::running(start))))?;
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    fleet.write_kubeconfig(&kubeconfig)?;
    let console = Console::open(&kubeconfig)?;
    console.until("all rows", |text| counts(text).complete == 3)?;
    // Documents that follow the first rows (metadata of custom resources, identity) are part of the start.
    sleep(Duration::from_secs(10));

    let minutes = plan.idle.as_secs() / 60;
    let per = |what: &str| format!("{what}, of one cluster in {minutes} min");
    let mut probes = Figure::new(&per("probes"), Unit::Count, None);
    let mut watches = Figure::new(&per("watches opened again"), Unit::Count, None);
    let mut others = Figure::new(&per("other requests"), Unit::Count, 0.0);
    let clusters: Vec<String> = fleet.clusters().map(str::to_owned).collect();
    let before: Vec<usize> = clusters.iter().map(|cluster| fleet.requests(cluster).len()).collect();
    sleep(plan.idle);
    for (cluster, before) in clusters.iter().zip(before) {
        let asked = fleet.requests(cluster).split_off(before);
        let is_probe = |uri: &str| uri.starts_with("/readyz") || uri.starts_with("/version");
        let count = |is: &dyn Fn(&str) -> bool| asked.iter().filter(|request| is(&request.uri)).count();
        let [of_probes, of_watches] = [count(&is_probe), count(&|uri| uri.contains("watch="))];
        let rest = asked.iter().filter(|r| !is_probe(&r.uri) && !r.uri.contains("watch="));
        rest.for_each(|request| crate::say(&format!("  {cluster}: {} {}", request.method, request.uri)));
        #[expect(clippy::cast_precision_loss, reason = "a few dozen requests")]
        for (figure, number) in [(&mut probes, of_probes), (&mut watches, of_watches)] {
            figure.add(number as f64);
        }
        #[expect(clippy::cast_precision_loss, reason = "a few dozen requests")]
        others.add((asked.len() - of_probes - of_watches) as f64);
    }
    console.close();
    Ok(vec![probes, watches, others])
}
