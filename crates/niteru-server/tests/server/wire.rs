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

/// A server with connections, which ends with the value.
struct Running {
    address: String,
    stopper: Stopper,
    thread: Option<JoinHandle<Result<(), ServerError>>>,
    _folder: tempfile::TempDir,
}

impl Running {
    fn start(options: ServerOptions) -> Running {
        let Place { server, folder } = Place::over(tempfile::tempdir().unwrap(), options);
        Running {
            address: server.address().to_string(),
            stopper: server.stopper(),
            thread: Some(std::thread::spawn(|| server.run())),
            _folder: folder,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    fn stop(&mut self) {
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
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert!(TcpStream::connect(&running.address).is_err());
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
    let started = Instant::now();
    for mut held in [slow, silent] {
        let ended = held.read_to_end(&mut Vec::new());
        // The connection was closed; a read that only waited too long says WouldBlock.
        let waited = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!waited && started.elapsed() < Duration::from_secs(15));
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
