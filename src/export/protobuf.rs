//! The subset of protocol buffers that ONNX needs: messages of numbers, bytes and nested messages.

/// A message under construction.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

/// The wire types, the lower three bits of a tag.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const BYTES: u64 = 2;
const FIXED_32: u64 = 5;

impl Message {
    pub(super) fn number(mut self, field: u64, number: i64) -> Self {
        self.varint(field << 3 | VARINT);
        self.varint(number.cast_unsigned());
        self
    }

    pub(super) fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub(super) fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Number(i64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(super) fn number(self) -> Option<i64> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    pub(super) fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// The numbers of a repeated field, which may be written one by one or packed into bytes.
    pub(super) fn numbers(self) -> Option<Vec<i64>> {
        let mut bytes = match self {
            Self::Number(number) => return Some(vec![number]),
            Self::Bytes(bytes) => bytes,
        };
        let mut numbers = Vec::new();
        while !bytes.is_empty() {
            numbers.push(varint(&mut bytes)?.cast_signed());
        }
        Some(numbers)
    }
}

/// The fields of a message in order; `None` if the bytes are not a message.
pub(super) fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let value = match tag & 7 {
            VARINT => Value::Number(varint(&mut bytes)?.cast_signed()),
            FIXED_64 => Value::Bytes(take(&mut bytes, 8)?),
            BYTES => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Value::Bytes(take(&mut bytes, length)?)
            }
            FIXED_32 => Value::Bytes(take(&mut bytes, 4)?),
            _ => return None,
        };
        fields.push((tag >> 3, value));
    }
    Some(fields)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_no_damage_panics() {
        let inner = Message::default().number(1, -1).number(2, 300);
        let bytes = Message::default().text(3, "name").message(200, &inner).into_bytes();
        let read = fields(&bytes).unwrap();
        assert_eq!(read[0], (3, Value::Bytes(b"name")));
        let inner = fields(read[1].1.bytes().unwrap()).unwrap();
        assert_eq!((read[1].0, inner), (200, vec![(1, Value::Number(-1)), (2, Value::Number(300))]));
        for end in 0..bytes.len() {
            let _ = fields(&bytes[..end]);
        }
        assert_eq!(fields(&[0x08]), None);
        assert_eq!(fields(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]), None);
        assert_eq!(fields(&[0xff; 12]), None);
    }
}
