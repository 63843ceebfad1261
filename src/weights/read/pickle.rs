//! A pickle as plain data: the few opcodes that `torch.save` writes for a state dict, and an allow-list of names.
//!
//! Nothing is ever executed. A name outside [`ALLOWED`] ends the reading with [`WeightsError::Refused`]. Values live in one
//! arena and refer to each other by index, so a pickle that mentions a value a thousand times costs a thousand indices, and
//! one that contains itself does no harm. Opcodes are those of Python's `pickletools`.

use std::collections::HashMap;

use super::damaged;
use crate::weights::WeightsError;

/// What a state dict needs, and nothing more.
const ALLOWED: [&str; 15] = [
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch.DoubleStorage",
    "torch.FloatStorage",
    "torch.HalfStorage",
    "torch.BFloat16Storage",
    "torch.LongStorage",
    "torch.IntStorage",
    "torch.ShortStorage",
    "torch.CharStorage",
    "torch.ByteStorage",
    "torch.BoolStorage",
    "torch.Size",
    "torch.storage.UntypedStorage",
];

/// Most steps of a pickle, each of which makes one value or one mention of it at most; a state dict of ResNet-152 takes
/// some 20,000.
const MAX_STEPS: usize = 5_000_000;

/// Index of a value in its pickle.
pub(super) type Id = usize;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits, little-endian.
    Long(Vec<u8>),
    Float,
    Text(String),
    Bytes,
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(&'static str),
    /// A tuple that names a storage.
    Storage(Id),
    /// The arguments of `_rebuild_tensor_v2`.
    Tensor(Id),
}

/// All values of a pickle and which of them is the result.
#[derive(Debug)]
pub(super) struct Pickle {
    values: Vec<Value>,
    root: Id,
    /// How many bytes the pickle takes.
    pub(super) length: usize,
}

impl Pickle {
    /// Reads the pickle at the start of `bytes`; `file` is its name in messages.
    pub(super) fn read(bytes: &[u8], file: &str) -> Result<Self, WeightsError> {
        let mut machine = Machine { bytes, file, at: 0, values: Vec::new(), stack: Vec::new(), memo: HashMap::new() };
        let root = machine.run()?;
        Ok(Self { values: machine.values, root, length: machine.at })
    }

    pub(super) fn root(&self) -> Id {
        self.root
    }

    pub(super) fn get(&self, id: Id) -> &Value {
        self.values.get(id).unwrap_or(&Value::None)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        if let Value::Text(text) = self.get(id) { Some(text) } else { None }
    }

    pub(super) fn size(&self, id: Id) -> Option<usize> {
        if let Value::Int(number) = self.get(id) { usize::try_from(*number).ok() } else { None }
    }

    /// The items of a tuple or list.
    pub(super) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) | Value::List(items) => Some(items),
            _ => None,
        }
    }
}

/// The stack machine that a pickle is written for, without its means to do harm.
struct Machine<'a> {
    bytes: &'a [u8],
    file: &'a str,
    at: usize,
    values: Vec<Value>,
    stack: Vec<Slot>,
    memo: HashMap<u32, Id>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Slot {
    Mark,
    Value(Id),
}

type Step<T> = Result<T, WeightsError>;

