//! The server as clients meet it: most of it without connections, the rest over real ones to this computer.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what helps tests fails them, too"
)]

mod alike;
mod audit;
mod backups;
mod events;
mod folders;
mod forged;
mod indexes;
mod jobs;
mod leftovers;
mod limits;
mod login;
mod map;
mod pages;
mod photos;
mod pictures;
mod proxy;
mod rest;
mod routes;
mod support;
mod tokens;
mod uploads;
mod watched;
mod whole;
mod wire;
