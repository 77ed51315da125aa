//! Backups over the server: made, listed, fetched, sent, removed; and a home that becomes another one while the
//! server stays.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, PATIENCE, Place, options};

/// Makes a backup, and gives its name.
async fn backup(place: &Place, admin: &Client) -> String {
    let made = place.post(admin, "/api/backups", json!({})).await;
    assert_eq!(made.status, 202, "{}", made.text());
    let job = place
        .over_with(admin, made.json()["id"].as_u64().unwrap())
        .await;
    assert_eq!(job["state"], "done", "{job}");
    let list = place.get(admin, "/api/backups").await.json();
    list["backups"][0]["name"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_goes_out_and_comes_in_again() {
    let place = Place::strict();
    let admin = place.administrator().await;
    let name = backup(&place, &admin).await;
    let path = format!("/api/backups/{name}");
    let file = place.get(&admin, &path).await;
    assert_eq!(file.header("content-type"), "application/x-tar");
    assert_eq!(
        file.header("content-length"),
        file.body.len().to_string(),
        "all of it came"
    );
    assert!(file.header("content-disposition").contains(&name));

    let sent = place
        .upload(
            &admin,
            "/api/backups/upload",
            &[("../../evil.tar", file.body.clone())],
            None,
        )
        .await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    let own = sent.json()["name"].as_str().unwrap().to_owned();
    assert!(own.starts_with("uploaded-"), "{own}");
    assert_eq!(
        place.get(&admin, &format!("/api/backups/{own}")).await.body,
        file.body
    );

    for (name, bytes) in [
        ("no.tar", b"not a backup".to_vec()),
        ("cut.tar", file.body[..700].to_vec()),
        ("empty.tar", Vec::new()),
    ] {
        let sent = place
            .upload(&admin, "/api/backups/upload", &[(name, bytes)], None)
            .await;
        assert_eq!(
            (sent.status.as_u16(), &*sent.code()),
            (422, "no_backup"),
            "{name}"
        );
    }
    let left = std::fs::read_dir(place.home().backups()).unwrap().count();
    assert_eq!(left, 2, "what is no backup is gone");
    let viewer = place.user(&admin, "viewer").await;
    assert_eq!(place.get(&viewer, &path).await.status, 403);
    let audit = place.get(&admin, "/api/audit").await.json();
    let downloads: Vec<(&str, &str, u64)> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["action"] == "backup.download")
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap();
            (
                text("who"),
                text("target"),
                entry["status"].as_u64().unwrap(),
            )
        })
        .collect();
    let refused = format!("backups/{name}");
    assert_eq!(
        downloads,
        [
            ("viewer", &*refused, 403),
            ("admin", &*own, 200),
            ("admin", &*name, 200)
        ],
        "{audit}"
    );

    assert_eq!(place.ask(&admin, "DELETE", &path, None).await.status, 204);
    assert_eq!(place.get(&admin, &path).await.status, 404);
    let list = place.get(&admin, "/api/backups").await.json();
    assert_eq!(list["backups"].as_array().unwrap().len(), 1, "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_backups_stay_in_their_folder_and_restoring_is_confirmed() {
    let place = Place::local();
    let here = place.here().await;
    let name = backup(&place, &here).await;
    let table = [
        (json!({ "backup": name, "confirm": "" }), 400),
        (json!({ "backup": name, "confirm": "yes" }), 400),
        (json!({ "backup": name }), 400),
        (json!({ "backup": "no.tar", "confirm": "no.tar" }), 404),
        (
            json!({ "backup": "../niteru.sqlite3", "confirm": "../niteru.sqlite3" }),
            404,
        ),
    ];
    for (body, status) in table {
        let answer = place.post(&here, "/api/restore", body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text());
    }
    for path in [
        "/api/backups/..%2Fniteru.sqlite3",
        "/api/backups/niteru.sqlite3",
        "/api/backups/%2e%2e",
    ] {
        assert_eq!(place.get(&here, path).await.status, 404, "{path}");
    }
}

