//! A small CLIP model, weight files of the right shapes, and a hub on loopback.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use niteru_encoder::{Hub, ModelCache};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A commit, as the hub names them.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// An empty cache in a new home.
pub(crate) fn cache() -> (tempfile::TempDir, ModelCache) {
    let home = tempfile::tempdir().unwrap();
    let cache = ModelCache::new(home.path().join("models"));
    (home, cache)
}

/// Names in the cache's folder, without the lock.
pub(crate) fn names(cache: &ModelCache) -> Vec<String> {
    let entries = std::fs::read_dir(cache.root()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != ".lock").collect();
    names.sort();
    names
}

/// Names and shapes of the tensors of a weight file.
pub(crate) type Tensors = Vec<(String, Vec<usize>)>;

/// A safetensors file with these tensors; their values go round 0.1 to 0.7.
pub(crate) fn safetensors(tensors: &Tensors) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, shape) in tensors {
        let start = end;
        end += shape.iter().product::<usize>() * 4;
        let tensor = json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]});
        header.insert(name.clone(), tensor);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    let values = (0..end / 4).map(|i| (i % 7 + 1) as f32 / 10.0);
    bytes.extend(values.flat_map(f32::to_le_bytes));
    bytes
}

/// Tensors of EfficientNet-Lite0 to 2. With another number of blocks, those that tell one.
pub(crate) fn lite(blocks: usize, head: usize) -> Tensors {
    // Kernel, expansion and output channels of each stage, and how often it is repeated.
    let stages: &[(usize, usize, usize, usize)] = match (blocks, head) {
        (16, 320) => &[
            (3, 1, 16, 1),
            (3, 6, 24, 2),
            (5, 6, 40, 2),
            (3, 6, 80, 3),
            (5, 6, 112, 3),
            (5, 6, 192, 4),
            (3, 6, 320, 1),
        ],
        (21, 320) => &[
            (3, 1, 16, 1),
            (3, 6, 24, 3),
            (5, 6, 40, 3),
            (3, 6, 80, 4),
            (5, 6, 112, 4),
            (5, 6, 192, 5),
            (3, 6, 320, 1),
        ],
        (21, 352) => &[
            (3, 1, 16, 1),
            (3, 6, 24, 3),
            (5, 6, 48, 3),
            (3, 6, 88, 4),
            (5, 6, 120, 4),
            (5, 6, 208, 5),
            (3, 6, 352, 1),
        ],
        _ => &[(3, 1, 1, blocks)],
    };
    let mut tensors = Tensors::new();
    let mut layer = |conv: &str, norm: &str, shape: [usize; 4]| {
        tensors.push((format!("{conv}.weight"), shape.to_vec()));
        for part in ["weight", "bias", "running_mean", "running_var"] {
            tensors.push((format!("{norm}.{part}"), vec![shape[0]]));
        }
    };
    layer("_conv_stem", "_bn0", [32, 3, 3, 3]);
    let (mut block, mut input) = (0, 32);
    for &(kernel, expansion, output, repeats) in stages {
        for _ in 0..repeats {
            let name = |part: &str| format!("_blocks.{block}.{part}");
            let wide = input * expansion;
            if expansion > 1 {
                layer(&name("_expand_conv"), &name("_bn0"), [wide, input, 1, 1]);
            }
            let depthwise = [wide, 1, kernel, kernel];
            layer(&name("_depthwise_conv"), &name("_bn1"), depthwise);
            layer(&name("_project_conv"), &name("_bn2"), [output, wide, 1, 1]);
            (block, input) = (block + 1, output);
        }
    }
    layer("_conv_head", "_bn1", [1280, head, 1, 1]);
    tensors
}

/// Tensors of a CLIP model as small as they come: two layers of width 8, patches of 16 of 32.
pub(crate) fn clip_tensors() -> Tensors {
    let mut tensors: Tensors = [
        ("vision_model.embeddings.class_embedding", vec![8]),
        (
            "vision_model.embeddings.patch_embedding.weight",
            vec![8, 3, 16, 16],
        ),
        (
            "vision_model.embeddings.position_embedding.weight",
            vec![5, 8],
        ),
        ("visual_projection.weight", vec![4, 8]),
        ("text_model.embeddings.token_embedding.weight", vec![10, 8]),
        (
            "text_model.embeddings.position_embedding.weight",
            vec![7, 8],
        ),
        ("text_projection.weight", vec![4, 8]),
    ]
    .map(|(name, shape)| (name.to_string(), shape))
    .to_vec();
    let mut affine = |name: String, weight: Vec<usize>| {
        tensors.push((format!("{name}.bias"), vec![weight[0]]));
        tensors.push((format!("{name}.weight"), weight));
    };
    for norm in [
        "vision_model.pre_layrnorm",
        "vision_model.post_layernorm",
        "text_model.final_layer_norm",
    ] {
        affine(norm.to_string(), vec![8]);
    }
    for layer in ["vision_model", "text_model"]
        .iter()
        .flat_map(|tower| (0..2).map(move |layer| format!("{tower}.encoder.layers.{layer}")))
    {
        for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            affine(format!("{layer}.self_attn.{part}"), vec![8, 8]);
        }
        affine(format!("{layer}.mlp.fc1"), vec![16, 8]);
        affine(format!("{layer}.mlp.fc2"), vec![8, 16]);
        for norm in ["layer_norm1", "layer_norm2"] {
            affine(format!("{layer}.{norm}"), vec![8]);
        }
    }
    tensors
}

