//! A server over a home in a temporary folder, and requests to it.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use niteru_server::{Server, ServerOptions};
use niteru_store::Home;
use niteru_store::below::imaging::Picture;
use serde_json::{Value, json};
use tower::ServiceExt;

/// What users of the tests have.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Longest wait for what is to happen: only a test that fails takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// A server without connections, gone with the value.
pub(crate) struct Place {
    // Before the folder, so that nothing is written while that goes.
    pub(crate) server: Server,
    pub(crate) folder: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Somebody who asks.
#[derive(Clone, Default)]
pub(crate) struct Client {
    pub(crate) cookie: Option<String>,
    pub(crate) csrf: Option<String>,
    pub(crate) token: Option<String>,
}

pub(crate) fn options(login: bool) -> ServerOptions {
    let mut options = ServerOptions::default();
    options.address = ([127, 0, 0, 1], 0).into();
    options.login = login;
    options
}

impl Place {
    /// Needs no login.
    pub(crate) fn local() -> Place {
        Place::with(false)
    }

    /// Asks for a login.
    pub(crate) fn strict() -> Place {
        Place::with(true)
    }

    fn with(login: bool) -> Place {
        let folder = tempfile::tempdir().unwrap();
        Place::over(folder, options(login))
    }

    /// Over the home in a folder, which may be there already.
    pub(crate) fn over(folder: tempfile::TempDir, options: ServerOptions) -> Place {
        let home = Home::open(folder.path().join("home")).unwrap();
        let server = Server::bind(home, options).unwrap();
        Place { server, folder }
    }

    /// The home, opened beside the server.
    pub(crate) fn home(&self) -> Home {
        Home::open(self.folder.path().join("home")).unwrap()
    }

    pub(crate) fn host(&self) -> String {
        self.server.address().to_string()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        send(self.server.router(), request).await
    }

    /// A request as our page sends it.
    pub(crate) async fn ask(
        &self,
        client: &Client,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = client.request(&self.host(), method, path);
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, client: &Client, path: &str) -> Answer {
        self.ask(client, "GET", path, None).await
    }

    pub(crate) async fn post(&self, client: &Client, path: &str, body: Value) -> Answer {
        self.ask(client, "POST", path, Some(body)).await
    }

    /// Sends files, and what is asked for beside them.
    pub(crate) async fn upload(
        &self,
        client: &Client,
        path: &str,
        files: &[(&str, Vec<u8>)],
        query: Option<Value>,
    ) -> Answer {
        let (kind, body) = form(files, query);
        let request = client.request(&self.host(), "POST", path);
        let request = request.header(header::CONTENT_TYPE, kind);
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Whoever sits at this computer, with what our page knows.
    pub(crate) async fn here(&self) -> Client {
        self.known(Client::default()).await
    }

    /// Makes the first administrator, and logs in as such.
    pub(crate) async fn administrator(&self) -> Client {
        let code = self.server.setup_code().unwrap();
        let body = json!({ "code": code, "name": "admin", "password": PASSWORD });
        let answer = self.post(&Client::default(), "/api/setup", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        self.known(Client::of(&answer)).await
    }

    /// Adds a user of a role, and logs in.
    pub(crate) async fn user(&self, administrator: &Client, role: &str) -> Client {
        let body = json!({ "name": role, "password": PASSWORD, "role": role });
        let answer = self.post(administrator, "/api/users", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        self.login(role, PASSWORD).await.unwrap()
    }

    pub(crate) async fn login(&self, name: &str, password: &str) -> Result<Client, Answer> {
        let body = json!({ "name": name, "password": password });
        let answer = self.post(&self.here().await, "/api/login", body).await;
        match answer.status {
            StatusCode::OK => Ok(self.known(Client::of(&answer)).await),
            _ => Err(answer),
        }
    }

    /// Adds what /api/me tells.
    async fn known(&self, mut client: Client) -> Client {
        let me = self.get(&client, "/api/me").await.json();
        client.csrf = me["csrf"].as_str().map(str::to_owned);
        client
    }

    /// Waits until a job is over.
    pub(crate) async fn over_with(&self, client: &Client, id: u64) -> Value {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let job = self.get(client, &format!("/api/jobs/{id}")).await.json();
            if !["queued", "running"].contains(&job["state"].as_str().unwrap()) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("job {id} takes longer than five minutes");
    }
}

impl Client {
    /// Who an answer has logged in.
    fn of(answer: &Answer) -> Client {
        let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
        Client {
            cookie: Some(cookie.split(';').next().unwrap().to_owned()),
            ..Client::default()
        }
    }

    pub(crate) fn request(
        &self,
        host: &str,
        method: &str,
        path: &str,
    ) -> axum::http::request::Builder {
        let mut request = Request::builder()
            .method(method.parse::<Method>().unwrap())
            .uri(path)
            .header(header::HOST, host);
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        if let Some(csrf) = &self.csrf {
            request = request.header("x-niteru-csrf", csrf);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        request
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> String {
        let json: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        json["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) async fn send(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes().to_vec(),
    }
}

/// A form's type and bytes.
pub(crate) fn form(files: &[(&str, Vec<u8>)], query: Option<Value>) -> (String, Vec<u8>) {
    const EDGE: &str = "edge-of-a-part";
    let mut body = Vec::new();
    if let Some(query) = query {
        let head = format!("--{EDGE}\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n");
        body.extend_from_slice(format!("{head}{query}\r\n").as_bytes());
    }
    for (name, bytes) in files {
        let head = format!(
            "--{EDGE}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{EDGE}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={EDGE}"), body)
}

/// A grey TIFF, which browsers do not draw.
pub(crate) fn tiff(width: u32, height: u32) -> Vec<u8> {
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    let pixels: Vec<u8> = (0..width * height)
        .map(|at| (at * 37 % 200) as u8)
        .collect();
    let entries = [
        (256u16, LONG, width),
        (257, LONG, height),
        (258, SHORT, 8),
        (259, SHORT, 1),
        (262, SHORT, 1),
        (273, LONG, 8),
        (277, SHORT, 1),
        (278, LONG, height),
        (279, LONG, pixels.len() as u32),
    ];
    let mut bytes = b"II*\0".to_vec();
    bytes.extend((8 + pixels.len() as u32).to_le_bytes());
    bytes.extend(pixels);
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(0u32.to_le_bytes());
    bytes
}

/// A PNG of a plate with some structure, and one dark spot where `spot` says so. The same number, the same bytes.
pub(crate) fn plate(number: u32, spot: bool) -> Vec<u8> {
    let (width, height) = (160u32, 120u32);
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            let noise =
                (x * 7919 + y * 104_729 + number * 1_299_709).wrapping_mul(2_654_435_761) >> 28;
            let wave = (f64::from(x + number) / 9.0).sin() * 12.0;
            let dark = spot && (68..80).contains(&x) && (48..60).contains(&y);
            let grey = match dark {
                true => 95,
                false => (150.0 + wave) as u32 + noise,
            };
            pixels.extend([grey as u8, grey as u8, (grey + 10) as u8]);
        }
    }
    Picture::from_rgb(width, height, pixels)
        .unwrap()
        .to_png()
        .unwrap()
}
