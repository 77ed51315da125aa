//! What makes two embeddings comparable.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// Identifies a model by all that changes its numbers: weights, architecture, preprocessing and
/// precision. Embeddings of different fingerprints are never compared.
///
/// Shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of the parts, each given as text that is equal exactly when the numbers are.
    pub(crate) fn of(
        weights: &str,
        architecture: &str,
        preprocess: &str,
        precision: &str,
    ) -> Fingerprint {
        let text = format!(
            "niteru model 1\nweights {weights}\narchitecture {architecture}\n\
             preprocess {preprocess}\nprecision {precision}\n"
        );
        Fingerprint(Sha256::digest(text).into())
    }

    /// The sha256 itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From the 32 bytes that [`Fingerprint::as_bytes`] gave.
    pub fn from_bytes(bytes: [u8; 32]) -> Fingerprint {
        Fingerprint(bytes)
    }

    /// The first eight digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_string()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("a fingerprint has 64 hexadecimal digits")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Fingerprint, FingerprintError> {
        if text.len() != 64 || !text.is_ascii() {
            return Err(FingerprintError);
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte =
                u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| FingerprintError)?;
        }
        Ok(Fingerprint(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_text_round_trips() {
        let base = Fingerprint::of("w", "a", "p", "f32");
        let others = [
            Fingerprint::of("v", "a", "p", "f32"),
            Fingerprint::of("w", "b", "p", "f32"),
            Fingerprint::of("w", "a", "q", "f32"),
            Fingerprint::of("w", "a", "p", "bf16"),
        ];
        assert!(others.iter().all(|other| *other != base));
        assert_eq!(base.to_string().parse::<Fingerprint>().unwrap(), base);
        for bad in ["", "12", "zz", &"g".repeat(64), &"é".repeat(32)] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }
}
