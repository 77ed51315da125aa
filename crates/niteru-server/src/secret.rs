//! Random tokens, and comparing them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::ServerError;

/// Letters and digits that are not taken for each other.
const READABLE: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// 256 random bits, as 43 characters that stand in headers and URLs as they are.
pub(crate) fn token() -> Result<String, ServerError> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// 80 random bits to be typed, such as `K7QF-2MZX-9RTA-WB4H`.
pub(crate) fn readable_code() -> Result<String, ServerError> {
    let characters = random::<16>()?.map(|byte| char::from(READABLE[usize::from(byte % 32)]));
    let groups: Vec<String> = characters
        .chunks(4)
        .map(|four| four.iter().collect())
        .collect();
    Ok(groups.join("-"))
}

fn random<const N: usize>() -> Result<[u8; N], ServerError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| ServerError::System(error.to_string()))?;
    Ok(bytes)
}

/// Whether two secrets are the same, in a time that does not tell how much of them is.
pub(crate) fn same(a: &str, b: &str) -> bool {
    // Hashed first, so that the time does not tell the length either.
    let (a, b) = (Sha256::digest(a.as_bytes()), Sha256::digest(b.as_bytes()));
    a.as_slice().ct_eq(b.as_slice()).into()
}

/// What proves that a request comes from our page: whoever knows the session's token can compute it, and
/// nothing of the token can be computed from it.
pub(crate) fn csrf_of(token: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"niteru csrf\0");
    hash.update(token.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_new_each_time_and_compared_whole() {
        let (a, b) = (token().unwrap(), token().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), 43);
        assert!(same(&a, &a.clone()));
        assert!(!same(&a, &b));
        assert!(!same(&a, &a[..42]));
        assert_ne!(csrf_of(&a), csrf_of(&b));
        let code = readable_code().unwrap();
        assert_eq!(code.len(), 19, "{code}");
        assert!(code.chars().all(|c| c == '-' || c.is_ascii_alphanumeric()));
    }
}
