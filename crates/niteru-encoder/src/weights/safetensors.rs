//! The safetensors format: a JSON header, then the values. The `safetensors` crate checks that
//! the tensors' ranges are in order, without gaps, and as long as their shapes say.

use std::collections::BTreeMap;

use safetensors::{Dtype as Stored, SafeTensors};

use super::{Dtype, Entry, MAX_RANK};

/// Longest header that is read; CLIP ViT-L/14's has 80 kB.
const MAX_HEADER: u64 = 16 << 20;

pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, Entry>, String> {
    let header = bytes
        .first_chunk::<8>()
        .map(|length| u64::from_le_bytes(*length))
        .ok_or("the file is too short")?;
    if header > MAX_HEADER {
        return Err(format!(
            "a header of {header} bytes is over the limit of {MAX_HEADER}"
        ));
    }
    let (header, metadata) = SafeTensors::read_metadata(bytes)
        .map_err(|error| format!("damaged or truncated safetensors file: {error}"))?;
    let data = header.checked_add(8).ok_or("damaged header")?;
    let mut entries = BTreeMap::new();
    for (name, info) in metadata.tensors() {
        let dtype = match info.dtype {
            Stored::F32 => Dtype::F32,
            Stored::F16 => Dtype::F16,
            Stored::BF16 => Dtype::BF16,
            Stored::F64 => Dtype::F64,
            Stored::I64 => Dtype::I64,
            Stored::I32 => Dtype::I32,
            Stored::I16 => Dtype::I16,
            Stored::I8 => Dtype::I8,
            Stored::U8 => Dtype::U8,
            Stored::BOOL => Dtype::Bool,
            other => {
                return Err(format!(
                    "tensor {name:?} is of type {other:?}: not supported"
                ));
            }
        };
        if info.shape.len() > MAX_RANK {
            let rank = info.shape.len();
            return Err(format!(
                "tensor {name:?} has {rank} dimensions, at most {MAX_RANK} fit"
            ));
        }
        let (start, end) = info.data_offsets;
        let long = super::count(&info.shape).and_then(|count| count.checked_mul(dtype.bytes()));
        let place = data.checked_add(end).filter(|&end| end <= bytes.len());
        if place.is_none() || end.checked_sub(start) != long {
            return Err(format!("tensor {name:?} does not lie in the file"));
        }
        entries.insert(
            name,
            Entry {
                dtype,
                shape: info.shape.clone(),
                start: data + start,
                strides: None,
            },
        );
    }
    Ok(entries)
}
