//! The server: HTTP API, users, audit log, jobs, and the web page.
//!
//! [`Server`] is the entry. It has a blocking interface: what is asynchronous stays in this room.
//!
//! ```no_run
//! use niteru_server::{Server, ServerOptions};
//! use niteru_store::Home;
//!
//! # fn example() -> Result<(), niteru_server::ServerError> {
//! let home = Home::open("/srv/niteru").expect("a home");
//! let server = Server::bind(home, ServerOptions::default())?;
//! println!("{}", server.url());
//! server.run()
//! # }
//! ```
//!
//! Every route is registered once, in `api`, with what it needs: the role, the limits, the action in the
//! audit log, the shapes of what it takes and gives. `dispatch` enforces them, `openapi` describes them,
//! and a test walks the table.

mod api;
mod app;
mod assets;
mod dispatch;
mod error;
mod guard;
mod identity;
mod jobs;
mod leftovers;
mod listen;
mod password;
mod problem;
mod responses;
mod restoring;
mod route;
mod secret;
mod server;
mod shelf;
mod tls;
mod turns;
mod watched;
mod work;

pub use api::description;
pub use error::ServerError;
pub use server::{Server, ServerOptions, Stopper, TlsFiles};
