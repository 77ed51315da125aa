//! What the hub says about a revision before anything is fetched.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What the hub says about a revision.
pub(super) struct Description {
    /// 40 hexadecimal digits.
    pub(super) commit: String,
    /// By path in the repository.
    pub(super) files: BTreeMap<String, Announced>,
}

/// What the hub says about a file. The sha256 is known of large files only; of small ones the hub
/// tells a git hash, which is not of use.
pub(super) struct Announced {
    pub(super) bytes: Option<u64>,
    /// In hexadecimal.
    pub(super) sha256: Option<String>,
}

impl Description {
    /// Reads the hub's answer; an error says what is odd about it.
    pub(super) fn read(answer: &[u8]) -> Result<Description, String> {
        #[derive(Deserialize)]
        struct Answer {
            sha: String,
            siblings: Vec<Sibling>,
        }
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
            size: Option<u64>,
            lfs: Option<Lfs>,
        }
        #[derive(Deserialize)]
        struct Lfs {
            sha256: String,
            size: u64,
        }
        let answer: Answer = serde_json::from_slice(answer)
            .map_err(|error| format!("not a description of a revision ({error})"))?;
        // The commit becomes part of addresses and is recorded.
        if !hexadecimal(&answer.sha, 40) {
            return Err(format!("{:?} is not a commit", answer.sha));
        }
        let mut files = BTreeMap::new();
        for Sibling {
            rfilename,
            size,
            lfs,
        } in answer.siblings
        {
            let announced = match lfs {
                Some(lfs) if !hexadecimal(&lfs.sha256, 64) => {
                    return Err(format!("{:?} is not a sha256", lfs.sha256));
                }
                Some(lfs) => Announced {
                    bytes: Some(lfs.size),
                    sha256: Some(lfs.sha256),
                },
                None => Announced {
                    bytes: size,
                    sha256: None,
                },
            };
            files.insert(rfilename, announced);
        }
        Ok(Description {
            commit: answer.sha,
            files,
        })
    }
}

fn hexadecimal(text: &str, length: usize) -> bool {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.len() == length && text.bytes().all(digit)
}
