//! Passwords: argon2id, with a salt of their own each.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::error::ApiError;
use crate::problem::{Kind, Problem};

/// Fewest characters. Length is what makes guessing hard; no rule asks for special ones.
pub(crate) const LEAST: usize = 10;

/// Most bytes: hashing a password must cost no more than that.
const MOST: usize = 1024;

/// The first recommendation of OWASP: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// The hash to keep of a new password. Takes some ten milliseconds and 19 MiB.
pub(crate) fn hash(password: &str) -> Result<String, ApiError> {
    if password.chars().count() < LEAST {
        return Err(
            ApiError::bad(format!("a password has at least {LEAST} characters"))
                .help("several words in a row are easy to remember and hard to guess")
                .because(Problem::from(Kind::PasswordShort).with("least", LEAST)),
        );
    }
    if password.len() > MOST {
        let message = format!("a password has at most {MOST} bytes");
        return Err(ApiError::bad(message)
            .because(Problem::from(Kind::PasswordLong).with("most_bytes", MOST)));
    }
    let hash = argon2().hash_password(password.as_bytes());
    let hash = hash.map_err(|error| ApiError::internal(format!("cannot hash: {error}")))?;
    Ok(hash.to_string())
}

/// Whether it is the password that a hash was made of. Without a hash (no such user) the same work is done
/// for nothing, so that the time does not tell which users there are.
pub(crate) fn verify(password: &str, hash: Option<&str>) -> bool {
    /// Of a password that nobody has.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$\
                          RdescudvJCsgt3ub+b4dWRWJTmaQ4jF1BjkyX5wn9Vk";
    if password.len() > MOST {
        return false;
    }
    let parsed = PasswordHash::new(hash.unwrap_or(NOBODY));
    let right = parsed.is_ok_and(|parsed| {
        argon2()
            .verify_password(password.as_bytes(), &parsed)
            .is_ok()
    });
    right && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn hashes_are_salted_and_verified() {
        let (a, b) = (
            hash("a long password").unwrap(),
            hash("a long password").unwrap(),
        );
        assert_ne!(a, b);
        assert!(a.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{a}");
        assert!(verify("a long password", Some(&a)));
        assert!(!verify("a long passwork", Some(&a)));
        assert!(!verify("a long password", None));
        assert!(!verify("", None));
        assert!(!verify("x", Some("no hash")));
        assert!(hash("short").unwrap_err().message().contains("at least 10"));
        assert!(hash("パスワードは十文字以上").is_ok());
        assert!(hash(&"x".repeat(2000)).is_err());
    }

    #[test]
    fn who_is_not_there_takes_as_long() {
        let known = hash("a long password").unwrap();
        let time = |hash: Option<&str>| {
            let started = Instant::now();
            verify("another password", hash);
            started.elapsed().as_secs_f64()
        };
        // By turns, and the quickest of each, as other work slows down both.
        let mut least = [f64::MAX; 2];
        for _ in 0..10 {
            for (least, hash) in least.iter_mut().zip([None, Some(&*known)]) {
                *least = time(hash).min(*least);
            }
        }
        let ratio = least[0] / least[1];
        assert!((0.3..3.0).contains(&ratio), "{ratio}");
    }
}
