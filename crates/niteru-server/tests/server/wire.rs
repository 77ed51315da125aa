//! Over real connections: TLS, slow and greedy clients, a clean end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use niteru_server::{ServerError, ServerOptions, Stopper, TlsFiles};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::{Place, options};

/// Longest wait for an answer, or for the end of a connection: much longer than the server waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server with connections, which ends with the value.
pub(crate) struct Running {
    pub(crate) address: String,
    pub(crate) setup_code: Option<String>,
    stopper: Stopper,
    thread: Option<JoinHandle<Result<(), ServerError>>>,
    pub(crate) folder: tempfile::TempDir,
}

/// An answer's head, in lower case, and its body.
pub(crate) struct Told {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Told {
    pub(crate) fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Running {
    pub(crate) fn start(options: ServerOptions) -> Running {
        let Place { server, folder } = Place::over(tempfile::tempdir().unwrap(), options);
        Running {
            address: server.address().to_string(),
            setup_code: server.setup_code(),
            stopper: server.stopper(),
            thread: Some(std::thread::spawn(|| server.run())),
            folder,
        }
    }

    /// Sends a request with JSON, or without a body, and waits for no answer.
    pub(crate) fn send(&self, request: &str, headers: &[(&str, &str)], json: &str) -> TcpStream {
        let mut text = format!("{request} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            text += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !json.is_empty() {
            let length = json.len();
            text += &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        }
        let mut stream = self.connect();
        stream
            .write_all(format!("{text}\r\n{json}").as_bytes())
            .unwrap();
        stream
    }

    /// Sends a request, and waits for the answer.
    pub(crate) fn ask(&self, request: &str, headers: &[(&str, &str)], json: &str) -> Told {
        let mut answer = Vec::new();
        self.send(request, headers, json)
            .read_to_end(&mut answer)
            .unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let line = |line: &str| match line.split_once(": ") {
            Some((name, value)) => format!("{}: {value}\n", name.to_lowercase()),
            None => format!("{line}\n"),
        };
        Told {
            head: head.lines().map(line).collect(),
            body: body.to_owned(),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub(crate) fn stop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn health(stream: &mut (impl Read + Write), host: &str) -> String {
    let request = format!("GET /api/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A TLS connection may end without a farewell.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn it_answers_and_ends_cleanly() {
    let mut running = Running::start(options(false));
    let answer = health(&mut running.connect(), &running.address);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // A connection that is kept open does not hold up the end.
    let mut open = running.connect();
    let request = format!(
        "GET /api/health HTTP/1.1\r\nHost: {}\r\n\r\n",
        running.address
    );
    open.write_all(request.as_bytes()).unwrap();
    open.read_exact(&mut [0; 12]).unwrap();
    let started = Instant::now();
    running.stop();
    // For what does not end, the server waits ten seconds.
    assert!(
        started.elapsed() < Duration::from_secs(9),
        "{:?}",
        started.elapsed()
    );
    assert!(TcpStream::connect(&running.address).is_err());
}

#[test]
fn changes_whose_clients_hung_up_are_done_before_the_end() {
    const USERS: usize = 3;
    const READ_ON: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut running = Running::start(options(false));
    let me = running.ask("GET /api/me", &[], "").json();
    let csrf = me["csrf"].as_str().unwrap().to_owned();
    let add = |number: usize| {
        let user = format!(
            r#"{{"name":"user {number}","password":"correct horse battery","role":"viewer"}}"#
        );
        let headers = [("x-niteru-csrf", &*csrf), ("expect", "100-continue")];
        running.send("POST /api/users", &headers, &user)
    };
    // Each hashes a password, two at a time.
    let mut sent: Vec<TcpStream> = (0..USERS).map(add).collect();
    // What was not begun is not done, either. The server says so when it begins to read what is to be added.
    for stream in &mut sent {
        let mut told = [0; READ_ON.len()];
        stream.read_exact(&mut told).unwrap();
        assert_eq!(told, READ_ON);
    }
    drop(sent);
    let started = Instant::now();
    running.stop();
    assert!(started.elapsed() < PATIENCE);
    let home = niteru_store::Home::open(running.folder.path().join("home")).unwrap();
    let mut names: Vec<String> = home
        .users()
        .unwrap()
        .into_iter()
        .map(|user| user.name)
        .collect();
    names.sort_by_key(|name| name[5..].parse::<usize>().unwrap());
    let expected: Vec<String> = (0..USERS).map(|number| format!("user {number}")).collect();
    assert_eq!(names, expected);
    // And the audit log knows of each.
    let entries = home.audit_entries(None, 1000).unwrap();
    let added = entries
        .iter()
        .filter(|entry| entry.action == "user.add" && entry.status == 201);
    assert_eq!(added.count(), USERS);
}

#[test]
fn slow_and_greedy_clients_are_cut_off() {
    let running = Running::start(options(false));
    // Nothing at all.
    let silent = running.connect();
    // Headers that never end.
    let mut slow = running.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    // Headers without end.
    let mut greedy = running.connect();
    greedy.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let line = format!("X-Filler: {}\r\n", "x".repeat(1000));
    for _ in 0..200 {
        if greedy.write_all(line.as_bytes()).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let _ = greedy.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    // Others are answered meanwhile.
    assert!(health(&mut running.connect(), &running.address).starts_with("HTTP/1.1 200"));
    for mut held in [slow, silent] {
        let ended = held.read_to_end(&mut Vec::new());
        // The connection was closed; a read that only waited too long says WouldBlock.
        let waited = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!waited, "it is not cut off");
    }
}

#[test]
fn connections_are_secured_with_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let mut secured = options(true);
    secured.tls = Some(files);
    let running = Running::start(secured);

    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(made.cert.der().to_vec()))
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(client, running.connect());
    let answer = health(&mut stream, "localhost");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("strict-transport-security"), "{answer}");
    // Without TLS there is no answer.
    let answer = health(&mut running.connect(), "localhost");
    assert!(!answer.contains("200 OK"), "{answer}");
}

#[test]
fn bad_certificates_are_refused_with_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let certificate = write("cert.pem", made.cert.pem());
    let key = write("key.pem", made.signing_key.serialize_pem());
    let others = write("other.pem", other.signing_key.serialize_pem());
    let empty = write("empty.pem", String::new());
    let gone = folder.path().join("gone.pem");
    let table = [
        (&gone, &key, "gone.pem"),
        (&empty, &key, "empty.pem"),
        (&certificate, &empty, "empty.pem"),
        (&certificate, &gone, "gone.pem"),
        (&certificate, &others, "cert.pem"),
    ];
    for (certificate, key, named) in table {
        let home = tempfile::tempdir().unwrap();
        let mut options = options(true);
        options.tls = Some(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        });
        let home = niteru_store::Home::open(home.path()).unwrap();
        let error = niteru_server::Server::bind(home, options)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn an_address_that_is_taken_is_named() {
    let running = Running::start(options(false));
    let mut same = options(false);
    same.address = running.address.parse().unwrap();
    let home = tempfile::tempdir().unwrap();
    let home = niteru_store::Home::open(home.path()).unwrap();
    let error = niteru_server::Server::bind(home, same)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains(&running.address) && error.contains("--addr"),
        "{error}"
    );
}
