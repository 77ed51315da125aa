//! An interpreter for the pickles in PyTorch files that cannot run code.
//!
//! A pickle is a program for a stack machine and may, in Python, call any function. This one
//! knows only the operations that PyTorch's `save` writes for a dictionary of tensors, and only
//! the names in [`global`]; anything else ends the reading with an error.
//!
//! Values live in one flat list and refer to each other by number, so that neither deep nesting
//! nor cycles can exhaust the stack or memory. Every operation adds at most one value and
//! reads at most what it took from the stack: time and memory are linear in the pickle's length.

use std::collections::HashMap;

use super::{Dtype, MAX_RANK};

/// Longest pickle that is read; CLIP ViT-L/14's has 100 kB.
const MAX_BYTES: usize = 8 << 20;
/// Most values, stack entries and memo entries.
const MAX_VALUES: usize = 1 << 18;
/// Longest text.
const MAX_TEXT: usize = 4096;

/// Number of a value in [`Pickle::values`].
pub(super) type Id = u32;

#[derive(Debug)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float,
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dictionary(Vec<(Id, Id)>),
    Global(Global),
    Storage(usize),
    Tensor(Box<Tensor>),
}

/// A tensor as described by the pickle; not yet checked against its storage.
#[derive(Debug)]
pub(super) struct Tensor {
    /// Number in [`Pickle::storages`].
    pub(super) storage: usize,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// A storage that tensors are views of.
#[derive(Debug, PartialEq)]
pub(super) struct Storage {
    pub(super) key: String,
    pub(super) dtype: Dtype,
    pub(super) elements: usize,
}

/// What a pickle may name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Global {
    RebuildTensor,
    RebuildParameter,
    OrderedDict,
    Storage(Dtype),
}

/// What a pickle described.
#[derive(Debug)]
pub(super) struct Pickle {
    values: Vec<Value>,
    root: Id,
    pub(super) storages: Vec<Storage>,
}

impl Pickle {
    pub(super) fn value(&self, id: Id) -> &Value {
        // Ids are made by `push` only, so each is in range.
        self.values.get(id as usize).unwrap_or(&Value::None)
    }

    pub(super) fn root(&self) -> &Value {
        self.value(self.root)
    }

    /// The value under a key of the outermost dictionary.
    pub(super) fn get(&self, wanted: &str) -> Option<&Value> {
        let Value::Dictionary(items) = self.root() else {
            return None;
        };
        let (_, value) = items
            .iter()
            .find(|(key, _)| matches!(self.value(*key), Value::Text(key) if key == wanted))?;
        Some(self.value(*value))
    }
}

/// The allow-list of names.
fn global(module: &str, name: &str) -> Result<Global, String> {
    Ok(match (module, name) {
        // Both take storage, offset, shape, strides; what follows does not change the values.
        ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch", "FloatStorage") => Global::Storage(Dtype::F32),
        ("torch", "HalfStorage") => Global::Storage(Dtype::F16),
        ("torch", "BFloat16Storage") => Global::Storage(Dtype::BF16),
        ("torch", "DoubleStorage") => Global::Storage(Dtype::F64),
        ("torch", "LongStorage") => Global::Storage(Dtype::I64),
        ("torch", "IntStorage") => Global::Storage(Dtype::I32),
        ("torch", "ShortStorage") => Global::Storage(Dtype::I16),
        ("torch", "CharStorage") => Global::Storage(Dtype::I8),
        ("torch", "ByteStorage") => Global::Storage(Dtype::U8),
        ("torch", "BoolStorage") => Global::Storage(Dtype::Bool),
        _ => {
            return Err(format!(
                "the pickle asks for {:?}, which a dictionary of tensors does not need: \
                 the file may be harmful; use one in safetensors format, or save model.state_dict()",
                format!("{module}.{name}")
            ));
        }
    })
}

