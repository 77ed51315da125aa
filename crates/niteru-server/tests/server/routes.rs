//! Every route with every role, and the document that describes them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Client, Place};

/// What each route needs: nobody's login (`open`), or a role. A change here is a change of who may do what.
const TABLE: &str = "
GET /api/audit administrator
GET /api/audit/check administrator
GET /api/audit/export administrator
GET /api/backups administrator
POST /api/backups administrator
POST /api/backups/upload administrator
DELETE /api/backups/{name} administrator
GET /api/backups/{name} administrator
POST /api/check engineer
GET /api/collections viewer
POST /api/collections engineer
DELETE /api/collections/{name} engineer
GET /api/collections/{name} viewer
GET /api/collections/{name}/duplicates viewer
POST /api/collections/{name}/evaluations engineer
POST /api/collections/{name}/explain viewer
POST /api/collections/{name}/explain/upload viewer
GET /api/collections/{name}/fields viewer
GET /api/collections/{name}/images viewer
POST /api/collections/{name}/images engineer
POST /api/collections/{name}/images/of viewer
POST /api/collections/{name}/images/remove engineer
GET /api/collections/{name}/images/{id} viewer
GET /api/collections/{name}/images/{id}/picture viewer
GET /api/collections/{name}/images/{id}/thumbnail viewer
GET /api/collections/{name}/index viewer
POST /api/collections/{name}/index engineer
POST /api/collections/{name}/index/verify engineer
GET /api/collections/{name}/map viewer
POST /api/collections/{name}/map engineer
GET /api/collections/{name}/map/colours viewer
GET /api/collections/{name}/map/points viewer
GET /api/collections/{name}/matrix viewer
GET /api/collections/{name}/matrix/picture viewer
POST /api/collections/{name}/metadata engineer
POST /api/collections/{name}/metadata/import engineer
POST /api/collections/{name}/metadata/preview engineer
POST /api/collections/{name}/search viewer
POST /api/collections/{name}/search/upload viewer
POST /api/compare-photos operator
POST /api/embeddings viewer
GET /api/health open
GET /api/history viewer
GET /api/history/export viewer
GET /api/history/{id} viewer
GET /api/history/{id}/good viewer
GET /api/history/{id}/heat viewer
GET /api/history/{id}/picture viewer
POST /api/history/{id}/replay viewer
POST /api/history/{id}/reviews operator
GET /api/inspectors viewer
DELETE /api/inspectors/{name} engineer
GET /api/inspectors/{name} viewer
GET /api/inspectors/{name}/check viewer
GET /api/inspectors/{name}/check/{version}/{kind}/{number} viewer
GET /api/inspectors/{name}/counts viewer
GET /api/inspectors/{name}/drift viewer
POST /api/inspectors/{name}/evaluations engineer
POST /api/inspectors/{name}/inspect operator
GET /api/inspectors/{name}/photos viewer
POST /api/inspectors/{name}/photos engineer
POST /api/inspectors/{name}/photos/remove engineer
GET /api/inspectors/{name}/photos/{sha256}/picture viewer
POST /api/inspectors/{name}/threshold engineer
GET /api/inspectors/{name}/trace viewer
POST /api/inspectors/{name}/train engineer
POST /api/inspectors/{name}/watch operator
POST /api/samples engineer
GET /api/jobs viewer
GET /api/jobs/events viewer
GET /api/jobs/{id} viewer
POST /api/jobs/{id}/cancel operator
GET /api/jobs/{id}/events viewer
GET /api/kernels viewer
POST /api/login open
POST /api/logout viewer
GET /api/me open
POST /api/me/password viewer
GET /api/models viewer
DELETE /api/models/{name} administrator
GET /api/models/{name} viewer
POST /api/models/{name}/check engineer
POST /api/models/{name}/files administrator
POST /api/models/{name}/pull administrator
GET /api/openapi.json open
POST /api/restore administrator
POST /api/setup open
POST /api/similarities viewer
GET /api/storage engineer
GET /api/tokens viewer
POST /api/tokens viewer
DELETE /api/tokens/{id} viewer
GET /api/users administrator
POST /api/users administrator
DELETE /api/users/{id} administrator
PATCH /api/users/{id} administrator
GET /api/watched-folders viewer
GET /api/watches viewer
";

const ROLES: [&str; 4] = ["viewer", "operator", "engineer", "administrator"];

/// Method, path, and what it needs, as the document says.
fn described(document: &Value) -> BTreeSet<(String, String, String)> {
    let mut routes = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let role = operation["x-role"].as_str().unwrap_or("open");
            routes.insert((method.to_uppercase(), path.clone(), role.to_owned()));
        }
    }
    routes
}

fn table() -> BTreeSet<(String, String, String)> {
    let lines = TABLE.lines().filter(|line| !line.is_empty());
    let parts = lines.map(|line| {
        let mut parts = line.split(' ').map(str::to_owned);
        let mut next = || parts.next().unwrap();
        (next(), next(), next())
    });
    parts.collect()
}

