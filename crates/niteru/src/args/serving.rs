//! Arguments of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use niteru_server::ProxyAddress;

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Address and port to listen on; port 0 takes any that is free. Other addresses than this computer's own
    /// need a login
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8686")]
    pub(crate) addr: SocketAddr,

    /// Open the page in a browser
    #[arg(long)]
    pub(crate) open: bool,

    /// Ask for a login also where only this computer can connect
    #[arg(long)]
    pub(crate) login: bool,

    /// Secure connections with this certificate: a PEM file, the server's certificate first
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The certificate's private key: a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// A folder that may be watched for photos to inspect, such as one of a camera, and that collections may be
    /// filled from; may be given more than once
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Vec<PathBuf>,

    /// A Qdrant cluster that indexes may be moved to, such as qdrant+http://host:6334; may be given more than once
    // Checked by `index_place`: clap's own message would repeat a secret in it.
    #[arg(long, value_name = "URL")]
    pub(crate) cluster: Vec<String>,

    /// A proxy hands on requests: believe it who asks and whether their connection is secure (X-Forwarded-For,
    /// X-Forwarded-Proto), if it asks from one of these addresses or networks [without one: this computer's own].
    /// Everybody has to log in then
    #[arg(long, value_name = "ADDRESS", num_args = 0.., value_delimiter = ',')]
    pub(crate) behind_proxy: Option<Vec<ProxyAddress>>,

    /// Most gigabytes that uploaded images may have together
    #[arg(long, value_name = "GB", default_value = "100", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) quota: u64,
}
