//! What all proxies share: certificates, the upstream, the programs, and which core is whose.

use std::env;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::live::proxy::serving::PROGRAM;
use crate::live::rig::{Authority, Process, Programs, until};
use crate::peers::{free, is_program};
use crate::{Outcome, say};

/// The core of the proxies. Everything else is on the next one: upstream, generators, and this program.
pub(crate) const CORE: usize = 0;
pub(crate) const OTHER_CORE: usize = 1;

/// The credential that a proxy puts in the place of the caller's.
pub(crate) const TOKEN: &str = "upstream-token";

/// What is asked for: an object of 1,013 bytes, and a list of about 1 MB.
pub(crate) const SMALL: &str = "/api/v1/namespaces/bench/pods/small";
pub(crate) const LIST: &str = "/api/v1/namespaces/bench/pods";
const SMALL_BYTES: usize = 1_013;
const LIST_ITEMS: usize = 1_011;

/// The folder with HAProxy, nginx, wrk and h2load, as far as they can be had.
#[derive(Clone, Debug)]
pub(crate) struct Fetched(Option<PathBuf>);

impl Fetched {
    fn find() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/proxy/fetch.sh");
        let output = Command::new(script).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let printed = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
        Self(printed.map(|text| PathBuf::from(String::from_utf8_lossy(&text).trim())))
    }

    /// A program by its path in the packages.
    pub(crate) fn path(&self, program: &str) -> Option<String> {
        let path = self.0.as_ref()?.join("root").join(program);
        is_program(&path).then(|| path.to_string_lossy().into_owned())
    }

    /// Where its libraries are.
    pub(crate) fn libraries(&self) -> String {
        let root = self.0.clone().unwrap_or_default().join("root");
        let folders = ["usr/lib", "lib"].map(|lib| root.join(lib).join(format!("{}-linux-gnu", env::consts::ARCH)));
        folders.map(|folder| folder.to_string_lossy().into_owned()).join(":")
    }
}

/// Everything that is there before the first proxy is. It all ends with this value.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) programs: Fetched,
    /// PEM.
    pub(crate) authority: String,
    /// The upstream where it speaks HTTP/1.1 only, and where it has HTTP/2.
    pub(crate) one: SocketAddr,
    pub(crate) two: SocketAddr,
    /// Ours, as it is judged.
    pub(crate) program: PathBuf,
    upstream: Option<Process>,
    pub(crate) folder: PathBuf,
    _removal: tempfile::TempDir,
}

impl Stage {
    /// Moves this program to its core and starts the upstream there. What is judged is the program as `scripts/release` left
    /// it, or else as cargo built it.
    pub(crate) fn set(released: bool) -> Outcome<Self> {
        let program = if released { self::released()? } else { PathBuf::from(PROGRAM) };
        if let Some(reason) = Programs::missing() {
            return Err(reason.into());
        }
        let own = std::process::id().to_string();
        let moved = Command::new("taskset").args(["-a", "-c", "-p", &OTHER_CORE.to_string(), &own]).output()?;
        if !moved.status.success() {
            return Err(format!("two cores are needed: {}", String::from_utf8_lossy(&moved.stderr)).into());
        }
        let removal = tempfile::Builder::new().prefix("bench-").tempdir()?;
        let folder = removal.path().to_owned();
        let authority = Authority::new("bench")?;
        authority.write(&folder)?;
        let read = |name: &str| fs::read_to_string(folder.join(name));
        fs::write(folder.join("both.pem"), read("server.crt")? + &read("server.key")?)?;
        fs::write(folder.join("small.json"), small())?;
        fs::write(folder.join("list.json"), list())?;
        // wrk knows no other way to choose a cipher.
        fs::write(folder.join("openssl.cnf"), OPENSSL)?;
        let (one, two) = (free()?, free()?);
        let programs = Fetched::find();
        let authority = authority.certificate();
        let mut stage = Self { programs, authority, one, two, program, upstream: None, folder, _removal: removal };
        stage.start_upstream()?;
        Ok(stage)
    }

    pub(crate) fn is_released(&self) -> bool {
        self.program != Path::new(PROGRAM)
    }

