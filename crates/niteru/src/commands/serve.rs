//! `niteru serve`: the HTTP API and the web page.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use niteru_server::{ProxyAddress, Server, ServerOptions, TlsFiles};
use niteru_store::IndexPlace;
use serde::Serialize;

use super::Context;
use crate::args::{ServeArgs, index_place};
use crate::output::{Outcome, Output};

/// The contract of `--json`: one line, once requests are answered.
#[derive(Serialize)]
struct Serving {
    url: String,
    address: String,
    login: bool,
    /// What makes the first administrator, once.
    setup_code: Option<String>,
}

pub(super) fn run(context: &Context, args: &ServeArgs) -> Result<Outcome> {
    let output = context.output;
    let mut options = ServerOptions::default();
    options.address = args.addr;
    options.login = args.login;
    options.quota = args.quota.saturating_mul(1_000_000_000);
    options.folders = args.folder.clone();
    let clusters = args.cluster.iter();
    options.clusters = clusters
        .map(|url| index_place("--cluster <URL>", url))
        .filter(|place| *place != IndexPlace::Local)
        .collect();
    options.proxies = match &args.behind_proxy {
        None => Vec::new(),
        Some(named) if named.is_empty() => ProxyAddress::loopback(),
        Some(named) => named.clone(),
    };
    look_for(args.folder.clone(), output);
    options.tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        }),
        _ => None,
    };
    options.log = Arc::new(move |message| output.warn(message));
    let server = Server::bind(context.home()?, options)?;
    let stopper = server.stopper();
    ctrlc::set_handler(move || stopper.stop()).context("cannot wait for Ctrl-C")?;

    let serving = Serving {
        url: server.url(),
        address: server.address().to_string(),
        login: server.needs_login(),
        setup_code: server.setup_code(),
    };
    let proxied = args.behind_proxy.is_some() && server.address().ip().is_loopback();
    tell(context, &serving, proxied)?;
    if args.open && !open(&serving.url) {
        output.warn(format!(
            "no browser could be started: open {} yourself",
            serving.url
        ));
    }
    server.run()?;
    output.note("stopped");
    Ok(Outcome::Done)
}

/// Says which folders are not there. On a thread of its own: a network share may not answer.
fn look_for(folders: Vec<PathBuf>, output: Output) {
    std::thread::spawn(move || {
        for folder in folders.iter().filter(|folder| !folder.is_dir()) {
            let folder = folder.display();
            output.warn(format!(
                "there is no folder {folder} now; it can be watched as soon as it is there"
            ));
        }
    });
}

/// `proxied`: only a proxy on this computer can connect, and what comes before it is not for us to secure.
fn tell(context: &Context, serving: &Serving, proxied: bool) -> Result<()> {
    let output = &context.output;
    if output.is_json() {
        return Ok(output.json(serving)?);
    }
    output.text(&serving.url)?;
    if let Some(code) = &serving.setup_code {
        output.warn(format!(
            "nobody can log in yet: open the address and make the first administrator with the code {code}"
        ));
    }
    if serving.login && !proxied && serving.url.starts_with("http:") {
        output.warn(
            "connections are not secured: whoever can listen in on the network reads passwords; give \
             --tls-cert and --tls-key",
        );
    }
    output.note("Ctrl-C stops");
    Ok(())
}

/// Asks the system to show an address.
fn open(url: &str) -> bool {
    let (program, before): (&str, &[&str]) = match () {
        () if cfg!(target_os = "macos") => ("open", &[]),
        () if cfg!(windows) => ("explorer", &[]),
        () => ("xdg-open", &[]),
    };
    let mut command = Command::new(program);
    command.args(before).arg(url);
    command.stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}
