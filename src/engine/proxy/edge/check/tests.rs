use super::*;
use http::Request;

fn hosts() -> Hosts {
    Hosts::new(&["127.0.0.1:6443".parse().unwrap()])
        .name("qd.example")
        .and_then(|hosts| hosts.name("fixed.example:8443"))
        .expect("names")
        .origin("https://console.example")
}

struct Try {
    method: &'static str,
    uri: &'static str,
    version: Version,
    lines: Vec<(&'static str, String)>,
}

impl Try {
    fn h1(uri: &'static str) -> Self {
        Self { method: "GET", uri, version: Version::HTTP_11, lines: Vec::new() }
    }

    fn h2(uri: &'static str) -> Self {
        Self { version: Version::HTTP_2, ..Self::h1(uri) }
    }

    fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.lines.push((name, value.to_owned()));
        self
    }

    fn here(self) -> Self {
        self.with("host", "127.0.0.1:6443")
    }

    fn refusal(self) -> Option<(u16, &'static str)> {
        let h2 = self.version == Version::HTTP_2;
        let builder = Request::builder().method(self.method).uri(self.uri).version(self.version);
        let request = self.lines.iter().fold(builder, |request, (name, value)| request.header(*name, value));
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        check(&parts, &hosts(), h2).err().map(|refusal| (refusal.code, refusal.label))
    }
}

#[test]
fn requests_of_clients_pass() {
    assert_eq!(Try::h1("/api/v1/pods").here().refusal(), None);
    assert_eq!(Try::h2("https://127.0.0.1:6443/api/v1/pods").refusal(), None);
    assert_eq!(Try::h2("https://127.0.0.1:6443/api/v1/pods").with("host", "127.0.0.1:6443").refusal(), None);
    assert_eq!(Try::h1("/api").here().method("POST").with("content-length", "3").refusal(), None);
    assert_eq!(Try::h1("/api").here().method("POST").with("transfer-encoding", "Chunked").refusal(), None);
    assert_eq!(Try::h1("/api").here().method("OPTIONS").refusal(), None);
    assert_eq!(Try::h1("/api").here().with("sec-fetch-site", "none").refusal(), None);
}

#[test]
fn only_our_own_names_are_answered_to() {
    for host in ["localhost:6443", "LOCALHOST:6443", "[::1]:6443", "[0:0::1]:6443", "qd.example", "Qd.Example:7000"] {
        assert_eq!(Try::h1("/").with("host", host).refusal(), None, "{host}");
    }
    assert_eq!(Try::h1("/").with("host", "fixed.example:8443").refusal(), None);
    for host in [
        "evil.example:6443",
        "localhost.evil.example:6443",
        "127.0.0.1",
        "localhost",
        "localhost:443",
        "127.0.0.1:6444",
        "127.1:6443",
        "127.0.0.2:6443",
        "[::2]:6443",
        "[::1]",
        "fixed.example",
        "fixed.example:6443",
    ] {
        assert_eq!(Try::h1("/").with("host", host).refusal(), Some((421, "host")), "{host}");
    }
    for host in
        ["", ":6443", "a b:6443", "localhost:", "localhost:+6443", "localhost:66443", "u@localhost:6443", "[::1"]
    {
        assert_eq!(Try::h1("/").with("host", host).refusal().map(|r| r.1), Some("host"), "{host:?}");
    }
    assert_eq!(Try::h2("https://evil.example:6443/").refusal(), Some((421, "host")));
}

#[test]
fn addresses_of_a_listener_on_all_of_them_are_ours() {
    let hosts = Hosts::new(&["0.0.0.0:443".parse().unwrap()]);
    assert!(hosts.accept("10.1.2.3").is_ok());
    assert!(hosts.accept("10.1.2.3:443").is_ok());
    assert!(hosts.accept("localhost").is_ok());
    assert!(hosts.accept("10.1.2.3:6443").is_err());
    assert!(hosts.accept("evil.example").is_err());
    let socket = Hosts::new(&[]).socket();
    assert!(socket.accept("localhost").is_ok());
    assert!(socket.accept("evil.example").is_err());
}