/// Interprets one pickle at the start of `bytes`; also returns how many bytes it took.
pub(super) fn read(bytes: &[u8]) -> Result<(Pickle, usize), String> {
    let mut machine = Machine {
        bytes: &bytes[..bytes.len().min(MAX_BYTES)],
        at: 0,
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        storages: Vec::new(),
        storage_numbers: HashMap::new(),
    };
    let root = machine.run()?;
    let used = machine.at;
    Ok((
        Pickle {
            values: machine.values,
            root,
            storages: machine.storages,
        },
        used,
    ))
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack at the open MARK operations.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    storages: Vec<Storage>,
    storage_numbers: HashMap<String, usize>,
}

impl<'a> Machine<'a> {
    /// Runs to the STOP operation and returns the value it leaves.
    fn run(&mut self) -> Result<Id, String> {
        loop {
            let operation = self.byte()?;
            match operation {
                // STOP
                b'.' => return self.pop(),
                // PROTO: versions 2 to 5 differ in operations, and those are checked one by one.
                0x80 => match self.byte()? {
                    2..=5 => (),
                    version => return Err(format!("pickle protocol {version} is not supported")),
                },
                // FRAME: a hint for buffered reading
                0x95 => drop(self.take(8)?),
                b'(' => self.mark()?,
                b'0' => drop(self.pop()?),
                b'1' => drop(self.pop_mark()?),
                b'N' => self.push(Value::None)?,
                0x88 => self.push(Value::Bool(true))?,
                0x89 => self.push(Value::Bool(false))?,
                b'J' => {
                    let value = i32::from_le_bytes(self.array()?);
                    self.push(Value::Int(value.into()))?;
                }
                b'K' => {
                    let value = self.byte()?;
                    self.push(Value::Int(value.into()))?;
                }
                b'M' => {
                    let value = u16::from_le_bytes(self.array()?);
                    self.push(Value::Int(value.into()))?;
                }
                0x8a => self.long()?,
                b'G' => {
                    self.take(8)?;
                    self.push(Value::Float)?;
                }
                // BINUNICODE and BINSTRING; SHORT_BINUNICODE and SHORT_BINSTRING
                b'X' | b'T' => {
                    let length = u32::from_le_bytes(self.array()?);
                    self.text(length as usize)?;
                }
                0x8c | b'U' => {
                    let length = self.byte()?;
                    self.text(length.into())?;
                }
                b')' => self.push(Value::Tuple(Vec::new()))?,
                b't' => {
                    let items = self.pop_mark()?;
                    self.push(Value::Tuple(items))?;
                }
                0x85..=0x87 => self.short_tuple(usize::from(operation - 0x84))?,
                b']' => self.push(Value::List(Vec::new()))?,
                b'}' => self.push(Value::Dictionary(Vec::new()))?,
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.set(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_mark()?;
                    self.set(&items)?;
                }
                b'c' => {
                    let module = self.line()?;
                    let name = self.line()?;
                    self.push(Value::Global(global(module, name)?))?;
                }
                0x93 => self.stack_global()?,
                b'R' => self.reduce()?,
                b'b' => self.build()?,
                b'Q' => self.persistent()?,
                b'q' => {
                    let number = self.byte()?;
                    self.remember(number.into())?;
                }
                b'r' => {
                    let number = u32::from_le_bytes(self.array()?);
                    self.remember(number)?;
                }
                0x94 => self.remember(self.memo.len() as u32)?,
                b'h' => {
                    let number = self.byte()?;
                    self.recall(number.into())?;
                }
                b'j' => {
                    let number = u32::from_le_bytes(self.array()?);
                    self.recall(number)?;
                }
                other => {
                    return Err(format!(
                        "the pickle holds operation 0x{other:02x} at byte {}, which a dictionary \
                         of tensors does not need: the file is damaged or may be harmful",
                        self.at - 1
                    ));
                }
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self
            .at
            .checked_add(count)
            .filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| {
            if self.bytes.len() == MAX_BYTES {
                format!("the pickle is over the limit of {MAX_BYTES} bytes")
            } else {
                "the pickle is truncated".to_string()
            }
        })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A line of text, for GLOBAL.
    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.at..self.bytes.len().min(self.at + MAX_TEXT)];
        let length = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or("the pickle is truncated")?;
        let line = self.take(length + 1)?;
        str::from_utf8(&line[..length])
            .map_err(|_| "the pickle holds a name that is not UTF-8".into())
    }

