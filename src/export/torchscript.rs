//! The classifier as a TorchScript archive: a ZIP of code, a pickle of its only object, and a file of numbers for each
//! tensor.
//!
//! Tracing would fix the size of a photo, and libtorch compiles code only through C++, so the code is written as text
//! in the form in which libtorch stores it. The resize is Pillow's, in integers that f64 represents exactly. `forward`
//! returns probability, logit and label; `stages` returns every stage, for `verify`.

use std::io::{Cursor, Read as _, Write as _};

use tch::{CModule, IValue, Kind as Number, Tensor};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::card::Card;
use super::evaluate::{self, Values};
use super::{Entry, ExportError, STAGES, pickle};
use crate::backbone::Pooling;
use crate::backbone::layout::{self, Block, Convolution};
use crate::decision::Calibration;
use crate::files::Kind;
use crate::model::Facts;
use crate::weights::{Array, Dtype, NamedArrays};

/// The folder in the archive; PyTorch accepts any name.
const ROOT: &str = "resnet_binary_classifier";

/// The path of the card, in the folder for files that are not PyTorch's own.
const CARD: &str = "extra/resnet_binary.json";

/// A ZIP file has the name of its first entry 30 bytes from its start.
pub(super) const KIND: Kind =
    Kind { name: "TorchScript file", is_one: |head| head.get(30..).unwrap_or_default().starts_with(ROOT.as_bytes()) };

/// Encodes a file.
pub(super) fn encode(constants: &NamedArrays, card: &Card) -> Result<Vec<u8>, ExportError> {
    let failed = |error: &dyn std::error::Error| ExportError::Encode(error.to_string());
    let names: Vec<String> = constants.iter().map(|(name, _)| pickle::attribute(name)).collect();
    let code = code(&names, &card.model_card, card.input);
    let card = serde_json::to_string(card).map_err(|error| failed(&error))?;
    let object = pickle::module(constants);
    let mut files: Vec<(String, &[u8])> = vec![
        (CARD.to_owned(), card.as_bytes()),
        ("data.pkl".to_owned(), &object),
        ("code/__torch__.py".to_owned(), code.as_bytes()),
        // The code has no constants: an empty tuple.
        ("constants.pkl".to_owned(), b"\x80\x02)."),
        ("version".to_owned(), b"3\n"),
        ("byteorder".to_owned(), b"little"),
    ];
    files.extend(constants.iter().enumerate().map(|(number, (_, array))| (format!("data/{number}"), array.bytes())));
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // Uncompressed and aligned, because PyTorch memory-maps the numbers.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).with_alignment(64);
    for (name, content) in files {
        archive.start_file(format!("{ROOT}/{name}"), options).map_err(|error| failed(&error))?;
        archive.write_all(content).map_err(|error| failed(&error))?;
    }
    Ok(archive.finish().map_err(|error| failed(&error))?.into_inner())
}

