//! Who may use the server, and what they did: users, sessions, API tokens, the audit log.
//!
//! Passwords come here hashed, and tokens are hashed here: who reads the database can log in with nothing
//! of it.

mod audit;
mod role;
mod sessions;
mod tokens;
mod users;

pub use audit::{AuditCheck, AuditEntry, AuditFormat, NewAuditEntry};
pub use role::Role;
pub use tokens::{ApiToken, NewApiToken};
pub use users::{Credentials, LoginTry, User, UserChange};

pub(crate) use audit::audit_problem;

use sha2::{Digest, Sha256};

/// What is kept of a token.
fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