#[test]
fn a_name_must_be_one() {
    for text in ["", "https://a", "*.example", "a/b", "a:x", "a:"] {
        assert!(Hosts::default().name(text).is_err(), "{text}");
    }
}

#[test]
fn there_is_one_host() {
    assert_eq!(Try::h1("/").refusal(), Some((400, "host")));
    assert_eq!(Try::h1("/").here().here().refusal(), Some((400, "host")));
    assert_eq!(Try::h2("/").refusal(), Some((400, "host")));
    assert_eq!(Try::h2("https://127.0.0.1:6443/").with("host", "localhost:6443").refusal(), Some((400, "host")));
    assert_eq!(Try::h2("https://127.0.0.1:6443/").here().here().refusal(), Some((400, "host")));
}

#[test]
fn this_is_no_forward_proxy() {
    assert_eq!(Try::h1("http://127.0.0.1:6443/").here().refusal(), Some((400, "target")));
    assert_eq!(Try::h1("https://elsewhere/").here().refusal(), Some((400, "target")));
    assert_eq!(Try::h1("elsewhere:443").here().method("CONNECT").refusal(), Some((405, "method")));
    assert_eq!(Try::h1("elsewhere:443").here().refusal(), Some((400, "target")));
    assert_eq!(Try::h1("*").here().method("OPTIONS").refusal(), Some((405, "method")));
    assert_eq!(Try::h1("/").here().method("TRACE").refusal(), Some((405, "method")));
    assert_eq!(Try::h1("/").here().method("get").refusal(), Some((405, "method")));
    assert_eq!(Try::h2("elsewhere:443").method("CONNECT").refusal(), Some((405, "method")));
}

#[test]
fn pages_of_browsers_are_refused() {
    let origin = |origin: &str| Try::h1("/").here().with("origin", origin);
    for page in ["https://evil.example", "null", "", "http://127.0.0.1:6443", "https://console.example.evil"] {
        assert_eq!(origin(page).refusal(), Some((403, "origin")), "{page}");
    }
    assert_eq!(origin("https://console.example").refusal(), None);
    assert_eq!(origin("https://console.example").with("sec-fetch-site", "cross-site").refusal(), None);
    assert_eq!(origin("https://console.example").with("origin", "null").refusal(), Some((403, "origin")));
    for site in ["cross-site", "same-site", "", "None"] {
        assert_eq!(Try::h1("/").here().with("sec-fetch-site", site).refusal(), Some((403, "origin")), "{site}");
    }
}

/// P3: the Python client, and whoever else uses websocket-client, names the server's own origin.
#[test]
fn the_own_origin_passes_and_another_does_not() {
    let of = |host: &str, origin: &str| Try::h1("/").with("host", host).with("origin", origin);
    for (host, origin) in [
        ("127.0.0.1:6443", "https://127.0.0.1:6443"),
        ("localhost:6443", "https://LOCALHOST:6443"),
        ("[::1]:6443", "https://[0:0::1]:6443"),
        // A load balancer listens where the name has no port.
        ("qd.example", "https://qd.example"),
        ("qd.example", "https://qd.example:443"),
        ("qd.example:443", "https://qd.example"),
        ("fixed.example:8443", "https://fixed.example:8443"),
    ] {
        assert_eq!(of(host, origin).refusal(), None, "{origin} at {host}");
        assert_eq!(of(host, origin).with("sec-fetch-site", "same-origin").refusal(), None, "{origin} at {host}");
        assert_eq!(of(host, origin).with("sec-fetch-site", "cross-site").refusal(), Some((403, "origin")));
        assert_eq!(of(host, origin).with("origin", origin).refusal(), Some((403, "origin")), "twice");
    }
    assert_eq!(Try::h2("https://127.0.0.1:6443/").with("origin", "https://127.0.0.1:6443").refusal(), None);
    for (host, origin) in [
        ("127.0.0.1:6443", "http://127.0.0.1:6443"),
        ("127.0.0.1:6443", "https://127.0.0.1"),
        ("127.0.0.1:6443", "https://127.0.0.1:6444"),
        ("127.0.0.1:6443", "https://localhost:6443"),
        ("127.0.0.1:6443", "https://127.0.0.1:6443/"),
        ("127.0.0.1:6443", "https://127.0.0.1:6443@evil.example"),
        ("127.0.0.1:6443", "wss://127.0.0.1:6443"),
        ("127.0.0.1:6443", "127.0.0.1:6443"),
        ("qd.example", "http://qd.example"),
        ("qd.example", "https://qd.example.evil"),
        ("qd.example", "https://fixed.example:8443"),
    ] {
        assert_eq!(of(host, origin).refusal(), Some((403, "origin")), "{origin} at {host}");
    }
    // A name that is not ours stays so, whatever the page says.
    assert_eq!(of("evil.example:6443", "https://evil.example:6443").refusal(), Some((421, "host")));
    // A Unix socket speaks no TLS.
    let socket = Hosts::new(&["127.0.0.1:6443".parse().unwrap()]).socket();
    assert_eq!(socket.origin_of("http://localhost", "localhost"), Some(Source::Own));
    assert_eq!(socket.origin_of("https://localhost", "localhost"), None);
    assert_eq!(socket.origin_of("https://localhost:6443", "localhost:6443"), Some(Source::Own));
}