/// A request over a connection of its own: status, headers, body.
fn ask(
    host: &str,
    client: &Client,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> (u16, String, Value) {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    let headers = [("Cookie", &client.cookie), ("X-Niteru-CSRF", &client.csrf)];
    for (name, value) in headers {
        if let Some(value) = value {
            text += &format!("{name}: {value}\r\n");
        }
    }
    let body = body.map(Value::to_string).unwrap_or_default();
    if !body.is_empty() {
        text += "Content-Type: application/json\r\n";
    }
    text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (
        status,
        head.to_owned(),
        serde_json::from_str(body).unwrap_or_default(),
    )
}

/// What was there when the backup was written is there again, what came later is not; all sessions have ended.
#[tokio::test(flavor = "multi_thread")]
async fn the_home_becomes_what_it_was_while_the_server_stays() {
    let place = Place::over(tempfile::tempdir().unwrap(), options(true));
    let admin = place.administrator().await;
    let made = place
        .post(
            &admin,
            "/api/users",
            json!({ "name": "before", "password": PASSWORD, "role": "viewer" }),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let name = backup(&place, &admin).await;
    place.user(&admin, "engineer").await;

    let Place { server, folder } = place;
    let (host, stopper) = (server.address().to_string(), server.stopper());
    let running = std::thread::spawn(|| server.run());
    let body = json!({ "backup": name, "confirm": name });
    let (status, _, answer) = ask(&host, &admin, "POST", "/api/restore", Some(&body));
    assert_eq!(
        (status, &answer["restoring"]),
        (202, &json!(name)),
        "{answer}"
    );

    let until = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    loop {
        let (status, head, _) = ask(&host, &Client::default(), "GET", "/api/health", None);
        seen.push(status);
        match status {
            503 => assert!(head.to_lowercase().contains("retry-after"), "{head}"),
            // The old one may still answer once.
            200 if seen.len() > 3 => break,
            200 => {}
            other => panic!("{other}: {head}"),
        }
        assert!(Instant::now() < until, "{seen:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    let (status, _, _) = ask(&host, &admin, "GET", "/api/users", None);
    assert_eq!(status, 401, "the session has ended");

    let (_, _, me) = ask(&host, &Client::default(), "GET", "/api/me", None);
    let mut client = Client {
        csrf: me["csrf"].as_str().map(str::to_owned),
        ..Client::default()
    };
    let login = json!({ "name": "admin", "password": PASSWORD });
    let (status, head, _) = ask(&host, &client, "POST", "/api/login", Some(&login));
    assert_eq!(status, 200, "{head}");
    let cookie = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("set-cookie").then_some(value)
    });
    client.cookie = cookie.map(|value| value.split(';').next().unwrap().to_owned());
    let (_, _, users) = ask(&host, &client, "GET", "/api/users", None);
    let names: Vec<&str> = users["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["admin", "before"]);
    let (_, _, list) = ask(&host, &client, "GET", "/api/backups", None);
    assert_eq!(list["restored"]["backup"], json!(name), "{list}");
    assert_eq!(list["restored"]["problem"], Value::Null, "{list}");
    assert_eq!(
        list["backups"][0]["name"],
        json!(name),
        "backups are kept: {list}"
    );
    let (_, _, audit) = ask(&host, &client, "GET", "/api/audit?limit=4", None);
    let actions = audit["entries"].as_array().unwrap().iter();
    let actions: Vec<&str> = actions
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    // The second user came after the backup: that they were made is in the log, though they are gone.
    let expected = ["login", "backup.restored", "backup.restore", "login"];
    assert_eq!(actions, expected, "{audit}");
    let (_, _, check) = ask(&host, &client, "GET", "/api/audit/check", None);
    assert_eq!(check["problem"], Value::Null, "{check}");

    stopper.stop();
    running.join().unwrap().unwrap();
    let beside = std::fs::read_dir(folder.path()).unwrap();
    let mut beside: Vec<_> = beside.map(|entry| entry.unwrap().file_name()).collect();
    beside.sort();
    assert_eq!(beside, ["home", "home.replaced-1"], "the old home is kept");
}