/// `config.json` of that model.
pub(crate) fn clip_config() -> Value {
    json!({
        "model_type": "clip",
        "projection_dim": 4,
        "text_config": {
            "vocab_size": 10, "max_position_embeddings": 7, "hidden_size": 8,
            "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        },
        "vision_config": {
            "image_size": 32, "patch_size": 16, "hidden_size": 8,
            "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        },
    })
}

/// `preprocessor_config.json` of that model.
pub(crate) fn clip_preprocessor() -> Value {
    json!({
        "size": {"shortest_edge": 32},
        "crop_size": {"height": 32, "width": 32},
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    })
}

/// `tokenizer.json` of that model: words, with a start and an end token.
pub(crate) fn clip_tokenizer() -> Value {
    let special = |token: &str, id: u32| {
        json!({
            "id": id, "content": token, "special": true, "normalized": false,
            "single_word": false, "lstrip": false, "rstrip": false,
        })
    };
    let step = |token: &str| json!({"SpecialToken": {"id": token, "type_id": 0}});
    let text = json!([step("<s>"), {"Sequence": {"id": "A", "type_id": 0}}, step("</s>")]);
    json!({
        "version": "1.0",
        "added_tokens": [special("<s>", 8), special("</s>", 9)],
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": text,
            "pair": text,
            "special_tokens": {
                "<s>": {"id": "<s>", "ids": [8], "tokens": ["<s>"]},
                "</s>": {"id": "</s>", "ids": [9], "tokens": ["</s>"]},
            },
        },
        "model": {
            "type": "WordLevel",
            "unk_token": "?",
            "vocab": {"?": 0, "a": 1, "photo": 2, "part": 3, "<s>": 8, "</s>": 9},
        },
    })
}

/// The files of that model.
pub(crate) fn clip_files() -> Vec<(&'static str, Vec<u8>)> {
    let text = |json: Value| json.to_string().into_bytes();
    vec![
        ("config.json", text(clip_config())),
        ("preprocessor_config.json", text(clip_preprocessor())),
        ("tokenizer.json", text(clip_tokenizer())),
        ("model.safetensors", safetensors(&clip_tensors())),
    ]
}

/// Writes that model into a folder.
pub(crate) fn write_clip(folder: &Path) {
    for (name, bytes) in clip_files() {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

/// What was asked of the hub.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Path and query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
    /// Which request this is, from 0.
    pub(crate) number: usize,
}

/// What the hub answers: a status, headers, and the body as it goes over the wire.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Send half of the body, and then nothing more.
    pub(crate) silent: bool,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            silent: false,
        }
    }

    /// A file, as the hub sends it; a range of it if that was asked for.
    pub(crate) fn file(request: &Request, bytes: &[u8]) -> Reply {
        let from = request.headers.get("range").and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse::<usize>()
                .ok()
        });
        let reply = match from {
            Some(from) if from >= bytes.len() => Reply::new(416),
            Some(from) => Reply::new(206)
                .header(
                    "content-range",
                    &format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len()),
                )
                .body(&bytes[from..]),
            None => Reply::new(200).body(bytes),
        };
        reply.header("etag", "\"0123\"")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_string(), value.to_string()));
        self
    }

    /// Sets the body and its true length.
    pub(crate) fn body(self, body: &[u8]) -> Reply {
        let mut reply = self.header("content-length", &body.len().to_string());
        reply.body = body.to_vec();
        reply
    }

    /// Sends only the first bytes of the body, then hangs up.
    pub(crate) fn cut(mut self, bytes: usize) -> Reply {
        self.body.truncate(bytes);
        self
    }
}

