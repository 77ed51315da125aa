//! PyTorch's two file formats: a pickle that describes the tensors, and the raw storages that
//! they are views of.
//!
//! Since version 1.6 the file is a zip archive of `NAME/data.pkl` and one stored (not
//! compressed) entry `NAME/data/KEY` per storage. Before, it was a sequence of pickles (magic
//! number, protocol version, system, state dictionary, storage keys) followed by the storages,
//! each with its length. Layouts after `torch/serialization.py`.

use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::ops::Range;

use zip::ZipArchive;

use super::pickle::{self, Pickle, Tensor, Value};
use super::{Dtype, Entry, MAX_RANK, count, row_major};

/// First bytes of the format before version 1.6: a pickle of the number 0x1950a86a20f9469cfc6c.
pub(super) const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
/// Version of that format; there has been no other since 2017.
const LEGACY_VERSION: i64 = 1001;
/// Most entries a zip file may list; a weight file has one per tensor.
const MAX_ENTRIES: usize = 100_000;

/// Lists the tensors of a PyTorch zip file.
pub(super) fn read_zip(bytes: &[u8]) -> Result<BTreeMap<String, Entry>, String> {
    let damaged = |error: zip::result::ZipError| format!("damaged or truncated zip file: {error}");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    if archive.len() > MAX_ENTRIES {
        return Err(format!(
            "{} zip entries, at most {MAX_ENTRIES} fit",
            archive.len()
        ));
    }
    let mut places: HashMap<String, Range<usize>> = HashMap::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.to_string();
        if entry.compression() != zip::CompressionMethod::Stored || entry.encrypted() {
            return Err(format!(
                "zip entry {name:?} is compressed or encrypted, as PyTorch never does"
            ));
        }
        let start = entry
            .data_start()
            .and_then(|start| usize::try_from(start).ok());
        let size = usize::try_from(entry.size())
            .ok()
            .filter(|_| entry.size() == entry.compressed_size());
        let place = start
            .zip(size)
            .and_then(|(start, size)| Some(start..start.checked_add(size)?))
            .filter(|place| place.end <= bytes.len())
            .ok_or_else(|| format!("zip entry {name:?} does not lie in the file"))?;
        if places.insert(name.clone(), place).is_some() {
            return Err(format!("zip entry {name:?} is there twice"));
        }
    }
    let mut roots = places
        .keys()
        .filter_map(|name| name.strip_suffix("data.pkl"));
    let root = roots
        .next()
        .ok_or("a zip file, but without data.pkl: not a PyTorch file")?
        .to_string();
    if roots.next().is_some() {
        return Err("more than one data.pkl in the zip file".to_string());
    }
    if places.contains_key(&format!("{root}constants.pkl")) {
        return Err(
            "a TorchScript program: export its state_dict with torch.save instead".to_string(),
        );
    }
    if let Some(order) = places.get(&format!("{root}byteorder"))
        && &bytes[order.clone()] != b"little"
    {
        return Err("stored big-endian; save it on a little-endian machine".to_string());
    }
    let description = &bytes[places[&format!("{root}data.pkl")].clone()];
    let (pickle, _) = pickle::read(description)?;
    let storages = pickle
        .storages
        .iter()
        .map(|storage| {
            let name = format!("{root}data/{}", storage.key);
            places
                .get(&name)
                .cloned()
                .ok_or_else(|| format!("storage {name:?} is missing"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    entries(&pickle, &storages)
}

/// Lists the tensors of a PyTorch file written before version 1.6.
pub(super) fn read_legacy(bytes: &[u8]) -> Result<BTreeMap<String, Entry>, String> {
    let mut at = LEGACY_MAGIC.len();
    let mut next = || -> Result<(Pickle, usize), String> {
        let (pickle, used) = pickle::read(bytes.get(at..).unwrap_or_default())?;
        at += used;
        Ok((pickle, at))
    };
    match next()?.0.root() {
        Value::Int(LEGACY_VERSION) => (),
        _ => {
            return Err(format!(
                "a PyTorch format other than {LEGACY_VERSION}: save it again with torch.save"
            ));
        }
    }
    let (system, _) = next()?;
    if system
        .get("little_endian")
        .is_some_and(|value| matches!(value, Value::Bool(false)))
    {
        return Err("stored big-endian; save it on a little-endian machine".to_string());
    }
    let (description, _) = next()?;
    let (keys, mut at) = next()?;
    let Value::List(keys_list) = keys.root() else {
        return Err("damaged list of storages".to_string());
    };

    let known: HashMap<&str, usize> = description
        .storages
        .iter()
        .enumerate()
        .map(|(index, storage)| (storage.key.as_str(), index))
        .collect();
    let mut places = vec![None; description.storages.len()];
    for key in keys_list {
        let Value::Text(key) = keys.value(*key) else {
            return Err("damaged list of storages".to_string());
        };
        let index = *known
            .get(key.as_str())
            .ok_or_else(|| format!("storage {key:?} belongs to no tensor"))?;
        let truncated = || format!("truncated in storage {key:?}");
        let length = bytes
            .get(at..)
            .and_then(|rest| rest.first_chunk::<8>())
            .ok_or_else(truncated)?;
        let storage = &description.storages[index];
        if u64::from_le_bytes(*length) != storage.elements as u64 {
            return Err(format!(
                "storage {key:?} should hold {} values, but holds {}",
                storage.elements,
                u64::from_le_bytes(*length)
            ));
        }
        let start = at + 8;
        at = storage
            .elements
            .checked_mul(storage.dtype.bytes())
            .and_then(|size| start.checked_add(size))
            .filter(|&end| end <= bytes.len())
            .ok_or_else(truncated)?;
        if places[index].replace(start..at).is_some() {
            return Err(format!("storage {key:?} is there twice"));
        }
    }
    let places = places
        .into_iter()
        .zip(&description.storages)
        .map(|(place, storage)| {
            place.ok_or_else(|| format!("storage {:?} is missing", storage.key))
        })
        .collect::<Result<Vec<_>, _>>()?;
    entries(&description, &places)
}

/// The tensors of a state dictionary, each checked against its storage's place in the file.
fn entries(pickle: &Pickle, places: &[Range<usize>]) -> Result<BTreeMap<String, Entry>, String> {
    for (storage, place) in pickle.storages.iter().zip(places) {
        let needed = storage.elements.checked_mul(storage.dtype.bytes());
        if needed.is_none_or(|needed| needed > place.len()) {
            return Err(format!(
                "storage {:?} should hold {} values of {}, but has {} bytes",
                storage.key,
                storage.elements,
                storage.dtype,
                place.len()
            ));
        }
    }
    let mut entries = BTreeMap::new();
    for (name, tensor) in state_dictionary(pickle)? {
        let storage = &pickle.storages[tensor.storage];
        let entry = place(tensor, storage.dtype, storage.elements, places[tensor.storage].start)
            .ok_or_else(|| {
                format!(
                    "tensor {name:?} (shape {:?}, strides {:?}, offset {}) does not lie in its storage of {} values",
                    tensor.shape, tensor.strides, tensor.offset, storage.elements
                )
            })?;
        if entries.insert(name.to_string(), entry).is_some() {
            return Err(format!("tensor {name:?} is there twice"));
        }
    }
    if entries.is_empty() {
        return Err("no tensors: not a state dictionary".to_string());
    }
    Ok(entries)
}

/// Checks that every index a tensor can form lies in its storage, and that it has no more values
/// than the storage: a stride of 0 would else turn a few bytes into any amount of memory.
fn place(tensor: &Tensor, dtype: Dtype, elements: usize, start: usize) -> Option<Entry> {
    let total = count(&tensor.shape)?;
    if tensor.shape.len() > MAX_RANK || tensor.shape.len() != tensor.strides.len() {
        return None;
    }
    if total > 0 {
        let mut last = tensor.offset;
        for (&size, &stride) in tensor.shape.iter().zip(&tensor.strides) {
            last = last.checked_add(stride.checked_mul(size - 1)?)?;
        }
        if last >= elements || total > elements {
            return None;
        }
    }
    let contiguous = row_major(&tensor.shape);
    // The stride of an axis of size 1 is never used, and PyTorch stores anything there.
    let same = (0..tensor.shape.len())
        .all(|axis| tensor.shape[axis] <= 1 || tensor.strides[axis] == contiguous[axis]);
    let first = if total == 0 { 0 } else { tensor.offset };
    Some(Entry {
        dtype,
        shape: tensor.shape.clone(),
        start: start.checked_add(first.checked_mul(dtype.bytes())?)?,
        strides: (!same).then(|| tensor.strides.clone()),
    })
}

/// Names and tensors of the file's dictionary, or of the one under its key `state_dict`.
fn state_dictionary(pickle: &Pickle) -> Result<Vec<(&str, &Tensor)>, String> {
    let root = match pickle.get("state_dict") {
        Some(inner) => inner,
        None => pickle.root(),
    };
    let Value::Dictionary(items) = root else {
        return Err("not a state dictionary: save model.state_dict(), not the model".to_string());
    };
    let mut tensors = Vec::new();
    for (key, value) in items {
        if let (Value::Text(name), Value::Tensor(tensor)) =
            (pickle.value(*key), pickle.value(*value))
        {
            tensors.push((name.as_str(), &**tensor));
        }
    }
    Ok(tensors)
}
