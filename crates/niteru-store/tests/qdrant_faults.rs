//! A Qdrant cluster that is cut off or killed while it is sent to, as real servers:
//! `NITERU_TEST_QDRANT=http://127.0.0.1:6334`, and for servers that are started and killed
//! `NITERU_TEST_QDRANT_BIN`, the path of a server's program.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::mpsc;
use std::time::Duration;

use niteru_index::IndexError;
use niteru_store::{IndexPlace, StoreError};
use support::Place;
use support::cluster::{Clustered, Proxy, Server, open, send, server};

#[test]
fn what_an_outage_interrupts_arrives_once() {
    let Some(IndexPlace::Cluster(url)) = server() else {
        return;
    };
    let proxy = Proxy::to(&url);
    let at: IndexPlace = format!("{}?tries=2&patience=1", proxy.url())
        .parse()
        .unwrap();
    let place = Clustered::with_pictures(&at, 1500);
    let batch = 256 * (place.inner.encoder.dimensions as u64 * 4 + 30);
    // In the middle of the third batch, then of the next one, then before anything.
    for allowed in [batch * 5 / 2, batch * 3 / 2, 0] {
        proxy.cut_after(allowed);
        let home = place.open();
        let error = send(&home).unwrap_err();
        assert!(
            matches!(error, StoreError::Index(IndexError::Unavailable { .. })),
            "{error}"
        );
        let query = place.inner.query(&[1.0], 3);
        let found = home.collection("things").unwrap().search(&query);
        assert!(matches!(
            found,
            Err(StoreError::Index(IndexError::Unavailable { .. }))
        ));
        let waiting = home.collection("things").unwrap().waiting().unwrap();
        assert!((1..=1500).contains(&waiting), "{waiting}");
    }
    proxy.restore();
    let home = place.open();
    send(&home).unwrap();
    assert_eq!(home.collection("things").unwrap().waiting().unwrap(), 0);
    assert_eq!(home.take_notices(), [], "nothing had to be made again");
    place.assert_complete(1500);
}

/// Every acknowledged and every queued image is there, once, after the server died while it wrote.
#[test]
fn a_killed_server_loses_and_doubles_nothing() {
    let Some(mut server) = Server::from_env() else {
        return;
    };
    server.start();
    let at: IndexPlace = format!("{}?tries=2&patience=1", server.url())
        .parse()
        .unwrap();
    let mut place = Place::new();
    place.home = open(place.folder.path(), &at);
    place.encoder.batch = 256;
    let mut interrupted = 0;
    const ROUNDS: usize = 6;
    const PICTURES: usize = 1200;
    for round in 0..ROUNDS {
        for i in round * PICTURES..(round + 1) * PICTURES {
            place.write(&format!("{i:05}.jpg"), &format!("FAKE number {i}"));
        }
        place.add();
        // While the batch after this one is on its way.
        let after = (round % 3 + 1) * 256;
        let sent = std::thread::scope(|scope| {
            let (home, (acknowledged, heard)) = (open(place.folder.path(), &at), mpsc::channel());
            let sending = scope.spawn(move || {
                let progress = |done: usize, _: usize| {
                    // Once it has heard enough, nobody listens.
                    let _ = acknowledged.send(done);
                };
                let collection = home.collection("things").unwrap();
                collection.send_changes(Some(&progress))
            });
            heard.iter().find(|done| *done >= after).expect("progress");
            server.kill();
            sending.join().unwrap()
        });
        interrupted += usize::from(sent.is_err());
        server.start();
        let home = open(place.folder.path(), &at);
        let report = home
            .collection("things")
            .unwrap()
            .verify_index(100_000, None)
            .unwrap();
        let images = ((round + 1) * PICTURES) as u64;
        assert!(report.is_good(), "round {round}: {report:?}");
        assert_eq!(
            (report.points, report.compared),
            (images, images),
            "round {round}"
        );
        assert_eq!(
            home.take_notices(),
            [],
            "round {round}: nothing was made again"
        );
    }
    println!("killed {ROUNDS} times, {interrupted} of them while images were sent");
    assert!(
        interrupted > ROUNDS / 2,
        "not in the middle: {interrupted} of {ROUNDS}"
    );
}

#[test]
fn a_proxy_cuts_what_it_is_told_to() {
    use std::io::{ErrorKind, Read as _, Write as _};
    let echo = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("qdrant+http://{}", echo.local_addr().unwrap())
        .parse()
        .unwrap();
    std::thread::spawn(move || {
        for stream in echo.incoming().flatten() {
            let (mut from, mut to) = (stream.try_clone().unwrap(), stream);
            let _ = std::io::copy(&mut from, &mut to);
        }
    });
    let proxy = Proxy::to(&url);
    let address = proxy.url().split_once("//").unwrap().1.to_owned();
    let talk = || -> std::io::Result<[u8; 4]> {
        let mut stream = std::net::TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(b"ping")?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    assert_eq!(talk().unwrap(), *b"ping");
    proxy.cut_after(0);
    let error = talk().unwrap_err();
    let waited = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    assert!(!waited, "it is not cut: {error}");
    proxy.restore();
    assert_eq!(talk().unwrap(), *b"ping");
}