    fn text(&mut self, length: usize) -> Result<(), String> {
        if length > MAX_TEXT {
            return Err(format!(
                "the pickle holds a text of {length} bytes, at most {MAX_TEXT} fit"
            ));
        }
        let text = str::from_utf8(self.take(length)?)
            .map_err(|_| "the pickle holds a text that is not UTF-8")?;
        self.push(Value::Text(text.to_string()))
    }

    /// LONG1: a little-endian two's complement integer of any length; 8 bytes are enough.
    fn long(&mut self) -> Result<(), String> {
        let length = self.byte()?;
        let bytes = self.take(length.into())?;
        if bytes.len() > 8 {
            return Err("the pickle holds an integer over 64 bits".to_string());
        }
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = if negative { [0xff; 8] } else { [0; 8] };
        wide[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(wide)))
    }

    fn push(&mut self, value: Value) -> Result<(), String> {
        let id = self.values.len();
        if id >= MAX_VALUES {
            return Err(format!("the pickle holds over {MAX_VALUES} values"));
        }
        self.values.push(value);
        self.push_id(id as Id)
    }

    fn push_id(&mut self, id: Id) -> Result<(), String> {
        if self.stack.len() >= MAX_VALUES {
            return Err(format!(
                "the pickle needs a stack of over {MAX_VALUES} values"
            ));
        }
        self.stack.push(id);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err("the pickle takes more from its stack than is there".to_string());
        }
        self.stack
            .pop()
            .ok_or_else(|| "the pickle's stack is empty".to_string())
    }

    /// The topmost value, which stays.
    fn top(&self) -> Result<Id, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = self.stack.get(floor..).and_then(|own| own.last());
        top.copied()
            .ok_or_else(|| "the pickle's stack is empty".to_string())
    }

    fn mark(&mut self) -> Result<(), String> {
        if self.marks.len() >= MAX_VALUES {
            return Err(format!("the pickle opens over {MAX_VALUES} marks"));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, String> {
        let height = self
            .marks
            .pop()
            .ok_or("the pickle closes a mark that it did not open")?;
        Ok(self.stack.split_off(height))
    }

    fn short_tuple(&mut self, count: usize) -> Result<(), String> {
        let mut items = (0..count)
            .map(|_| self.pop())
            .collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        self.push(Value::Tuple(items))
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), String> {
        let top = self.top()? as usize;
        match self.values.get_mut(top) {
            Some(Value::List(list)) => list.extend(items),
            _ => return Err("the pickle appends to something that is not a list".to_string()),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Id]) -> Result<(), String> {
        let top = self.top()? as usize;
        let (pairs, rest) = items.as_chunks::<2>();
        match self.values.get_mut(top) {
            Some(Value::Dictionary(dictionary)) if rest.is_empty() => {
                dictionary.extend(pairs.iter().map(|pair| (pair[0], pair[1])));
            }
            _ => {
                return Err(
                    "the pickle sets items of something that is not a dictionary".to_string(),
                );
            }
        }
        Ok(())
    }

    fn remember(&mut self, number: u32) -> Result<(), String> {
        let top = self.top()?;
        if self.memo.len() >= MAX_VALUES {
            return Err(format!("the pickle remembers over {MAX_VALUES} values"));
        }
        self.memo.insert(number, top);
        Ok(())
    }

    fn recall(&mut self, number: u32) -> Result<(), String> {
        let id = *self
            .memo
            .get(&number)
            .ok_or("the pickle recalls a value that it did not remember")?;
        self.push_id(id)
    }

    fn value(&self, id: Id) -> &Value {
        self.values.get(id as usize).unwrap_or(&Value::None)
    }

    fn stack_global(&mut self) -> Result<(), String> {
        let name = self.pop()?;
        let module = self.pop()?;
        let (Value::Text(module), Value::Text(name)) = (self.value(module), self.value(name))
        else {
            return Err("the pickle asks for something without a name".to_string());
        };
        let global = global(module, name)?;
        self.push(Value::Global(global))
    }

    /// REDUCE: calls one of the allowed functions.
    fn reduce(&mut self) -> Result<(), String> {
        let arguments = self.pop()?;
        let function = self.pop()?;
        let (Value::Global(function), Value::Tuple(arguments)) =
            (self.value(function), self.value(arguments))
        else {
            return Err("the pickle calls something that is not a function".to_string());
        };
        match (function, arguments.as_slice()) {
            (Global::OrderedDict, []) => self.push(Value::Dictionary(Vec::new())),
            (Global::RebuildTensor, &[storage, offset, shape, strides, ..]) => {
                let tensor = self.tensor(storage, offset, shape, strides)?;
                self.push(Value::Tensor(Box::new(tensor)))
            }
            (Global::RebuildParameter, &[tensor, ..])
                if matches!(self.value(tensor), Value::Tensor(_)) =>
            {
                self.push_id(tensor)
            }
            (function, arguments) => Err(format!(
                "the pickle calls {function:?} with {} odd arguments",
                arguments.len()
            )),
        }
    }

    fn tensor(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Result<Tensor, String> {
        let Value::Storage(storage) = *self.value(storage) else {
            return Err("the pickle makes a tensor of something that is not a storage".to_string());
        };
        Ok(Tensor {
            storage,
            offset: self.size(offset)?,
            shape: self.sizes(shape)?,
            strides: self.sizes(strides)?,
        })
    }

    fn size(&self, id: Id) -> Result<usize, String> {
        match *self.value(id) {
            Value::Int(value) => usize::try_from(value)
                .map_err(|_| format!("the pickle holds {value} where a size must be")),
            _ => Err("the pickle holds something else where a size must be".to_string()),
        }
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>, String> {
        match self.value(id) {
            Value::Tuple(items) if items.len() <= MAX_RANK => {
                items.iter().map(|&item| self.size(item)).collect()
            }
            Value::Tuple(items) => Err(format!(
                "a tensor has {} dimensions, at most {MAX_RANK} fit",
                items.len()
            )),
            _ => Err("the pickle holds something else where a shape must be".to_string()),
        }
    }

    /// BUILD: Python would set attributes. Here it is allowed for dictionaries, whose attributes
    /// (`_metadata` of state dictionaries) say nothing about values, and does nothing.
    fn build(&mut self) -> Result<(), String> {
        self.pop()?;
        match self.value(self.top()?) {
            Value::Dictionary(_) => Ok(()),
            _ => {
                Err("the pickle sets attributes of something that is not a dictionary".to_string())
            }
        }
    }

    /// BINPERSID: a storage, as `("storage", type, key, device, elements[, view])`.
    fn persistent(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let odd = || "the pickle describes a storage in an unknown way".to_string();
        let Value::Tuple(items) = self.value(id) else {
            return Err(odd());
        };
        let (&[tag, kind, key, _device, elements], view) =
            items.split_first_chunk::<5>().ok_or_else(odd)?;
        let (Value::Text(tag), Value::Global(Global::Storage(dtype)), Value::Text(key)) =
            (self.value(tag), self.value(kind), self.value(key))
        else {
            return Err(odd());
        };
        let whole = match view {
            [] => true,
            &[view] => matches!(self.value(view), Value::None),
            _ => false,
        };
        if tag != "storage" || !whole {
            return Err(odd());
        }
        let storage = Storage {
            key: key.clone(),
            dtype: *dtype,
            elements: self.size(elements)?,
        };
        let number = match self.storage_numbers.get(key) {
            Some(&number) if self.storages.get(number) == Some(&storage) => number,
            Some(_) => return Err(format!("storage {key:?} is described in two ways")),
            None => {
                self.storage_numbers
                    .insert(storage.key.clone(), self.storages.len());
                self.storages.push(storage);
                self.storages.len() - 1
            }
        };
        self.push(Value::Storage(number))
    }
}
