//! How soon `niteru serve` answers with a large home, how many searches it answers, and what memory it takes.
//!
//! ```text
//! cargo build --release
//! cargo run --release -p niteru-store --example scale -- fill FOLDER 100000
//! cargo run --release -p niteru-server --example load -- target/release/niteru FOLDER
//! ```
//!
//! Searches are for images that are like one of the collection, another one each time, so no network is run. Client
//! and server share the computer's cores. Linux only: memory is read from `/proc`.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

const CONNECTIONS: usize = 50;
const WARM: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(20);

/// Starts that the time to the first answer is the median of.
const STARTS: usize = 5;

type Failed = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let (Some(binary), Some(home)) = (arguments.next(), arguments.next()) else {
        return Err("usage: load NITERU HOME".into());
    };
    let mut starts = Vec::new();
    for _ in 1..STARTS {
        starts.push(Server::start(&binary, &home)?.first_answer);
    }
    let server = Server::start(&binary, &home)?;
    starts.push(server.first_answer);
    starts.sort_unstable();
    let me = server.connect()?.json("GET", "/api/me", "", "")?;
    let csrf = me["csrf"].as_str().unwrap_or_default().to_owned();
    let collections = server.connect()?.json("GET", "/api/collections", "", "")?;
    let largest = collections["collections"]
        .as_array()
        .and_then(|all| all.iter().max_by_key(|one| one["images"].as_u64()))
        .ok_or("the home has no collection")?;
    let name = largest["name"].as_str().unwrap_or_default();
    let images = largest["images"].as_u64().unwrap_or(0);
    println!("collection {name}: {images} images, {CONNECTIONS} connections");
    println!(
        "start to first answer: {:.0} ms (median of {STARTS})",
        ms(starts[STARTS / 2])
    );
    println!("memory when idle: {} MB", server.memory("VmRSS:")?);

    let path = format!("/api/collections/{name}/search");
    let next = AtomicU64::new(0);
    let began = Instant::now();
    let work = || -> Result<Vec<Duration>, Failed> {
        let mut connection = server.connect()?;
        let mut times = Vec::new();
        while began.elapsed() < WARM + MEASURED {
            // Spread over the collection, and never one twice in a row.
            let id = next.fetch_add(7919, Ordering::Relaxed) % images + 1;
            let sent = Instant::now();
            let body = format!("{{\"like\":[{id}],\"k\":10}}");
            let found = connection.json("POST", &path, &csrf, &body)?;
            if found["results"].as_array().map(Vec::len) != Some(10) {
                return Err(format!("not 10 results: {found}").into());
            }
            if began.elapsed() > WARM {
                times.push(sent.elapsed());
            }
        }
        Ok(times)
    };
    let mut times = std::thread::scope(|scope| -> Result<Vec<Duration>, Failed> {
        let workers: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.join().map_err(|_| "a connection panicked")??);
        }
        Ok(all)
    })?;
    times.sort_unstable();
    let at = |share: f64| ms(times[((times.len() - 1) as f64 * share) as usize]);
    println!(
        "searches: {:.0} a second; p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms; no error",
        times.len() as f64 / MEASURED.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    println!(
        "memory under load, at most: {} MB",
        server.memory("VmHWM:")?
    );
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A server that runs; ended with the value.
struct Server {
    child: Child,
    address: String,
    /// From its start to the end of its first answer.
    first_answer: Duration,
}

impl Server {
    fn start(binary: &str, home: &str) -> Result<Server, Failed> {
        let began = Instant::now();
        let mut child = Command::new(binary)
            .args(["--home", home, "--json", "serve", "--addr", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line)?;
        let address = said["address"].as_str().ok_or("no address")?.to_owned();
        let mut server = Server {
            child,
            address,
            first_answer: Duration::ZERO,
        };
        server.connect()?.json("GET", "/api/collections", "", "")?;
        server.first_answer = began.elapsed();
        Ok(server)
    }

    fn connect(&self) -> Result<Connection, Failed> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            host: self.address.clone(),
            stream: BufReader::new(stream),
        })
    }

    /// A line of the process's status, in MB.
    fn memory(&self, field: &str) -> Result<u64, Failed> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        Ok(kilobytes.ok_or("no such line")?.parse::<u64>()? / 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that is kept open.
struct Connection {
    host: String,
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Asks, and gives the answer; any status but 200 is an error.
    fn json(&mut self, method: &str, path: &str, csrf: &str, body: &str) -> Result<Value, Failed> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nX-Niteru-CSRF: {csrf}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut line, mut length) = (String::new(), 0);
        self.stream.read_line(&mut line)?;
        let ok = line.starts_with("HTTP/1.1 200");
        let status = line.trim_end().to_owned();
        while line.trim_end() != "" {
            line.clear();
            self.stream.read_line(&mut line)?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        match ok {
            true => Ok(serde_json::from_slice(&body)?),
            false => Err(format!("{path}: {status} {}", String::from_utf8_lossy(&body)).into()),
        }
    }
}