/// A hub on loopback that answers as a function says; `None` hangs up without a word.
pub(crate) struct FakeHub {
    pub(crate) endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl FakeHub {
    pub(crate) fn start(answer: impl Fn(&Request) -> Option<Reply> + Send + 'static) -> FakeHub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = requests.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(mut request) = read_request(&stream) {
                    request.number = log.lock().unwrap().len();
                    log.lock().unwrap().push(request.clone());
                    if let Some(reply) = answer(&request) {
                        // One that falls silent holds up no other.
                        std::thread::spawn(move || {
                            // A client that hangs up is part of some tests.
                            let _ = write_reply(&stream, &reply);
                        });
                    }
                }
            }
        });
        FakeHub { endpoint, requests }
    }

    /// A hub that answers questions about repositories by `describe`, given what follows
    /// `/api/models/` in the path, and else as `answer` says. `describe`'s `None` is 404. Only
    /// what `answer` is asked counts as a request.
    pub(crate) fn with_repositories(
        describe: impl Fn(&str) -> Option<Value> + Send + 'static,
        answer: impl Fn(&Request) -> Option<Reply> + Send + 'static,
    ) -> FakeHub {
        let log = Arc::new(Mutex::new(Vec::new()));
        let counted = log.clone();
        let hub = FakeHub::start(move |request| {
            if let Some(asked) = request.path.strip_prefix("/api/models/") {
                return Some(match describe(asked) {
                    Some(description) => Reply::new(200).body(description.to_string().as_bytes()),
                    None => Reply::new(404).body(b"Repository not found"),
                });
            }
            let mut request = request.clone();
            request.number = counted.lock().unwrap().len();
            counted.lock().unwrap().push(request.clone());
            answer(&request)
        });
        FakeHub {
            requests: log,
            ..hub
        }
    }

    /// A hub whose only repository, `owner/name`, holds `file`, described by `about` besides its
    /// name.
    pub(crate) fn with_file(
        about: Value,
        answer: impl Fn(&Request) -> Option<Reply> + Send + 'static,
    ) -> FakeHub {
        let mut file = json!({"rfilename": "file"});
        if let (Some(file), Some(about)) = (file.as_object_mut(), about.as_object()) {
            file.extend(about.clone());
        }
        let description = json!({"sha": COMMIT, "siblings": [file]});
        FakeHub::with_repositories(
            move |asked| {
                (asked == "owner/name/revision/main?blobs=true").then(|| description.clone())
            },
            answer,
        )
    }

    /// A hub with these files under `repository`, at this revision only.
    pub(crate) fn with_files(
        repository: &str,
        revision: &str,
        files: Vec<(&'static str, Vec<u8>)>,
    ) -> FakeHub {
        let revision = revision.replace('/', "%2F");
        let question = format!("{repository}/revision/{revision}?blobs=true");
        let prefix = format!("/{repository}/resolve/{COMMIT}/");
        let siblings: Vec<_> = files
            .iter()
            .map(|(name, bytes)| about(name, bytes))
            .collect();
        let description = json!({"sha": COMMIT, "siblings": siblings});
        FakeHub::with_repositories(
            move |asked| (asked == question).then(|| description.clone()),
            move |request| {
                let file = request.path.strip_prefix(&prefix);
                let found = files.iter().find(|(name, _)| Some(*name) == file);
                Some(match found {
                    Some((_, bytes)) => Reply::file(request, bytes),
                    None => Reply::new(404).body(b"Entry not found"),
                })
            },
        )
    }

    /// A hub with the small CLIP model under `repository`, at this revision only.
    pub(crate) fn with_clip(repository: &str, revision: &str) -> FakeHub {
        FakeHub::with_files(repository, revision, clip_files())
    }

    /// A client of it that waits for answers, which a busy computer may hold up, and not long before it asks again.
    pub(crate) fn client(&self) -> Hub {
        Hub::new(&self.endpoint).with_patience(Duration::from_secs(60), Duration::from_millis(5))
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// What a hub says about a file: of large ones the sha256, of small ones a git hash.
fn about(name: &str, bytes: &[u8]) -> Value {
    let size = bytes.len();
    let mut about = json!({"rfilename": name, "size": size, "blobId": "0123"});
    if name.contains("model.") {
        about["lfs"] = json!({"size": size, "sha256": sha256(bytes), "pointerSize": 1});
    }
    about
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream.take(64 << 10)).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.to_string();
    let mut headers = HashMap::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_string());
    }
    Some(Request {
        path,
        headers,
        number: 0,
    })
}

fn write_reply(mut stream: &TcpStream, reply: &Reply) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Answer\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    let half = reply.body.len() / 2;
    stream.write_all(&reply.body[..half])?;
    stream.flush()?;
    if reply.silent {
        // The connection stays until the test's process ends.
        loop {
            std::thread::park();
        }
    }
    stream.write_all(&reply.body[half..])?;
    stream.flush()
}