impl Machine<'_> {
    fn run(&mut self) -> Step<Id> {
        for _ in 0..MAX_STEPS {
            let opcode = self.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
        }
        Err(self.broken("takes too many steps"))
    }

    fn step(&mut self, opcode: u8) -> Step<()> {
        match opcode {
            0x80 => self.take(1).map(drop),
            0x95 => self.take(8).map(drop),
            b'(' => {
                self.stack.push(Slot::Mark);
                Ok(())
            }
            b'0' => self.stack.pop().map(drop).ok_or_else(|| self.broken("pops an empty stack")),
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'G' => {
                self.take(8)?;
                self.push(Value::Float)
            }
            b'J' | b'K' | b'M' | 0x8a => self.integer(opcode),
            b'X' | 0x8c | 0x8d | b'U' | b'T' | b'C' | b'B' => self.string(opcode),
            b'}' => self.push(Value::Dict(Vec::new())),
            b']' => self.push(Value::List(Vec::new())),
            b')' => self.push(Value::Tuple(Vec::new())),
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items))
            }
            0x85..=0x87 => self.short_tuple(usize::from(opcode - 0x84)),
            b'a' | b'e' => self.append(opcode == b'e'),
            b's' | b'u' => self.set_items(opcode == b'u'),
            b'q' | b'r' | 0x94 => self.remember(opcode),
            b'h' | b'j' => self.recall(opcode),
            b'c' | 0x93 => self.global(opcode),
            b'R' => self.reduce(),
            b'b' => self.build(),
            b'Q' => {
                let id = self.pop()?;
                self.push(Value::Storage(id))
            }
            0x81 | 0x92 | b'o' | b'i' => Err(self.refused("a constructor")),
            other => Err(self.broken(&format!("has the opcode {other:#04x}, which no state dict needs"))),
        }
    }

    fn broken(&self, what: &str) -> WeightsError {
        damaged(self.file, format!("its pickle {what}, at byte {}", self.at))
    }

    fn refused(&self, name: &str) -> WeightsError {
        WeightsError::Refused { file: self.file.to_owned(), name: name.to_owned() }
    }

    fn take(&mut self, count: usize) -> Step<&[u8]> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else {
            return Err(self.broken("ends too early"));
        };
        let taken = self.bytes.get(self.at..end).unwrap_or_default();
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Step<u8> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    /// A little-endian number of up to 8 bytes.
    fn number(&mut self, count: usize) -> Step<u64> {
        Ok(self.take(count)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length(&mut self, count: usize) -> Step<usize> {
        let number = self.number(count)?;
        usize::try_from(number).map_err(|_| self.broken("states an impossible length"))
    }

    #[expect(clippy::unnecessary_wraps, reason = "most steps end in it")]
    fn push(&mut self, value: Value) -> Step<()> {
        self.stack.push(Slot::Value(self.values.len()));
        self.values.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Step<Id> {
        match self.stack.pop() {
            Some(Slot::Value(id)) => Ok(id),
            Some(Slot::Mark) | None => Err(self.broken("takes a value that is not there")),
        }
    }

    fn top(&self) -> Step<Id> {
        match self.stack.last() {
            Some(Slot::Value(id)) => Ok(*id),
            Some(Slot::Mark) | None => Err(self.broken("takes a value that is not there")),
        }
    }

    fn pop_to_mark(&mut self) -> Step<Vec<Id>> {
        let mark = self.stack.iter().rposition(|slot| *slot == Slot::Mark);
        let Some(mark) = mark else {
            return Err(self.broken("misses a mark"));
        };
        let items =
            self.stack.drain(mark..).filter_map(|slot| if let Slot::Value(id) = slot { Some(id) } else { None });
        Ok(items.collect())
    }

    fn integer(&mut self, opcode: u8) -> Step<()> {
        let value = match opcode {
            b'J' => Value::Int(i64::from((self.number(4)? as u32).cast_signed())),
            b'K' => Value::Int(i64::from(self.byte()?)),
            b'M' => Value::Int(self.number(2)?.cast_signed()),
            _ => {
                let count = usize::from(self.byte()?);
                let bytes = self.take(count)?.to_vec();
                if count > 8 { Value::Long(bytes) } else { Value::Int(signed(&bytes)) }
            }
        };
        self.push(value)
    }

    fn string(&mut self, opcode: u8) -> Step<()> {
        let length = match opcode {
            b'X' | b'T' | b'B' => self.length(4)?,
            0x8d => self.length(8)?,
            _ => self.length(1)?,
        };
        let bytes = self.take(length)?;
        let value = match opcode {
            b'C' | b'B' => Value::Bytes,
            _ => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        };
        self.push(value)
    }

    fn short_tuple(&mut self, count: usize) -> Step<()> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Step<Vec<_>>>()?;
        items.reverse();
        self.push(Value::Tuple(items))
    }

    fn append(&mut self, many: bool) -> Step<()> {
        let more = if many { self.pop_to_mark()? } else { vec![self.pop()?] };
        let list = self.top()?;
        match self.values.get_mut(list) {
            Some(Value::List(items)) => {
                items.extend(more);
                Ok(())
            }
            _ => Err(self.broken("appends to something that is not a list")),
        }
    }

    fn set_items(&mut self, many: bool) -> Step<()> {
        let flat = if many {
            self.pop_to_mark()?
        } else {
            let value = self.pop()?;
            vec![self.pop()?, value]
        };
        let dict = self.top()?;
        let (pairs, rest) = flat.as_chunks::<2>();
        match self.values.get_mut(dict) {
            Some(Value::Dict(items)) if rest.is_empty() => {
                items.extend(pairs.iter().map(|[key, value]| (*key, *value)));
                Ok(())
            }
            _ => Err(self.broken("sets an item of something that is not a dict")),
        }
    }

    fn remember(&mut self, opcode: u8) -> Step<()> {
        let key = match opcode {
            b'q' => u32::from(self.byte()?),
            b'r' => self.number(4)? as u32,
            _ => u32::try_from(self.memo.len()).unwrap_or(u32::MAX),
        };
        let id = self.top()?;
        self.memo.insert(key, id);
        Ok(())
    }

    fn recall(&mut self, opcode: u8) -> Step<()> {
        let key = if opcode == b'h' { u32::from(self.byte()?) } else { self.number(4)? as u32 };
        let Some(id) = self.memo.get(&key) else {
            return Err(self.broken("recalls what it never stored"));
        };
        self.stack.push(Slot::Value(*id));
        Ok(())
    }

    fn global(&mut self, opcode: u8) -> Step<()> {
        let name = if opcode == b'c' {
            let module = self.line()?;
            format!("{module}.{}", self.line()?)
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            match (self.values.get(module), self.values.get(name)) {
                (Some(Value::Text(module)), Some(Value::Text(name))) => format!("{module}.{name}"),
                _ => return Err(self.broken("names something by other than text")),
            }
        };
        match ALLOWED.iter().find(|allowed| **allowed == name) {
            Some(allowed) => self.push(Value::Global(allowed)),
            None if name.starts_with("torchvision.models.") || name.starts_with("torch.nn.") => {
                let found = format!("it is a whole pickled module, `{name}`, which only its own code can read");
                Err(WeightsError::NoStateDict { file: self.file.to_owned(), found })
            }
            None => Err(self.refused(&name)),
        }
    }

    fn line(&mut self) -> Step<String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(length) = rest.iter().take(1024).position(|byte| *byte == b'\n') else {
            return Err(self.broken("has an endless name"));
        };
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.take(1)?;
        Ok(text)
    }

    /// Calls of the allow-list, as the data that they would make.
    fn reduce(&mut self) -> Step<()> {
        let arguments = self.pop()?;
        let callable = self.pop()?;
        let Some(Value::Global(name)) = self.values.get(callable) else {
            return Err(self.refused("something without a name"));
        };
        match *name {
            "collections.OrderedDict" => self.push(Value::Dict(Vec::new())),
            "torch._utils._rebuild_tensor_v2" => self.push(Value::Tensor(arguments)),
            "torch._utils._rebuild_parameter" => match self.values.get(arguments) {
                Some(Value::Tuple(items)) if !items.is_empty() => {
                    self.stack.extend(items.first().map(|id| Slot::Value(*id)));
                    Ok(())
                }
                _ => Err(self.broken("rebuilds a parameter out of nothing")),
            },
            name => Err(self.refused(name)),
        }
    }

    /// An attribute set on an OrderedDict: `_metadata`, which holds version numbers only.
    fn build(&mut self) -> Step<()> {
        self.pop()?;
        let object = self.top()?;
        match self.values.get(object) {
            Some(Value::Dict(_)) => Ok(()),
            _ => Err(self.refused("__setstate__")),
        }
    }
}

/// A little-endian two's complement number of up to 8 bytes.
fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let start: i64 = if negative { -1 } else { 0 };
    bytes.iter().rev().fold(start, |number, byte| number << 8 | i64::from(*byte))
}