#[tokio::test]
async fn every_route_needs_what_the_table_says() {
    let place = Place::strict();
    let document = place
        .get(&Client::default(), "/api/openapi.json")
        .await
        .json();
    assert_eq!(described(&document), table());

    let admin = place.administrator().await;
    let mut clients = vec![("none", Client::default())];
    for role in &ROLES[..3] {
        clients.push((role, place.user(&admin, role).await));
    }
    clients.push(("administrator", admin));
    let rank = |role: &str| ROLES.iter().position(|known| *known == role);
    let mut wrong = Vec::new();
    for (method, path, needed) in table() {
        // These would end the session, or never end.
        if ["/api/logout", "/api/jobs/events"].contains(&path.as_str()) {
            continue;
        }
        let path = path.replace("{name}", "nothing").replace("{id}", "999");
        let path = path.replace("{version}", "1").replace("{number}", "0");
        for (role, client) in &clients {
            let body = (method != "GET").then(|| json!({}));
            let answer = place.ask(client, &method, &path, body).await;
            let (status, code) = (answer.status.as_u16(), answer.code());
            let allowed = needed == "open" || rank(role) >= rank(&needed) && rank(role).is_some();
            let right = match (allowed, *role) {
                (true, _) => !["login_needed", "role_needed", "forged"].contains(&&*code),
                (false, "none") => (status, &*code) == (401, "login_needed"),
                (false, _) => (status, &*code) == (403, "role_needed"),
            };
            if !right || status >= 500 {
                wrong.push(format!("{method} {path} as {role}: {status} {code}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_document_is_whole() {
    let place = Place::local();
    let answer = place.get(&Client::default(), "/api/openapi.json").await;
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut wrong = Vec::new();
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let named = operation["parameters"].as_array().unwrap().iter();
            let in_path = named.filter(|one| one["in"] == "path").count();
            if in_path != path.matches('{').count() {
                wrong.push(format!("{method} {path}: parameters"));
            }
            if operation["summary"].as_str().is_none_or(str::is_empty) {
                wrong.push(format!("{method} {path}: no summary"));
            }
            if operation["responses"]["default"].is_null() {
                wrong.push(format!("{method} {path}: no error"));
            }
            let form = &operation["requestBody"]["content"]["multipart/form-data"]["schema"];
            let query = &form["properties"]["query"];
            if query.is_object() && query["contentSchema"]["$ref"].is_null() {
                wrong.push(format!(
                    "{method} {path}: what may be asked for is not told"
                ));
            }
            if !ids.insert(operation["operationId"].as_str().unwrap().to_owned()) {
                wrong.push(format!("{method} {path}: its id is not its own"));
            }
        }
    }
    let text = answer.text();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        if !schemas.contains_key(name) {
            wrong.push(format!("no shape {name}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(schemas.len() > 30, "{}", schemas.len());
    let inspect = &document["paths"]["/api/inspectors/{name}/inspect"]["post"]["requestBody"];
    let asked = &inspect["content"]["multipart/form-data"]["schema"]["properties"]["query"];
    assert_eq!(
        asked["contentSchema"]["$ref"],
        "#/components/schemas/InspectQuery"
    );
    assert_eq!(
        schemas["Job"]["properties"]["created"]["format"], "date-time",
        "times are text"
    );
}

#[tokio::test]
async fn the_description_is_sent_once() {
    let place = Place::strict();
    let ask = async |tag: &str| {
        let request = Client::default().request(&place.host(), "GET", "/api/openapi.json");
        let request = request.header("if-none-match", tag);
        let body = axum::body::Body::empty();
        place.send(request.body(body).unwrap()).await
    };
    let first = ask("\"other\"").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("content-type"), "application/json");
    assert_eq!(first.json(), niteru_server::description());
    let tag = first.header("etag");
    assert!(tag.len() > 10, "{tag}");
    let again = ask(tag).await;
    assert_eq!(
        (
            again.status.as_u16(),
            again.body.len(),
            again.header("etag")
        ),
        (304, 0, tag)
    );
}

#[tokio::test]
async fn what_is_not_there_is_said_as_json() {
    let place = Place::local();
    let here = place.here().await;
    let table = [
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/nothing", 404, "not_found"),
        ("PUT", "/api/collections", 405, "method"),
        ("GET", "/api/collections/nothing", 404, "not_found"),
        ("GET", "/api/jobs/999", 404, "not_found"),
        ("GET", "/api/jobs/abc", 404, "not_found"),
        ("GET", "/api/jobs/99999999999999999999999", 404, "not_found"),
        ("GET", "/api/history?limit=abc", 400, "bad_request"),
        ("GET", "/api/history?verdict=MAYBE", 400, "bad_request"),
        ("GET", "/api/history?since=yesterday", 400, "bad_request"),
        ("GET", "/api/models/..%2F..%2Fetc", 404, "not_found"),
        ("GET", "/api/collections/%2e%2e%2f%2e%2e", 404, "not_found"),
        ("GET", "/api/collections/%FF", 404, "not_found"),
        ("POST", "/api/collections", 415, "not_json"),
        ("POST", "/api/inspectors/x/inspect", 415, "not_a_form"),
    ];
    let mut wrong = Vec::new();
    for (method, path, status, code) in table {
        let answer = place.ask(&here, method, path, None).await;
        if (answer.status.as_u16(), &*answer.code()) != (status, code) {
            wrong.push(format!(
                "{method} {path}: {} {}",
                answer.status,
                answer.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