    /// How the program came to be, for the tables.
    pub(crate) fn built(&self) -> &'static str {
        if self.is_released() { "scripts/release" } else { "cargo build --release" }
    }

    fn start_upstream(&mut self) -> Outcome {
        let folder = self.folder.display();
        let server = |listen: String| {
            format!(
                "  server {{
    listen {listen};
    keepalive_requests 100000000;
    keepalive_timeout 1h;
    http2_max_concurrent_streams 100;
    location = /readyz {{ return 200 ok; }}
    location = {SMALL} {{ alias {folder}/small.json; }}
    location = {LIST} {{ alias {folder}/list.json; }}
    location / {{ return 404; }}
  }}
"
            )
        };
        let both = server(format!("{} ssl", self.one)) + &server(format!("{} ssl http2", self.two));
        let words = self.nginx(&both, self.one)?;
        let process = self.start("upstream", None, words)?;
        let process = self.upstream.insert(process);
        for address in [self.one, self.two] {
            until("the upstream", Duration::from_secs(20), || {
                process.check()?;
                Ok(TcpStream::connect(address).map(drop)?)
            })?;
        }
        Ok(())
    }

    /// The command line of an nginx with these servers; `own` names its files.
    pub(crate) fn nginx(&self, servers: &str, own: SocketAddr) -> Outcome<Vec<String>> {
        let program = self.programs.path("usr/sbin/nginx").ok_or("there is no nginx")?;
        let home = self.folder.join(format!("nginx-{}", own.port()));
        fs::create_dir_all(&home)?;
        let (folder, files) = (self.folder.display(), home.display());
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("  {name}_temp_path {files}/{name};\n"))
            .concat();
        let config = format!(
            "daemon off;
master_process off;
error_log stderr error;
pid {files}/pid;
events {{ worker_connections 8000; }}
http {{
  access_log off;
  default_type application/json;
  keepalive_timeout 1h;
{temporary}  ssl_certificate {folder}/server.crt;
  ssl_certificate_key {folder}/server.key;
  ssl_protocols TLSv1.3;
  ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
  merge_slashes off;
{servers}}}
"
        );
        let file = home.join("nginx.conf");
        fs::write(&file, config)?;
        let [file, home] = [file, home].map(|path| path.to_string_lossy().into_owned());
        Ok(vec![program, "-e".to_owned(), "stderr".to_owned(), "-c".to_owned(), file, "-p".to_owned(), home])
    }

    /// Starts a program with its libraries, on a core of its own or on ours. Words before it may set its environment.
    pub(crate) fn start(&self, name: &str, core: Option<usize>, words: Vec<String>) -> Outcome<Process> {
        let home = self.folder.join(format!("home-{name}")).to_string_lossy().replace(' ', "-");
        let home = PathBuf::from(home);
        fs::create_dir_all(&home)?;
        let mut all = vec!["-c".to_owned(), core.unwrap_or(OTHER_CORE).to_string(), "env".to_owned()];
        all.push(format!("LD_LIBRARY_PATH={}", self.programs.libraries()));
        all.extend(words);
        Process::start_at(&Programs::find()?, Path::new("/usr/bin/taskset"), &home, all)
    }

    /// A generator's command, with its libraries and our cipher.
    pub(crate) fn generator(&self, program: &str) -> Outcome<Command> {
        let path = self.programs.path(program).ok_or_else(|| format!("there is no {program}"))?;
        let mut command = Command::new(path);
        command.env("LD_LIBRARY_PATH", self.programs.libraries()).env("OPENSSL_CONF", self.folder.join("openssl.cnf"));
        command.stdin(Stdio::null());
        Ok(command)
    }
}

/// The program as `scripts/release` left it, beside cargo's own.
fn released() -> Outcome<PathBuf> {
    let folders = Path::new(PROGRAM).ancestors().nth(2).ok_or("no target folder")?;
    let program = folders.join("released/qd");
    if is_program(&program) { Ok(program) } else { Err("there is no released program: run scripts/release".into()) }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.upstream.take().map(|mut process| process.end()) {
            say(&format!("the upstream does not end: {error}"));
        }
    }
}

const OPENSSL: &str = "openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = ciphers
[ciphers]
Ciphersuites = TLS_AES_128_GCM_SHA256
";

fn small() -> String {
    let plain = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"small","annotations":{"padding":""}}}"#;
    let padding = format!(r#""padding":"{}""#, "x".repeat(SMALL_BYTES.saturating_sub(plain.len())));
    plain.replace(r#""padding":"""#, &padding)
}

fn list() -> String {
    let items = vec![small(); LIST_ITEMS].join(",");
    format!(r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"1"}},"items":[{items}]}}"#)
}
