//! A TorchScript object as a pickle of protocol 2: its attributes are tensors, whose numbers are in separate files.

use crate::weights::{Array, Dtype, NamedArrays};

/// The attribute name of a tensor.
pub(super) fn attribute(name: &str) -> String {
    name.replace('.', "_")
}

/// The pickle of an object of class `__torch__.Classifier` whose attribute `n` is tensor `n`.
pub(super) fn module(tensors: &NamedArrays) -> Vec<u8> {
    let mut pickle = Pickle(b"\x80\x02c__torch__\nClassifier\n)\x81}(".to_vec());
    for (number, (name, array)) in tensors.iter().enumerate() {
        pickle.text(&attribute(name));
        pickle.tensor(number, array);
    }
    pickle.text("training");
    pickle.op(b"\x89"); // False
    pickle.op(b"ub.");
    pickle.0
}

struct Pickle(Vec<u8>);

impl Pickle {
    fn op(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.op(b"X");
        self.op(&(text.len() as u32).to_le_bytes());
        self.op(text.as_bytes());
    }

    fn number(&mut self, number: usize) {
        self.op(b"\x8a\x08"); // a whole number of 8 bytes
        self.op(&(number as u64).to_le_bytes());
    }

    fn numbers(&mut self, numbers: &[usize]) {
        self.op(b"(");
        for &number in numbers {
            self.number(number);
        }
        self.op(b"t");
    }

    /// The arguments of `torch._utils._rebuild_tensor_v2`: storage, offset, sizes, strides, no gradient, no hooks.
    fn tensor(&mut self, number: usize, array: &Array) {
        let storage = match array.dtype() {
            Dtype::F64 => "DoubleStorage",
            Dtype::I64 => "LongStorage",
            _ => "FloatStorage",
        };
        let count: usize = array.shape().iter().product();
        self.op(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        self.text("storage");
        self.op(format!("ctorch\n{storage}\n").as_bytes());
        self.text(&number.to_string());
        self.text("cpu");
        self.number(count);
        self.op(b"tQ"); // the tuple names a file
        self.number(0);
        self.numbers(array.shape());
        let strides = (0..array.shape().len()).map(|axis| array.shape().iter().skip(axis + 1).product());
        self.numbers(&strides.collect::<Vec<usize>>());
        self.op(b"\x89ccollections\nOrderedDict\n)RtR");
    }
}
