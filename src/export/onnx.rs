//! Encoding and decoding of a graph as an ONNX file. The field numbers are those of `onnx.proto`.

use super::card::Card;
use super::graph::{Attribute, DOUBLE, FLOAT, Graph, INT64, Node, UINT8};
use super::protobuf::{Message, Value, fields};
use super::{Entry, ExportError, whole};
use crate::files::Kind;
use crate::weights::{Array, Dtype};

/// The producer name in the file.
const PRODUCER: &str = env!("CARGO_PKG_NAME");

/// The format version of the file comes first, then the producer.
pub(super) const KIND: Kind =
    Kind { name: "ONNX file", is_one: |head| head.get(2..).unwrap_or_default().starts_with(b"\x12\x0dresnet-binary") };

/// The numbers of the attribute types.
const INTEGER: i64 = 2;
const TEXT: i64 = 3;
const INTEGERS: i64 = 7;

/// A dimension of an input or output, fixed or named.
enum Size {
    Named(&'static str),
    Fixed(i64),
}

/// Encodes a file.
pub(super) fn encode(graph: &Graph, card: &Card, opset: u32) -> Result<Vec<u8>, ExportError> {
    // The format version that was released with each opset.
    let format = match opset {
        ..=18 => 8,
        19..=20 => 9,
        _ => 10,
    };
    let version = env!("CARGO_PKG_VERSION");
    let mut model = Message::default().number(1, format).text(2, PRODUCER).text(3, version);
    model = model.message(7, &encode_graph(graph, card));
    model = model.message(8, &Message::default().text(1, "").number(2, i64::from(opset)));
    for (name, value) in card.entries().map_err(|error| ExportError::Encode(error.to_string()))? {
        model = model.message(14, &Message::default().text(1, &name).text(2, &value));
    }
    Ok(model.into_bytes())
}

fn encode_graph(graph: &Graph, card: &Card) -> Message {
    let mut message = Message::default();
    for node in &graph.nodes {
        message = message.message(1, &encode_node(node));
    }
    message = message.text(2, "classifier");
    for (name, array) in graph.constants.iter() {
        let mut tensor = Message::default();
        for &size in array.shape() {
            tensor = tensor.number(1, whole(size));
        }
        let kind = match array.dtype() {
            Dtype::F64 => DOUBLE,
            Dtype::I64 => INT64,
            Dtype::U8 => UINT8,
            _ => FLOAT,
        };
        message = message.message(5, &tensor.number(2, kind).text(8, name).bytes(9, array.bytes()));
    }
    let side = || Size::Fixed(i64::from(card.model_card.preprocess.crop));
    let batch = || Size::Named("N");
    let shape = match card.input {
        Entry::Photo => [batch(), Size::Named("H"), Size::Named("W"), Size::Fixed(3)],
        Entry::Crop => [batch(), Size::Fixed(3), side(), side()],
    };
    message = message.message(11, &port(&graph.input, UINT8, &shape));
    for (name, kind) in [("probability", FLOAT), ("logit", FLOAT), ("label", INT64)] {
        message = message.message(12, &port(name, kind, &[batch()]));
    }
    message
}

/// Encodes an input or an output.
fn port(name: &str, kind: i64, shape: &[Size]) -> Message {
    let mut sizes = Message::default();
    for size in shape {
        let size = match size {
            Size::Fixed(size) => Message::default().number(1, *size),
            Size::Named(name) => Message::default().text(2, name),
        };
        sizes = sizes.message(1, &size);
    }
    let tensor = Message::default().number(1, kind).message(2, &sizes);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}

fn encode_node(node: &Node) -> Message {
    let mut message = Message::default();
    for input in &node.inputs {
        message = message.text(1, input);
    }
    message = message.text(2, &node.output).text(3, &node.output).text(4, &node.operator);
    for (name, value) in &node.attributes {
        let attribute = Message::default().text(1, name);
        let attribute = match value {
            Attribute::Integer(value) => attribute.number(3, *value).number(20, INTEGER),
            Attribute::Text(text) => attribute.text(4, text).number(20, TEXT),
            Attribute::Integers(values) => {
                values.iter().fold(attribute, |attribute, &value| attribute.number(8, value)).number(20, INTEGERS)
            }
        };
        message = message.message(5, &attribute);
    }
    message
}

/// The decoded parts of an ONNX file.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) producer: String,
    pub(super) opset: u32,
    pub(super) graph: Graph,
    pub(super) metadata: Vec<(String, String)>,
}

