//! The uploads that stored inspectors were trained with: they are shown beside what is judged, so they stay as long as
//! a version does that knows them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use rusqlite::{Transaction, params};

use crate::error::Failure;
use crate::home::lock;
use crate::uploads::from_hex;

/// Digits of a sha256.
const DIGITS: usize = 64;

/// What is known of the versions of inspectors that were looked at. They never change.
#[derive(Debug, Default)]
pub(crate) struct TrainedWith(Mutex<HashMap<i64, Arc<HashSet<[u8; 32]>>>>);

impl TrainedWith {
    /// The sha256 of all uploads that the versions of inspectors that there are name: in their own bytes, good
    /// photos, and in what was told of their training, others. Each version is read once in a process.
    pub(crate) fn all(&self, tx: &Transaction<'_>) -> Result<HashSet<[u8; 32]>, Failure> {
        let mut known = lock(&self.0);
        let mut statement = tx.prepare_cached("SELECT id FROM inspectors")?;
        let ids: HashSet<i64> = statement
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        known.retain(|id, _| ids.contains(id));
        let mut all = HashSet::new();
        for id in ids {
            let of_one = match known.get(&id) {
                Some(of_one) => Arc::clone(of_one),
                None => {
                    let of_one = Arc::new(read(tx, id)?);
                    known.insert(id, Arc::clone(&of_one));
                    of_one
                }
            };
            all.extend(of_one.iter().copied());
        }
        Ok(all)
    }
}

fn read(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<HashSet<[u8; 32]>> {
    let sql = "SELECT summary, bytes FROM inspectors WHERE id = ?";
    tx.query_row(sql, params![id], |row| {
        let mut named = HashSet::new();
        for column in 0..2 {
            collect(row.get_ref(column)?.as_bytes()?, &mut named);
        }
        Ok(named)
    })
}

/// Adds the hashes that name uploads in bytes with paths in them: as many hexadecimal digits as a sha256 has and no
/// more, before a dot. What else looks so is none of an upload.
fn collect(bytes: &[u8], named: &mut HashSet<[u8; 32]>) {
    let mut digits = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' | b'a'..=b'f' => digits += 1,
            _ => {
                if *byte == b'.' && digits == DIGITS {
                    let text = std::str::from_utf8(&bytes[at - DIGITS..at]);
                    named.extend(text.ok().and_then(from_hex));
                }
                digits = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_found_where_they_name_a_file_and_nowhere_else() {
        let (one, two) = ("0a".repeat(32), "f9".repeat(32));
        let mut bytes = b"NITEINSP\x05\0\0\0\xff".to_vec();
        let folders = [
            format!("/home/uploads/0a/{one}.png"),
            format!("C:\\uploads\\f9\\{two}.jpg"),
        ];
        for path in &folders {
            bytes.push(path.len() as u8);
            bytes.extend(path.as_bytes());
            bytes.extend([0x80, 0x3f, b'.']);
        }
        // Longer, shorter, and no name of a file.
        for other in [
            format!("/a{one}.png"),
            "/0a0a.png".into(),
            format!("/{two}/x.png"),
        ] {
            bytes.extend(other.replace("f9", "77").as_bytes());
        }
        let mut named = HashSet::new();
        collect(&bytes, &mut named);
        assert_eq!(named, HashSet::from([[0x0a; 32], [0xf9; 32]]));
        named.clear();
        collect(one.as_bytes(), &mut named);
        collect(b"", &mut named);
        assert!(named.is_empty());
    }
}
