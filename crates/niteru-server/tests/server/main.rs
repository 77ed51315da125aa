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
mod forged;
mod jobs;
mod leftovers;
mod limits;
mod login;
mod map;
mod pages;
mod photos;
mod rest;
mod routes;
mod support;
mod tokens;
mod uploads;
mod watched;
mod whole;
mod wire;