/// The source code of the class.
fn code(names: &[String], facts: &Facts, entry: Entry) -> String {
    let quoted: String = names.iter().flat_map(|name| ["\"", name, "\", "]).collect();
    let declared: String = names.iter().flat_map(|name| ["  ", name, " : Tensor\n"]).collect();
    let name = entry.name();
    let crop = match entry {
        Entry::Photo => "(self).crop(x, )",
        Entry::Crop => "x",
    };
    let (resize, side) = (facts.preprocess.resize, facts.preprocess.crop);
    let network = network(facts.pooling);
    let curve = curve(&facts.calibration);
    format!(
        r"class Classifier(Module):
  __parameters__ = [{quoted}]
  __buffers__ = []
{declared}  training : bool
  def forward(self: __torch__.Classifier,
    {name}: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    given = (self).stages({name}, False, )
    return (given[0], given[1], given[2])
  def crop(self: __torch__.Classifier,
    photo: Tensor) -> Tensor:
    image = torch.permute(photo, [0, 3, 1, 2])
    height = torch.size(image, 2)
    width = torch.size(image, 3)
    short = ops.prim.min(height, width)
    tall = torch.floordiv(torch.mul(height, {resize}), short)
    wide = torch.floordiv(torch.mul(width, {resize}), short)
    left = (self).start(wide, )
    top = (self).start(tall, )
    narrow = (self).resample(image, wide, left, )
    both = (self).resample(torch.transpose(narrow, 2, 3), tall, top, )
    return torch.transpose(both, 2, 3)
  def start(self: __torch__.Classifier,
    resized: int) -> int:
    spare = torch.sub(resized, {side})
    odd = torch.remainder(torch.floordiv(spare, 2), 2)
    return torch.floordiv(torch.add(spare, odd), 2)
  def resample(self: __torch__.Classifier,
    image: Tensor,
    resized: int,
    first: int) -> Tensor:
    side = torch.size(image, 3)
    scale = torch.div(side, resized)
    support = ops.prim.max(scale, 1.)
    shown = torch.arange(first, torch.add(first, {side}), dtype=7)
    centre = torch.unsqueeze(torch.mul(torch.add(shown, 0.5), scale), 1)
    low = torch.clamp(torch.floor(torch.add(torch.sub(centre, support), 0.5)), 0.)
    high = torch.clamp(torch.floor(torch.add(torch.add(centre, support), 0.5)), None, float(side))
    taps = torch.add(torch.mul(2, int(support)), 3)
    places = torch.add(low, torch.arange(taps, dtype=7))
    away = torch.abs(torch.div(torch.add(torch.sub(places, centre), 0.5), support))
    triangle = torch.clamp(torch.add(torch.neg(away), 1.), 0.)
    inside = torch.mul(triangle, torch.lt(places, high))
    exact = torch.div(inside, torch.sum(inside, [1], True))
    weights = torch.to(torch.floor(torch.add(torch.mul(exact, 4194304.), 0.5)), ops.prim.device(image))
    index = torch.to(torch.to(torch.clamp(places, None, float(torch.sub(side, 1))), 4), ops.prim.device(image))
    total = torch.full([1], 2097152., dtype=7, layout=None, device=ops.prim.device(image))
    for tap in range(taps):
      pixels = torch.index_select(image, 3, torch.select(index, 1, tap))
      total = torch.add(total, torch.mul(pixels, torch.select(weights, 1, tap)))
    return torch.to(torch.clamp(torch.floor(torch.div(total, 4194304.)), 0., 255.), 0)
  def stages(self: __torch__.Classifier,
    x: Tensor,
    keep: bool) -> List[Tensor]:
    kept = annotate(List[Tensor], [])
    crop = {crop}
    unit = torch.div(torch.to(crop, 6), self.normalised_levels)
    normalised = torch.div(torch.sub(unit, self.normalised_mean), self.normalised_std)
    if keep:
      torch.extend(kept, [crop, normalised])
    else:
      pass
{network}    logit = torch.squeeze(torch.addmm(self.fc_bias, pool, torch.t(self.fc_weight)), 1)
    exact = torch.to(logit, 7)
{curve}    sure = torch.minimum(torch.maximum(curve, self.probability_least), self.probability_most)
    label = torch.to(torch.ge(sure, self.label_threshold), 4)
    if keep:
      torch.extend(kept, [pool, logit, torch.to(sure, 6), label])
    else:
      torch.extend(kept, [torch.to(sure, 6), logit, label])
    return kept
"
    )
}

/// The code from `normalised` to `pool`.
fn network(pooling: Pooling) -> String {
    let mut text = String::new();
    let mut line = |written: &str| text.extend(["    ", written, "\n"]);
    let keep = |line: &mut dyn FnMut(&str), stage: &str| {
        line("if keep:");
        line(&format!("  torch.append(kept, {stage})"));
        line("else:");
        line("  pass");
    };
    line(&format!("conv1 = torch.relu({})", convolution(&layout::stem(), "normalised")));
    keep(&mut line, "conv1");
    line("map = torch.max_pool2d(conv1, [3, 3], [2, 2], [1, 1])");
    for blocks in layout::stages() {
        for Block { convolutions: [first, second, third], projection } in &blocks {
            line(&format!("inner = torch.relu({})", convolution(first, "map")));
            line(&format!("inner = torch.relu({})", convolution(second, "inner")));
            let shortcut = projection.as_ref().map_or("map".to_owned(), |projection| convolution(projection, "map"));
            line(&format!("map = torch.relu(torch.add({}, {shortcut}))", convolution(third, "inner")));
        }
        keep(&mut line, "map");
    }
    line(match pooling {
        Pooling::Average => "pool = torch.mean(map, [2, 3])",
        Pooling::Flatten => "pool = torch.flatten(map, 1)",
    });
    text
}

fn convolution(convolution: &Convolution, input: &str) -> String {
    let Convolution { name, stride, .. } = convolution;
    let (name, padding) = (pickle::attribute(name), convolution.padding());
    format!("torch.conv2d({input}, self.{name}_weight, self.{name}_bias, [{stride}, {stride}], [{padding}, {padding}])")
}

/// The code from `exact`, the logit in f64, to `curve`.
fn curve(calibration: &Calibration) -> &'static str {
    match calibration {
        Calibration::None => "    curve = torch.sigmoid(exact)\n",
        Calibration::Prior { .. } => "    curve = torch.sigmoid(torch.add(exact, self.probability_intercept))\n",
        Calibration::Platt { .. } => {
            "    sloped = torch.mul(exact, self.probability_slope)
    curve = torch.sigmoid(torch.add(sloped, self.probability_intercept))\n"
        }
        Calibration::Isotonic { .. } => {
            "    above = torch.ge(torch.unsqueeze(exact, 1), self.probability_knots)
    segment = torch.sum(above, [1])
    from_ = torch.index_select(self.probability_from, 0, segment)
    to_ = torch.index_select(self.probability_to, 0, segment)
    away = torch.sub(torch.mul(exact, self.probability_half), torch.index_select(self.probability_start, 0, segment))
    part = torch.div(away, torch.index_select(self.probability_width, 0, segment))
    between = torch.add(from_, torch.mul(torch.sub(to_, from_), part))
    curve = torch.minimum(torch.maximum(between, from_), to_)\n"
        }
    }
}

