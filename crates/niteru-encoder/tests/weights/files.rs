//! Weight files put together by hand, good and hostile.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub(crate) fn zip_file(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in entries {
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A PyTorch zip file of this pickle and one storage "0".
pub(crate) fn pytorch(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
    zip_file(
        &[("a/data.pkl", pickle), ("a/data/0", storage)],
        CompressionMethod::Stored,
    )
}

/// Assembles pickles, so that hostile ones read like what they do.
#[derive(Default, Clone)]
pub(crate) struct Pickle(pub(crate) Vec<u8>);

impl Pickle {
    pub(crate) fn new() -> Pickle {
        Pickle(vec![0x80, 2])
    }
    pub(crate) fn op(mut self, bytes: &[u8]) -> Pickle {
        self.0.extend(bytes);
        self
    }
    pub(crate) fn global(self, module: &str, name: &str) -> Pickle {
        self.op(format!("c{module}\n{name}\n").as_bytes())
    }
    pub(crate) fn text(self, text: &str) -> Pickle {
        self.op(b"X")
            .op(&(text.len() as u32).to_le_bytes())
            .op(text.as_bytes())
    }
    pub(crate) fn int(self, value: i64) -> Pickle {
        self.op(&[0x8a, 8]).op(&value.to_le_bytes())
    }
    pub(crate) fn tuple(self, values: &[i64]) -> Pickle {
        values
            .iter()
            .fold(self.op(b"("), |pickle, value| pickle.int(*value))
            .op(b"t")
    }
    pub(crate) fn storage(self, elements: i64) -> Pickle {
        self.op(b"(")
            .text("storage")
            .global("torch", "FloatStorage")
            .text("0")
            .text("cpu")
            .int(elements)
            .op(b"tQ")
    }
    /// `{"w": tensor}` and STOP.
    pub(crate) fn tensor(
        self,
        elements: i64,
        offset: i64,
        shape: &[i64],
        strides: &[i64],
    ) -> Vec<u8> {
        self.op(b"}")
            .text("w")
            .global("torch._utils", "_rebuild_tensor_v2")
            .op(b"(")
            .storage(elements)
            .int(offset)
            .tuple(shape)
            .tuple(strides)
            .op(b"\x89}tRs.")
            .0
    }
}

pub(crate) fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(vec![0; data]);
    bytes
}

/// A file in the format before PyTorch 1.6 whose storages all hold `storage`.
pub(crate) fn legacy(pickle: &[u8], keys: &[&str], storage: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    bytes.extend(b"\x80\x02M\xe9\x03.\x80\x02}.");
    bytes.extend(pickle);
    let list = keys
        .iter()
        .fold(Pickle::new().op(b"]"), |list, key| list.text(key).op(b"a"));
    bytes.extend(list.op(b".").0);
    for _ in keys {
        bytes.extend((storage.len() as u64 / 4).to_le_bytes());
        bytes.extend(storage);
    }
    bytes
}
