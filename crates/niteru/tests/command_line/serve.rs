//! `serve`, started, asked and stopped as a service manager does.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::signals;
use crate::support::Niteru;

/// A server that runs; killed with the value, should a test fail.
pub(crate) struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Serving {
    /// From now on it takes connections and answers none, as a computer that hangs.
    pub(crate) fn hang(&self) {
        signals::hang(&self.0);
    }

    pub(crate) fn go_on(&self) {
        signals::go_on(&self.0);
    }
}

/// Starts it, and gives what it says on stdout.
pub(crate) fn start(niteru: &Niteru, arguments: &[&str]) -> (Serving, Value) {
    start_with(niteru, arguments, &[])
}

/// The same, with variables of the environment.
pub(crate) fn start_with(
    niteru: &Niteru,
    arguments: &[&str],
    variables: &[(&str, &OsStr)],
) -> (Serving, Value) {
    start_at(niteru, "127.0.0.1:0", arguments, variables)
}

/// The same, at an address, such as that of one that has ended.
pub(crate) fn start_at(
    niteru: &Niteru,
    address: &str,
    arguments: &[&str],
    variables: &[(&str, &OsStr)],
) -> (Serving, Value) {
    let command = ["--json", "serve", "--addr", address];
    let mut child = niteru
        .command(command.iter().chain(arguments))
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (Serving(child), serde_json::from_str(&line).unwrap())
}

/// Asks for a path, and gives the answer with its headers.
fn get(serving: &Value, path: &str) -> String {
    let address = serving["address"].as_str().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_answers_until_it_is_told_to_end() {
    let niteru = Niteru::empty();
    let (mut serving, said) = start(&niteru, &[]);
    assert_eq!(said["login"], false);
    assert_eq!(said["setup_code"], Value::Null);
    assert!(
        said["url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    for path in ["/", "/api/health", "/api/collections"] {
        let answer = get(&said, path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    signals::send(&serving.0, libc::SIGTERM);
    assert_eq!(serving.0.wait().unwrap().code(), Some(0));
    let mut stderr = String::new();
    serving
        .0
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert!(stderr.contains("stopped"), "{stderr}");
}

#[test]
fn with_a_login_it_says_how_to_begin() {
    let niteru = Niteru::empty();
    let (_serving, said) = start(&niteru, &["--login"]);
    assert_eq!(said["login"], true);
    assert_eq!(said["setup_code"].as_str().unwrap().len(), 19);
    let answer = get(&said, "/api/collections");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    // One home, one server; and an address that is taken is named.
    let second = niteru.run(["serve", "--addr", "127.0.0.1:0"]);
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(
        second.stderr.contains("another server uses"),
        "{}",
        second.stderr
    );
    let address = said["address"].as_str().unwrap();
    let third = Niteru::empty().run(["serve", "--addr", address]);
    assert_eq!(third.code, Some(1), "{}", third.stderr);
    assert!(third.stderr.contains(address), "{}", third.stderr);
    let wrong = niteru.run(["serve", "--tls-cert", "cert.pem"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
}

#[test]
fn behind_a_proxy_everybody_logs_in() {
    let niteru = Niteru::empty();
    for arguments in [
        &["--behind-proxy"][..],
        &[
            "--behind-proxy",
            "192.0.2.1,10.0.0.0/24",
            "--folder",
            "away",
        ],
    ] {
        let (_serving, said) = start(&niteru, arguments);
        assert_eq!(said["login"], true, "{arguments:?}");
        let answer = get(&said, "/api/collections");
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    for wrong in ["proxy.example.com", "0.0.0.0/0", "10.0.0.0/33"] {
        let refused = niteru.run(["serve", "--behind-proxy", wrong]);
        assert_eq!(refused.code, Some(2), "{wrong}: {}", refused.stderr);
    }
    // What may be a secret is not repeated.
    let secret = "qdrant+http://user:hidden@host";
    let refused = niteru.run(["serve", "--cluster", secret]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("--cluster") && !refused.stderr.contains("hidden"),
        "{}",
        refused.stderr
    );
}
