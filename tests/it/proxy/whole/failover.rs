//! When a key moves to another cluster, and when it does not.

use super::*;
use crate::proxy::script::Reply;

const SHOP: &str = "
home: alpha
clusters:
- ALPHA
- BETA
rules:
- name: shop
  failover: true
  conditions: [{type: namespace, value: shop}]
  actions: {targetClusters: [alpha, beta], loadBalancing: cheapest}
";
const PODS: &str = "/api/v1/namespaces/shop/pods";

/// P2: one service without endpoints, or one aggregated API without a backend, moves nobody's namespace, and no write.
#[tokio::test]
async fn a_dead_service_moves_no_namespace() {
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    alpha.turn(|k| {
        k.answer = Some(Arc::new(|asked| {
            let dead = asked.uri.contains("/proxy/") || asked.uri.starts_with("/apis/metrics.k8s.io");
            dead.then(|| Reply::new(503, r#"{"kind":"Status","code":503,"message":"no endpoints available"}"#))
        }));
    });
    let whole = Whole::start(SHOP, &[&alpha, &beta]).await;
    let mut caller = whole.connect().await;
    for path in ["/api/v1/namespaces/shop/services/x/proxy/", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"] {
        for _ in 0..12 {
            assert_eq!(caller.read(path).await.0, 503);
        }
        assert_eq!(caller.server(PODS).await, "alpha");
    }
    let create = caller.request("POST", PODS).body(Full::from("{}")).expect("a request");
    assert_eq!(caller.send(create).await.status(), 200);
    assert_eq!((beta.asked().len(), alpha.asked().last().map(|a| a.method.clone())), (0, Some(hyper::Method::POST)));
}

/// P2: behind a load balancer that answers for it, a dead API server is found out by the probes that its answers ask for.
#[tokio::test]
async fn a_load_balancer_without_its_server_lets_the_next_cluster_take_over() {
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::start(SHOP, &[&alpha, &beta]).await;
    let mut caller = whole.connect().await;
    assert_eq!(caller.server(PODS).await, "alpha");
    alpha.turn(|k| {
        k.ready = 502;
        k.answer = Some(Arc::new(|_| Some(Reply::new(502, "<html>bad gateway</html>"))));
    });
    let moved = async {
        loop {
            match caller.read(PODS).await {
                (502, _) => tokio::time::sleep(Duration::from_millis(10)).await,
                answer => return answer,
            }
        }
    };
    let (status, body) = timeout(PATIENCE, moved).await.expect("it moves");
    assert!(status == 200 && body.contains("\"beta\""), "{status} {body}");
}
