//! Homes with indexes in a cluster, a way to a server that can be cut, servers that can be killed.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use niteru_index::qdrant::ClusterUrl;
use niteru_store::{Home, IndexPlace, StoreError};

use super::Place;

/// The server to test with, or `None` after saying so.
pub fn server() -> Option<IndexPlace> {
    let address = niteru_testkit::qdrant()?;
    Some(format!("qdrant+{address}").parse().unwrap())
}

pub fn open(folder: &Path, place: &IndexPlace) -> Home {
    let home = Home::open(folder.join("home")).unwrap();
    home.with_index_place(Some(place.clone()))
}

/// A home whose indexes are in the cluster, and removed there at the end.
pub struct Clustered {
    pub inner: Place,
    pub at: IndexPlace,
}

impl Clustered {
    pub fn new(at: &IndexPlace) -> Self {
        let mut inner = Place::new();
        inner.home = open(inner.folder.path(), at);
        let at = at.clone();
        Self { inner, at }
    }

    /// With so many pictures, which are not sent yet.
    pub fn with_pictures(at: &IndexPlace, pictures: usize) -> Self {
        let place = Self::new(at);
        place.add_pictures(0..pictures);
        place
    }

    pub fn add_pictures(&self, numbers: std::ops::Range<usize>) {
        for i in numbers {
            self.inner
                .write(&format!("{i:05}.jpg"), &format!("FAKE number {i}"));
        }
        self.inner.add();
    }

    /// As another process opens it.
    pub fn open(&self) -> Home {
        open(self.inner.folder.path(), &self.at)
    }

    pub fn local(&self) -> Home {
        open(self.inner.folder.path(), &IndexPlace::Local)
    }

    /// Everything arrived, once.
    pub fn assert_complete(&self, images: u64) {
        let home = self.open();
        let report = home
            .collection("things")
            .unwrap()
            .verify_index(100_000, None)
            .unwrap();
        assert!(report.is_good(), "{report:?}");
        assert_eq!(
            (report.images, report.points, report.compared),
            (images, images, images)
        );
    }
}

impl Drop for Clustered {
    fn drop(&mut self) {
        let home = self.open();
        home.remove_collection("things").unwrap();
        if !std::thread::panicking() {
            assert_eq!(home.take_notices(), []);
        }
    }
}

pub fn send(home: &Home) -> Result<(), StoreError> {
    home.collection("things").unwrap().send_changes(None)
}

/// Passes connections on to a server, up to so many bytes from clients.
pub struct Proxy {
    address: String,
    left: Arc<AtomicI64>,
    ended: Arc<AtomicBool>,
}

impl Proxy {
    pub fn to(url: &ClusterUrl) -> Self {
        let address = url.address();
        let server = address.split_once("//").unwrap().1.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let ended = Arc::new(AtomicBool::new(false));
        let (passing, stop) = (Arc::clone(&left), Arc::clone(&ended));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(server) = TcpStream::connect(&server) else {
                    continue;
                };
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let left = Arc::clone(&passing);
                std::thread::spawn(move || pass(client, server, &left));
                let none = AtomicI64::new(i64::MAX);
                std::thread::spawn(move || pass(back.0, back.1, &none));
            }
        });
        Self {
            address,
            left,
            ended,
        }
    }

    pub fn url(&self) -> String {
        format!("qdrant+http://{}", self.address)
    }

    /// From now on, connections break after so many bytes altogether.
    pub fn cut_after(&self, bytes: u64) {
        self.left.store(bytes as i64, Ordering::SeqCst);
    }

    pub fn restore(&self) {
        self.left.store(i64::MAX, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.address);
    }
}

/// Copies until either side ends, or no bytes are left.
fn pass(mut from: TcpStream, mut to: TcpStream, left: &AtomicI64) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let allowed = left
            .fetch_sub(count as i64, Ordering::SeqCst)
            .clamp(0, count as i64);
        if to.write_all(&buffer[..allowed as usize]).is_err() || (allowed as usize) < count {
            break;
        }
    }
    for stream in [from, to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// A server of our own in a temporary folder.
pub struct Server {
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl Server {
    /// Of the program that `NITERU_TEST_QDRANT_BIN` names, or `None` after saying so.
    pub fn from_env() -> Option<Self> {
        let program = niteru_testkit::qdrant_program()?;
        Some(Self {
            program,
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            child: None,
        })
    }

    pub fn url(&self) -> String {
        format!("qdrant+http://127.0.0.1:{}", self.port)
    }

    /// Starts it, and waits until it listens.
    pub fn start(&mut self) {
        let folder = self.folder.path();
        std::fs::create_dir_all(folder.join("config")).unwrap();
        let child = Command::new(&self.program)
            .current_dir(folder)
            .env("QDRANT__SERVICE__HOST", "127.0.0.1")
            .env("QDRANT__SERVICE__HTTP_PORT", free_port().to_string())
            .env("QDRANT__SERVICE__GRPC_PORT", self.port.to_string())
            .env("QDRANT__STORAGE__STORAGE_PATH", folder.join("storage"))
            .env("QDRANT__STORAGE__SNAPSHOTS_PATH", folder.join("snapshots"))
            .env("QDRANT__TELEMETRY_DISABLED", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let give_up = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < give_up,
                "no server: {ended:?}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
