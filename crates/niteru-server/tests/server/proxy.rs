//! Behind a proxy: it is believed who asks and how they are connected, others are not.

use niteru_server::{ProxyAddress, ServerOptions};
use serde_json::{Value, json};

use crate::support::{PASSWORD, options};
use crate::wire::{Running, Told};

const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";

fn behind(proxies: &[&str]) -> ServerOptions {
    let mut options = options(false);
    options.proxies = proxies.iter().map(|one| one.parse().unwrap()).collect();
    options
}

fn credentials(password: &str) -> String {
    json!({ "name": "admin", "password": password }).to_string()
}

/// Makes the administrator, over a proxy.
fn set_up(running: &Running, headers: &[(&str, &str)]) -> Told {
    let code = running.setup_code.as_deref();
    let body = json!({ "code": code, "name": "admin", "password": PASSWORD });
    let told = running.ask("POST /api/setup", headers, &body.to_string());
    assert_eq!(told.status(), "200", "{}", told.body);
    told
}

fn cookie(told: &Told) -> &str {
    told.header("set-cookie").unwrap_or_default()
}

#[test]
fn everybody_logs_in_and_a_proxy_says_who_asks() {
    let mut all = behind(&[]);
    all.proxies = ProxyAddress::loopback();
    let running = Running::start(all);
    // Who comes over a proxy on this computer is not at this computer.
    let asked = running.ask("GET /api/collections", &[(FOR, "192.0.2.1")], "");
    assert_eq!(asked.status(), "401", "{}", asked.body);
    let direct = running.ask("GET /api/collections", &[], "");
    assert_eq!(direct.status(), "401", "{}", direct.body);

    let secure = [
        (FOR, "203.0.113.9, 192.0.2.1"),
        (PROTO, "https"),
        ("host", "niteru.example.com"),
    ];
    let told = set_up(&running, &secure);
    assert!(cookie(&told).ends_with("; Secure"), "{}", told.head);
    assert!(
        told.header("strict-transport-security").is_some(),
        "{}",
        told.head
    );
    // Without a secure connection to the proxy, the browser would drop a cookie that asks for one.
    let plain = [(FOR, "192.0.2.1"), (PROTO, "http")];
    let told = running.ask("POST /api/login", &plain, &credentials(PASSWORD));
    assert_eq!(told.status(), "200", "{}", told.body);
    assert!(!cookie(&told).contains("Secure"), "{}", told.head);
    assert!(
        told.header("strict-transport-security").is_none(),
        "{}",
        told.head
    );

    // The audit log has who asked, not what they made up.
    let session = cookie(&told).split(';').next().unwrap().to_owned();
    let log = running
        .ask("GET /api/audit", &[("cookie", &session)], "")
        .json();
    let addresses: Vec<&str> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["address"].as_str().unwrap())
        .collect();
    assert_eq!(addresses, ["192.0.2.1", "192.0.2.1"]);
}

#[test]
fn tries_are_counted_for_each_client_and_cannot_be_spread() {
    let mut all = behind(&[]);
    all.proxies = ProxyAddress::loopback();
    let running = Running::start(all);
    set_up(&running, &[(FOR, "192.0.2.99")]);
    let nobody = json!({ "name": "nobody", "password": "wrong password" }).to_string();
    let try_from = |chain: &str| {
        let told = running.ask("POST /api/login", &[(FOR, chain)], &nobody);
        told.status().to_owned()
    };
    for attempt in 0..20 {
        // What the client puts before its address changes nothing.
        let chain = format!("203.0.113.{attempt}, 192.0.2.1");
        assert_eq!(try_from(&chain), "401", "{attempt}");
    }
    assert_eq!(try_from("198.51.100.1, 192.0.2.1"), "429");
    assert_eq!(try_from("192.0.2.1"), "429");
    assert_eq!(try_from("192.0.2.2"), "401", "another client");
    // Connections of the proxy are not one client's.
    assert_eq!(running.ask("GET /api/health", &[], "").status(), "200");
}

#[test]
fn nobody_else_is_believed() {
    // Trusted is a proxy that does not ask here.
    let running = Running::start(behind(&["192.0.2.10", "fd00::/64"]));
    let headers = [(FOR, "192.0.2.1"), (PROTO, "https")];
    let told = set_up(&running, &headers);
    assert!(!cookie(&told).contains("Secure"), "{}", told.head);
    assert!(
        told.header("strict-transport-security").is_none(),
        "{}",
        told.head
    );
    let session = cookie(&told).split(';').next().unwrap().to_owned();
    let log = running
        .ask("GET /api/audit", &[("cookie", &session)], "")
        .json();
    assert_eq!(log["entries"][0]["address"], "127.0.0.1", "{log}");
    // Tries with made-up addresses are those of one address.
    let nobody = json!({ "name": "nobody", "password": "wrong password" }).to_string();
    let mut last = Value::Null;
    for attempt in 0..21 {
        let chain = format!("192.0.2.{attempt}");
        let told = running.ask("POST /api/login", &[(FOR, &chain)], &nobody);
        last = json!(told.status());
    }
    assert_eq!(last, "429");
}

#[test]
fn without_being_told_of_a_proxy_headers_say_nothing() {
    let running = Running::start(options(true));
    let told = set_up(&running, &[(FOR, "192.0.2.1"), (PROTO, "https")]);
    assert!(!cookie(&told).contains("Secure"), "{}", told.head);
    let session = cookie(&told).split(';').next().unwrap().to_owned();
    let log = running
        .ask("GET /api/audit", &[("cookie", &session)], "")
        .json();
    assert_eq!(log["entries"][0]["address"], "127.0.0.1", "{log}");
}

#[test]
fn forged_requests_are_refused_over_a_proxy_too() {
    let mut all = behind(&[]);
    all.proxies = ProxyAddress::loopback();
    let running = Running::start(all);
    let via = [
        (FOR, "192.0.2.1"),
        (PROTO, "https"),
        ("host", "niteru.example.com"),
    ];
    let session = cookie(&set_up(&running, &via))
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let mut own = via.to_vec();
    own.push(("cookie", &session));
    let me = running.ask("GET /api/me", &own, "").json();
    let csrf = me["csrf"].as_str().unwrap().to_owned();
    own.push(("x-niteru-csrf", &csrf));
    let table = [
        ("https://niteru.example.com", "201"),
        ("HTTPS://NITERU.EXAMPLE.COM", "201"),
        // A page that came over no secure connection may be anybody's.
        ("http://niteru.example.com", "403"),
        ("https://evil.example", "403"),
        ("https://niteru.example.com:8443", "403"),
        ("null", "403"),
    ];
    let mut wrong = Vec::new();
    for (number, (origin, expected)) in table.into_iter().enumerate() {
        let mut headers = own.clone();
        headers.push(("origin", origin));
        let user =
            json!({ "name": format!("user {number}"), "password": PASSWORD, "role": "viewer" });
        let told = running.ask("POST /api/users", &headers, &user.to_string());
        if told.status() != expected {
            wrong.push(format!("{origin}: {} {}", told.status(), told.body));
        }
    }
    // The host that a header names is not looked at.
    let mut headers = own.clone();
    headers.extend([
        ("origin", "https://evil.example"),
        ("x-forwarded-host", "evil.example"),
    ]);
    let user = json!({ "name": "user", "password": PASSWORD, "role": "viewer" });
    let told = running.ask("POST /api/users", &headers, &user.to_string());
    assert_eq!(told.status(), "403", "{}", told.body);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
