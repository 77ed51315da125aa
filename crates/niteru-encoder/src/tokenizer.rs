//! Text to token ids, as CLIP was trained on them.

use std::path::{Path, PathBuf};

/// Largest tokenizer file that is read, in bytes. CLIP's is under 4 MB.
const MAX_TOKENIZER_BYTES: u64 = 64 << 20;

/// Longest text that is tokenized, in bytes; what follows could not fit 77 tokens anyway.
const MAX_TEXT_BYTES: usize = 16 << 10;

/// A `tokenizer.json` with the length limit of one text tower.
pub(crate) struct Tokenizer {
    inner: tokenizers::Tokenizer,
    max_tokens: usize,
}

/// Why a tokenizer could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file could not be read.
    #[error("cannot read {path}")]
    Io {
        /// The tokenizer file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is far larger than any tokenizer.
    #[error("{path} has {bytes} bytes; a tokenizer has at most {MAX_TOKENIZER_BYTES}")]
    TooLarge {
        /// The tokenizer file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The file is not a tokenizer.
    #[error("{path} is not a tokenizer: {what}")]
    Format {
        /// The tokenizer file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A text could not be tokenized.
    #[error("cannot tokenize the text: {0}")]
    Text(String),
}

impl Tokenizer {
    /// Reads `path`; texts become at most `max_tokens` ids.
    pub(crate) fn open(path: &Path, max_tokens: usize) -> Result<Tokenizer, TokenizerError> {
        let io = |source| TokenizerError::Io {
            path: path.to_path_buf(),
            source,
        };
        let bytes = std::fs::metadata(path).map_err(io)?.len();
        if bytes > MAX_TOKENIZER_BYTES {
            return Err(TokenizerError::TooLarge {
                path: path.to_path_buf(),
                bytes,
            });
        }
        let data = std::fs::read(path).map_err(io)?;
        let format = |what: String| TokenizerError::Format {
            path: path.to_path_buf(),
            what,
        };
        let mut inner =
            tokenizers::Tokenizer::from_bytes(data).map_err(|error| format(error.to_string()))?;
        // Lengths are ours to decide: a file may carry the truncation and padding of its last user.
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|error| format(error.to_string()))?;
        Ok(Tokenizer { inner, max_tokens })
    }

    /// The ids of `text` with start and end token, at most `max_tokens`; a longer text loses its
    /// tail and keeps its end token.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let mut end = text.len().min(MAX_TEXT_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let encoding = self
            .inner
            .encode(&text[..end], true)
            .map_err(|error| TokenizerError::Text(error.to_string()))?;
        let mut ids = encoding.get_ids().to_vec();
        if ids.is_empty() {
            let what = "the tokenizer adds no start and end token";
            return Err(TokenizerError::Text(what.to_string()));
        }
        if ids.len() > self.max_tokens
            && let Some(&end_token) = ids.last()
        {
            ids.truncate(self.max_tokens);
            if let Some(last) = ids.last_mut() {
                *last = end_token;
            }
        }
        Ok(ids)
    }
}