/// Decodes a file; `None` if the bytes are not ONNX or contain what this program does not write.
pub(super) fn decode(bytes: &[u8]) -> Option<Decoded> {
    let mut decoded = Decoded::default();
    let mut has_graph = false;
    for (field, value) in fields(bytes)? {
        match field {
            2 => decoded.producer = value.text()?.into(),
            7 => {
                decoded.graph = decode_graph(value.bytes()?)?;
                has_graph = true;
            }
            8 => {
                let opset = fields(value.bytes()?)?;
                // There may be further opsets of other domains, such as a runtime's own.
                let domain = opset.iter().find(|(field, _)| *field == 1).map_or(Some(""), |(_, value)| value.text())?;
                if domain.is_empty() {
                    let version = opset.iter().find(|(field, _)| *field == 2)?.1.number()?;
                    decoded.opset = u32::try_from(version).ok()?;
                }
            }
            14 => decoded.metadata.push(entry(value.bytes()?)?),
            _ => {}
        }
    }
    has_graph.then_some(decoded)
}

fn entry(bytes: &[u8]) -> Option<(String, String)> {
    let (mut name, mut text) = (String::new(), String::new());
    for (field, value) in fields(bytes)? {
        match field {
            1 => name = value.text()?.into(),
            2 => text = value.text()?.into(),
            _ => {}
        }
    }
    Some((name, text))
}

fn decode_graph(bytes: &[u8]) -> Option<Graph> {
    let mut graph = Graph::default();
    for (field, value) in fields(bytes)? {
        match field {
            1 => graph.nodes.push(decode_node(value.bytes()?)?),
            5 => {
                // Tensors of other types are skipped: a node that uses one reports it as missing.
                if let Some((name, array)) = decode_tensor(value.bytes()?) {
                    graph.constants.insert(name, array);
                }
            }
            11 => graph.input = fields(value.bytes()?)?.iter().find(|(field, _)| *field == 1)?.1.text()?.into(),
            _ => {}
        }
    }
    Some(graph)
}

fn decode_node(bytes: &[u8]) -> Option<Node> {
    let mut node = Node::default();
    for (field, value) in fields(bytes)? {
        match field {
            1 => node.inputs.push(value.text()?.to_owned()),
            // Further outputs are not used in the graphs of this program.
            2 if node.output.is_empty() => node.output = value.text()?.into(),
            4 => node.operator = value.text()?.into(),
            5 => {
                let (name, attribute) = decode_attribute(value.bytes()?)?;
                node.attributes.extend(attribute.map(|attribute| (name, attribute)));
            }
            _ => {}
        }
    }
    Some(node)
}

/// A name and its value; no value if its type is not used here.
fn decode_attribute(bytes: &[u8]) -> Option<(String, Option<Attribute>)> {
    let (mut name, mut attribute, mut integers) = (String::new(), None, Vec::new());
    for (field, value) in fields(bytes)? {
        match (field, value) {
            (1, _) => name = value.text()?.into(),
            (3, Value::Number(number)) => attribute = Some(Attribute::Integer(number)),
            (4, Value::Bytes(_)) => attribute = value.text().map(|text| Attribute::Text(text.to_owned())),
            (8, _) => integers.extend(value.numbers()?),
            _ => {}
        }
    }
    let attribute = if integers.is_empty() { attribute } else { Some(Attribute::Integers(integers)) };
    Some((name, attribute))
}

fn decode_tensor(bytes: &[u8]) -> Option<(String, Array)> {
    let (mut shape, mut kind, mut name, mut raw) = (Vec::new(), 0, String::new(), Vec::new());
    for (field, value) in fields(bytes)? {
        match field {
            1 => shape.extend(value.numbers()?),
            2 => kind = value.number()?,
            8 => name = value.text()?.into(),
            9 => raw = value.bytes()?.to_vec(),
            _ => {}
        }
    }
    let dtype = match kind {
        FLOAT => Dtype::F32,
        DOUBLE => Dtype::F64,
        INT64 => Dtype::I64,
        UINT8 => Dtype::U8,
        _ => return None,
    };
    let shape: Option<Vec<usize>> = shape.into_iter().map(|size| usize::try_from(size).ok()).collect();
    Some((name, Array::new(shape?, dtype, raw)?))
}
