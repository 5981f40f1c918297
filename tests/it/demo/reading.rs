//! Discovery, lists, pages, Tables, selectors, single objects, logs, authentication.

use super::*;

#[tokio::test]
async fn discovery_says_the_same_in_both_forms() {
    let fleet = single(35, 10).await;
    let client = client(&fleet, "one").await;
    let groups = client.list_api_groups_aggregated().await.expect("aggregated groups");
    let apps =
        groups.items.iter().find(|group| group.metadata.as_ref().is_some_and(|m| m.name.as_deref() == Some("apps")));
    let version = &apps.expect("the group apps").versions[0];
    let deployments = version.resources.iter().find(|resource| resource.resource.as_deref() == Some("deployments"));
    let deployments = deployments.expect("deployments");
    assert_eq!(deployments.short_names, ["deploy"]);
    assert_eq!(deployments.categories, ["all"]);
    let core = client.list_core_api_versions_aggregated().await.expect("the aggregated core group");
    assert!(core.items[0].versions[0].resources.iter().any(|resource| resource.resource.as_deref() == Some("pods")));

    let legacy = client.list_api_groups().await.expect("groups");
    assert_eq!(legacy.groups.len(), groups.items.len());
    let resources = client.list_api_group_resources("apps/v1").await.expect("resources");
    let deployments = resources.resources.iter().find(|resource| resource.name == "deployments").expect("deployments");
    assert_eq!(deployments.short_names, Some(vec!["deploy".to_owned()]));
    assert!(resources.resources.iter().any(|resource| resource.name == "deployments/scale"));
}

#[tokio::test]
async fn a_server_without_aggregated_discovery_answers_the_old_form() {
    let mut member = Member::new("old", 31, 5, 2);
    member.aggregated = false;
    let fleet = fleet(vec![member]).await;
    let client = client(&fleet, "old").await;
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    assert_eq!(get_as(&client, "/apis", accept).await["kind"], "APIGroupList");
    assert_eq!(get_as(&client, "/api", accept).await["kind"], "APIVersions");
    let databases = get(&client, "/apis/db.example.com/v1beta1/databases").await;
    assert_eq!(databases["kind"], "DatabaseList");
    let (code, ..) = refused(&client, "/apis/db.example.com/v1/databases").await;
    assert_eq!(code, 404);
}