/// The card of a TorchScript archive, empty if another program wrote it; `None` for other formats.
pub(super) fn card(bytes: &[u8]) -> Option<String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    names.iter().any(|name| name.ends_with("/data.pkl")).then_some(())?;
    let mut text = String::new();
    if let Some(name) = names.iter().find(|name| name.ends_with(CARD)) {
        archive.by_name(name).ok()?.take(super::SIZE_LIMIT).read_to_string(&mut text).ok()?;
    }
    Some(text)
}

/// A program loaded by libtorch.
pub(super) struct Program(CModule);

impl Program {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, ExportError> {
        Ok(Self(CModule::load_data(&mut Cursor::new(bytes))?))
    }

    /// The tensors of the program.
    pub(super) fn tensors(&self) -> Result<NamedArrays, ExportError> {
        let mut arrays = NamedArrays::default();
        for (name, tensor) in self.0.named_parameters()? {
            let dtype = match tensor.f_kind()? {
                Number::Double => Dtype::F64,
                Number::Float => Dtype::F32,
                _ => continue,
            };
            let shape = tensor.size().iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect();
            if let Some(array) = Array::new(shape, dtype, evaluate::bytes(&tensor)?) {
                arrays.insert(name, array);
            }
        }
        Ok(arrays)
    }

    /// Computes every stage for one input; the last three are those that `forward` returns.
    pub(super) fn run(&self, input: &Tensor) -> Result<Values, ExportError> {
        tch::no_grad(|| {
            let given = [IValue::Tensor(input.shallow_clone()), IValue::Bool(true)];
            let IValue::TensorList(stages) = self.0.method_is("stages", &given)? else { return Ok(Values::new()) };
            let mut values: Values = STAGES.iter().map(|stage| (*stage).to_owned()).zip(stages).collect();
            let IValue::Tuple(answer) = self.0.forward_is(&given[..1])? else { return Ok(Values::new()) };
            for (stage, value) in ["probability", "logit", "label"].into_iter().zip(answer) {
                if let IValue::Tensor(value) = value {
                    values.insert(stage.to_owned(), value);
                }
            }
            Ok(values)
        })
    }
}
