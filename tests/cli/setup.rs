//! A folder of one's own, photos that cost nothing, and the command with nothing inherited that could matter.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use tempfile::TempDir;

/// A temporary folder that tests fill with photos.
pub(crate) struct Dir(TempDir);

impl Dir {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// `imgs/dark` and `imgs/light` with this many photos each.
    pub(crate) fn with_photos(each: u8) -> Self {
        let dir = Self::new();
        for number in 0..each {
            dir.photo(&format!("imgs/dark/{number}.ppm"), 20 + number);
            dir.photo(&format!("imgs/light/{number}.ppm"), 200 + number);
        }
        dir
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        self.file_at(Path::new(name), content)
    }

    /// [`Dir::file`] with a path that need not be text.
    #[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
    pub(crate) fn file_at(&self, name: &Path, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// A 40×40 photo of about this shade.
    pub(crate) fn photo(&self, name: &str, shade: u8) -> PathBuf {
        self.file(name, &photo(shade))
    }

    /// A model trained on [`Dir::with_photos`].
    pub(crate) fn model(&self) -> PathBuf {
        let output = self.command().args(TRAIN).args(["--output", "model.safetensors"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.path("model.safetensors")
    }

    /// The binary, in this folder, with a cache folder of its own and no network.
    pub(crate) fn command(&self) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_resnet-binary"))
    }

    /// Another program in the same way.
    pub(crate) fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.0.path());
        for name in ["HF_ENDPOINT", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NO_COLOR"] {
            command.env_remove(name);
        }
        command.env("HOME", self.0.path()).env("RESNET_BINARY_CACHE", self.path("cache")).env("HF_HUB_OFFLINE", "1");
        // The day of a page, so that it is the same one in every run.
        command.env("SOURCE_DATE_EPOCH", "1700000000");
        command
    }

    /// Names of everything in a folder below, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = Path::new(&self.path(folder)).read_dir().unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Names of the unfinished downloads in a folder below.
    pub(crate) fn unfinished(&self, folder: &str) -> Vec<String> {
        let is_part = |name: &String| Path::new(name).extension() == Some("part".as_ref());
        self.names(folder).into_iter().filter(is_part).collect()
    }
}

/// The quickest training there is.
pub(crate) const TRAIN: [&str; 7] = ["train", "--data", "imgs", "--weights", "random:0", "--image-size", "32"];

/// Of any training.
pub(crate) const QUICK: [&str; 4] = ["--weights", "random:0", "--image-size", "32"];

/// Bytes of a photo that every decoder reads: binary PPM with a little texture.
pub(crate) fn photo(shade: u8) -> Vec<u8> {
    let texture = (0..40 * 40 * 3).map(|index: u32| shade.saturating_add((index * 7 % 13) as u8));
    b"P6 40 40 255\n".iter().copied().chain(texture).collect()
}

/// What a finished command said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn run(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    Said {
        code: output.status.code(),
        // Paths that are no text make no text of a CSV.
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Names and shapes of ResNet-50's tensors as tch's vision module has them, without the last layer.
pub(crate) fn tensors() -> Vec<(String, Vec<usize>)> {
    let store = tch::nn::VarStore::new(tch::Device::Cpu);
    let _ = tch::vision::resnet::resnet50_no_final_layer(&store.root());
    let shape = |tensor: tch::Tensor| tensor.size().into_iter().map(|side| usize::try_from(side).unwrap()).collect();
    let mut tensors: Vec<_> = store.variables().into_iter().map(|(name, tensor)| (name, shape(tensor))).collect();
    tensors.sort();
    tensors
}

/// A weights file of the right shapes, as if it had been fetched.
pub(crate) fn weights(dir: &Dir, name: &str) {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let data: Vec<(String, Vec<usize>, Vec<u8>)> = (tensors().into_iter())
        .map(|(name, shape)| {
            let count = shape.iter().product();
            let scale = (6.0 / shape.iter().skip(1).product::<usize>() as f32).sqrt();
            // Kernels as He and others draw them, every normalisation as it begins.
            let numbers: Vec<f32> = match shape.len() {
                4 => std::iter::repeat_with(|| scale * noise()).take(count).collect(),
                _ if name.ends_with("weight") || name.ends_with("var") => vec![1.0; count],
                _ => vec![0.0; count],
            };
            (name, shape, numbers.into_iter().flat_map(f32::to_le_bytes).collect())
        })
        .collect();
    let views =
        data.iter().map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    dir.file(name, &safetensors::serialize(views, None).unwrap());
}