#[tokio::test]
async fn pages_come_from_one_moment() {
    let fleet = single(35, 40).await;
    let client = client(&fleet, "one").await;
    let all = names(&get(&client, "/api/v1/pods").await);
    let first = get(&client, "/api/v1/pods?limit=15").await;
    assert_eq!(first["metadata"]["remainingItemCount"], 25);
    assert!(fleet.delete(
        "one",
        ("", "pods"),
        "checkout",
        all.iter().find_map(|name| name.strip_prefix("checkout/")).expect("a pod")
    ));
    let mut seen = names(&first);
    let mut token = text(&first, "/metadata/continue");
    while !token.is_empty() {
        let page = get(&client, &format!("/api/v1/pods?limit=15&continue={token}")).await;
        assert_eq!(page["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
        seen.extend(names(&page));
        token = text(&page, "/metadata/continue");
    }
    assert_eq!(seen, all);
    let token = text(&get(&client, "/api/v1/pods?limit=15").await, "/metadata/continue");
    fleet.compact("one");
    let (code, reason, _) = refused(&client, &format!("/api/v1/pods?limit=15&continue={token}")).await;
    assert_eq!((code, reason.as_str()), (410, "Expired"));
}

#[tokio::test]
async fn resource_versions_of_lists() {
    let fleet = single(35, 40).await;
    let client = client(&fleet, "one").await;
    let cached = get(&client, "/api/v1/pods?limit=5&resourceVersion=0").await;
    assert_eq!(names(&cached).len(), 40, "a list from the cache ignores limits");
    let revision: u64 = text(&cached, "/metadata/resourceVersion").parse().expect("a number");
    let exact = format!("/api/v1/pods?resourceVersion={revision}&resourceVersionMatch=Exact");
    assert_eq!(names(&get(&client, &exact).await).len(), 40);
    let (code, reason, message) = refused(&client, &format!("/api/v1/pods?resourceVersion={}", revision + 10)).await;
    assert_eq!((code, reason.as_str()), (504, "Timeout"));
    assert!(message.contains("Too large resource version"), "{message}");
    let pod = names(&cached)[0].clone();
    let (namespace, name) = pod.split_once('/').expect("a namespaced name");
    assert!(fleet.delete("one", ("", "pods"), namespace, name));
    assert_eq!(refused(&client, &exact).await.0, 410);
}

#[tokio::test]
async fn lists_are_written_as_a_real_server_writes_them() {
    let fleet = single(35, 10).await;
    let client = client(&fleet, "one").await;
    let pods = client.request_text(request("/api/v1/pods", "application/json")).await.expect("pods");
    assert!(pods.starts_with("{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":"));
    let pods: Value = serde_json::from_str(&pods).expect("JSON");
    assert_eq!(pods["items"][0].get("kind"), None, "items of built-in kinds do not repeat their kind");
    let custom = client.request_text(request("/apis/db.example.com/v1/databases", "application/json")).await;
    let custom = custom.expect("databases");
    assert!(custom.starts_with("{\"apiVersion\":\"db.example.com/v1\",\"items\":[{"));
    let custom: Value = serde_json::from_str(&custom).expect("JSON");
    assert_eq!(custom["items"][0]["kind"], "Database");
    let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let metadata = get_as(&client, "/api/v1/pods", accept).await;
    assert_eq!(metadata["kind"], "PartialObjectMetadataList");
    assert_eq!(metadata["items"][0].get("spec"), None);
    assert_eq!(names(&metadata), names(&pods));
}

#[tokio::test]
async fn tables() {
    let fleet = single(35, 30).await;
    let client = client(&fleet, "one").await;
    let table = get_as(&client, "/api/v1/pods?includeObject=Object", TABLE).await;
    assert_eq!(table["kind"], "Table");
    let columns: Vec<&str> = table["columnDefinitions"]
        .as_array()
        .expect("columns")
        .iter()
        .filter(|column| column["priority"] == 0)
        .filter_map(|column| column["name"].as_str())
        .collect();
    assert_eq!(columns, ["Name", "Ready", "Status", "Restarts", "Age"]);
    assert_eq!(table["rows"][0]["object"]["kind"], "Pod");
    let object = &table["rows"][0]["object"]["metadata"];
    let path = format!("/api/v1/namespaces/{}/pods/{}", text(object, "/namespace"), text(object, "/name"));
    let one = get_as(&client, &path, TABLE).await;
    assert_eq!(one["rows"][0]["cells"], table["rows"][0]["cells"]);
    assert_eq!(one["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let custom = get_as(&client, "/apis/db.example.com/v1/databases?includeObject=None", TABLE).await;
    assert_eq!(custom["rows"][0]["cells"], json!(["orders", "postgres 17", "200Gi", "Ready", 2, "orders-0", "90d"]));
    assert_eq!(custom["rows"][0].get("object"), None);
}

#[tokio::test]
async fn selectors() {
    let fleet = single(35, 60).await;
    let client = client(&fleet, "one").await;
    let count = async |query: &str| names(&get(&client, &format!("/api/v1/pods?{query}")).await).len();
    let api = count("labelSelector=app.kubernetes.io%2Fname%3Dapi").await;
    assert!(api > 0);
    assert_eq!(count("labelSelector=app.kubernetes.io%2Fname+in+%28api%2Cnothing%29").await, api);
    assert_eq!(count("labelSelector=app.kubernetes.io%2Fname%21%3Dapi").await, 60 - api);
    assert_eq!(count("labelSelector=%21app.kubernetes.io%2Fname").await, 0);
    let running = count("fieldSelector=status.phase%3DRunning").await;
    assert_eq!(count("fieldSelector=status.phase%21%3DRunning").await, 60 - running);
    let page = get(&client, "/api/v1/pods?limit=2&fieldSelector=status.phase%3DRunning").await;
    assert_eq!(page["metadata"].get("remainingItemCount"), None, "a filtering server does not count");
    let (code, _, message) = refused(&client, "/api/v1/pods?fieldSelector=spec.color%3Dred").await;
    assert_eq!((code, message.as_str()), (400, "field label not supported: spec.color"));
    assert_eq!(refused(&client, "/api/v1/pods?labelSelector=a+in+%28b").await.0, 400);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_allowed() {
    let fleet = single(35, 5).await;
    let client = client(&fleet, "one").await;
    assert_eq!(
        refused(&client, "/api/v1/namespaces/default/pods/nobody").await,
        (404, "NotFound".to_owned(), "pods \"nobody\" not found".to_owned())
    );
    assert_eq!(
        refused(&client, "/apis/apps/v1/namespaces/default/deployments/nobody").await.2,
        "deployments.apps \"nobody\" not found"
    );
    assert_eq!(refused(&client, "/apis/apps/v1/unicorns").await.0, 404);
    let delete = Request::delete("/api/v1/namespaces/default/pods").body(Vec::new()).expect("a request");
    match client.request::<Value>(delete).await {
        Err(kube::Error::Api(status)) => assert_eq!((status.code, status.reason.as_str()), (405, "MethodNotAllowed")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn tokens_are_checked() {
    let fleet = single(35, 5).await;
    for (with, expected) in
        [("token: wrong", 401), ("username: nobody\n    password: x", 401), ("tokenFile: null", 403)]
    {
        let yaml = fleet.kubeconfig();
        let (head, _) = yaml.split_once("    token: ").expect("a token");
        let yaml = format!("{head}    {with}\n");
        let config = Kubeconfig::from_yaml(&yaml).unwrap_or_else(|error| panic!("{with}: {error}\n{yaml}"));
        let mut config =
            Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.expect("a context");
        config.default_retry = false;
        let client = Client::try_from(config).expect("a client");
        assert_eq!(refused(&client, "/api/v1/pods").await.0, expected, "{with}");
        let ready = client.request_text(request("/readyz", "*/*")).await;
        assert_eq!(ready.is_ok(), expected == 403, "health is for everybody, except with a wrong token");
    }
}

#[tokio::test]
async fn logs() {
    let fleet = single(35, 60).await;
    let client = client(&fleet, "one").await;
    let list = get(&client, "/api/v1/namespaces/checkout/pods?fieldSelector=status.phase%3DRunning").await;
    let pod =
        list["items"].as_array().expect("items").iter().find(|pod| text(pod, "/metadata/name").starts_with("pricing"));
    let path = format!("/api/v1/namespaces/checkout/pods/{}/log", text(pod.expect("a pod"), "/metadata/name"));
    let tail =
        client.request_text(request(&format!("{path}?tailLines=3&timestamps=true"), "*/*")).await.expect("a log");
    assert_eq!(tail.lines().count(), 3);
    assert!(tail.starts_with("2026-11-21T"), "{tail}");
    let again =
        client.request_text(request(&format!("{path}?tailLines=3&timestamps=true"), "*/*")).await.expect("a log");
    assert_eq!(tail, again);
    let recent = client.request_text(request(&format!("{path}?sinceSeconds=30"), "*/*")).await.expect("a log");
    assert!((5..15).contains(&recent.lines().count()), "{recent}");
    let (code, _, message) = refused(&client, &format!("{path}?previous=true")).await;
    assert_eq!(code, 400);
    assert!(message.starts_with("previous terminated container"), "{message}");
    let mut follow = lines(&client, &format!("{path}?follow=true&tailLines=1"), "*/*").await;
    for _ in 0..2 {
        let line = timeout(PATIENCE, follow.try_next()).await.expect("a line in time");
        assert!(line.expect("an unbroken stream").is_some());
    }
}

#[tokio::test]
async fn identity_and_rights() {
    let fleet = single(35, 5).await;
    let client = client(&fleet, "one").await;
    let namespace = get(&client, "/api/v1/namespaces/kube-system").await;
    assert_eq!(text(&namespace, "/metadata/uid").len(), 36);
    let version = client.apiserver_version().await.expect("a version");
    assert_eq!((version.major.as_str(), version.minor.as_str()), ("1", "35"));
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"resource": "pods", "verb": "list"}}});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let request = Request::post(path).body(review.to_string().into_bytes()).expect("a request");
    let answer: Value = client.request(request).await.expect("an answer");
    assert_eq!(answer["status"]["allowed"], true);
}

#[tokio::test]
async fn http_2_is_spoken_to_those_who_ask() {
    use http_body_util::{BodyExt as _, Empty};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};

    let fleet = single(35, 5).await;
    let kubeconfig = Kubeconfig::from_yaml(fleet.kubeconfig()).expect("a kubeconfig");
    let authority = kubeconfig.clusters[0].cluster.as_ref().and_then(|c| c.certificate_authority_data.clone());
    let authority =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, authority.expect("an authority"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&authority.expect("base64")).expect("PEM")).expect("a root");
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut tls = tls.expect("versions").with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let url = fleet.url("one").expect("a cluster");
    let stream = tokio::net::TcpStream::connect(url.trim_start_matches("https://")).await.expect("a connection");
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(tls));
    let stream = connector.connect(name, stream).await.expect("TLS");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = Request::get(format!("{url}/readyz")).body(Empty::<hyper::body::Bytes>::new()).expect("a request");
    let answer = timeout(PATIENCE, sender.send_request(request)).await.expect("an answer in time").expect("an answer");
    assert_eq!(answer.version(), http::Version::HTTP_2);
    assert_eq!(answer.into_body().collect().await.expect("a body").to_bytes(), "ok");
}