#[test]
fn origins_that_are_allowed_are_compared_as_browsers_write_them() {
    let hosts = Hosts::default().origin("https://Console.example:443").origin("http://localhost:8080");
    for origin in ["https://console.example", "http://localhost:8080"] {
        assert_eq!(hosts.origin_of(origin, "qd.example"), Some(Source::Allowed), "{origin}");
    }
    for origin in ["http://console.example", "https://localhost:8080", "http://localhost", "null", "*"] {
        assert_eq!(hosts.origin_of(origin, "qd.example"), None, "{origin}");
    }
    assert_eq!(Hosts::default().origin("*").origin_of("null", "qd.example"), Some(Source::Allowed));
}

#[test]
fn a_body_has_one_length() {
    let post = || Try::h1("/").here().method("POST");
    assert_eq!(
        post().with("content-length", "3").with("transfer-encoding", "chunked").refusal(),
        Some((400, "framing"))
    );
    assert_eq!(post().with("content-length", "3").with("content-length", "3").refusal(), Some((400, "framing")));
    for coding in ["gzip, chunked", "chunked, chunked", "identity", "xchunked", ""] {
        assert_eq!(post().with("transfer-encoding", coding).refusal(), Some((400, "framing")), "{coding}");
    }
    let twice = post().with("transfer-encoding", "chunked").with("transfer-encoding", "chunked");
    assert_eq!(twice.refusal(), Some((400, "framing")));
    let old = Try { version: Version::HTTP_10, ..post().with("transfer-encoding", "chunked") };
    assert_eq!(old.refusal(), Some((400, "framing")));
}

#[test]
fn many_or_long_headers_are_refused() {
    let lines = |count: usize| (0..count).fold(Try::h1("/").here(), |one, _| one.with("x-group", "g"));
    assert_eq!(lines(HEADERS_MAX - 1).refusal(), None);
    assert_eq!(lines(HEADERS_MAX).refusal(), Some((431, "headers")));
    let long = |bytes: usize| Try::h1("/").here().with("x", &"a".repeat(bytes));
    assert_eq!(long(HEADER_BYTES_MAX - 20).refusal(), None);
    assert_eq!(long(HEADER_BYTES_MAX).refusal(), Some((431, "headers")));
}

#[test]
fn a_body_in_chunks_ends_its_connection() {
    let parts = |version: Version, coding: bool| {
        let request = Request::post("/").version(version);
        let request = if coding { request.header("transfer-encoding", "chunked") } else { request };
        request.body(()).unwrap().into_parts().0
    };
    assert!(closes(&parts(Version::HTTP_11, true)));
    assert!(!closes(&parts(Version::HTTP_11, false)));
}
