//! Everything that a run needs, looked at and tried: libtorch, driver, devices, weights, cache.
//!
//! It looks on after the first thing that is wrong, changes nothing and fetches nothing. A machine without GPU is well
//! unless a GPU was asked for; weights that are not here are well, for `train` fetches them.

mod diagnosis;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tch::Device;

use super::{PipelineError, inspect};
use crate::backbone::about::{self, Driver, Libtorch};
use crate::backbone::device::{self, DeviceChoice};
use crate::backbone::{Backbone, BackboneError, PrecisionChoice, Target};
use crate::features::Cache;
use crate::files;
use crate::pixels::{Crop, Preprocess};
use crate::progress::Progress;
use crate::report::{DeviceCheck, DoctorReport, WeightsState};
use crate::weights::{self, Places, WeightsSource};

use diagnosis::Diagnosis;

/// Side and number of the images that every device is tried with.
const SIDE: u32 = 96;
const IMAGES: u8 = 2;

/// What rounding explains, relative: in fp32, and in 16 bits.
const ROUNDING: [f64; 2] = [1e-4, 3e-2];

/// What `doctor` needs to know.
#[derive(Debug, Clone)]
pub(crate) struct DoctorOptions {
    /// The device that has to work; `auto` for the CPU and whatever GPUs there are.
    pub device: DeviceChoice,
    /// Threads at most.
    pub threads: Option<usize>,
    /// Folder of the cache; `None` if it is off.
    pub cache: Option<PathBuf>,
    /// Weights that have to be there and fit the network.
    pub weights: Option<WeightsSource>,
    /// Folders to look for weights in.
    pub places: Places,
    /// The batch to measure the rate of every device with, if that is wanted.
    pub speed: Option<usize>,
}

/// Looks at everything.
///
/// # Errors
/// [`PipelineError`] if it cannot look, or was interrupted; what it finds wrong is in the answer.
pub(crate) fn doctor(options: &DoctorOptions, progress: &dyn Progress) -> Result<DoctorReport, PipelineError> {
    let libtorch = Libtorch::ask()?;
    let mut diagnoses = Vec::new();
    if libtorch.version != libtorch.wanted {
        diagnoses.push(Diagnosis::OtherVersion { given: libtorch.version.clone(), wanted: libtorch.wanted.clone() });
    }
    let openmp = openmp(&loaded());
    if openmp.len() > 1 {
        diagnoses.push(Diagnosis::TwoOpenMp(openmp));
    }
    let asked = matches!(options.device, DeviceChoice::Cuda(_));
    let driver = if options.device == DeviceChoice::Cpu { None } else { Some(about::driver()) };
    if let Some(driver) = &driver {
        diagnoses.extend(diagnosis::cuda_diagnoses(asked, &libtorch, driver));
    }
    let mut devices = Vec::new();
    if diagnoses.iter().all(|diagnosis| diagnosis.code() > 15) {
        match wanted(options.device, &libtorch) {
            Ok(wanted) => devices = options.try_all(&wanted, driver.as_ref(), &mut diagnoses, progress)?,
            Err(error) if diagnoses.is_empty() => diagnoses.push(Diagnosis::NoSuchDevice(error)),
            Err(_) => {}
        }
    }
    let mut weights = weights_here(&options.places, &mut diagnoses)?;
    if let Some(source) = &options.weights {
        weights.extend(look_at_weights(source, &options.places, &mut diagnoses));
    }
    progress.check()?;
    let cache = look_at_cache(options.cache.as_deref()).unwrap_or_else(|message| {
        let said = format!("unusable: {message}");
        diagnoses.push(Diagnosis::Cache { message });
        said
    });
    diagnoses.sort_by_key(Diagnosis::code);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(DoctorReport {
        version: env!("CARGO_PKG_VERSION"),
        libtorch: libtorch.version,
        cuda: libtorch.built_for.filter(|_| libtorch.has_cuda),
        driver: driver.map_or("not asked".to_owned(), |driver| in_words(&driver)),
        cores,
        threads: options.threads.map_or(cores, |threads| threads.clamp(1, cores)),
        cpu_bf16: about::cpu_computes_bf16(),
        cpu_int8: about::cpu_computes_int8(),
        devices,
        weights,
        cache,
        cache_folder: options.cache.clone(),
        problems: diagnoses.iter().map(Diagnosis::problem).collect(),
    })
}

fn in_words(driver: &Driver) -> String {
    let version = |cuda: &i32| format!("{}.{}", cuda / 1000, cuda % 1000 / 10);
    match driver {
        Driver::Missing => "no NVIDIA driver".to_owned(),
        Driver::Failed { cuda: 0, error } => format!("NVIDIA, does not work: {error}"),
        Driver::Failed { cuda, error } => {
            format!("NVIDIA, for CUDA {} and older; does not work: {error}", version(cuda))
        }
        Driver::Works { cuda, gpus } => {
            format!("NVIDIA, for CUDA {} and older, {} GPUs", version(cuda), gpus.len())
        }
    }
}

/// The devices that have to work: those asked for, or the CPU and every GPU.
fn wanted(choice: DeviceChoice, libtorch: &Libtorch) -> Result<Vec<Device>, BackboneError> {
    match choice {
        DeviceChoice::Auto => Ok([Device::Cpu].into_iter().chain((0..libtorch.gpus).map(Device::Cuda)).collect()),
        choice => device::resolve(choice),
    }
}

impl DoctorOptions {
    /// Runs a batch on each device and compares it with the CPU.
    fn try_all(
        &self,
        devices: &[Device],
        driver: Option<&Driver>,
        diagnoses: &mut Vec<Diagnosis>,
        progress: &dyn Progress,
    ) -> Result<Vec<DeviceCheck>, PipelineError> {
        let crops: Vec<_> = (0..IMAGES).map(|number| picture(number, SIDE)).collect();
        let features = |target: Target| -> Result<(Vec<f32>, f64), BackboneError> {
            let (engine, preprocess) = (Backbone::random(0, target)?.engine(), Preprocess::default());
            engine.features(&crops, &preprocess)?;
            let started = Instant::now();
            let pooled = engine.features(&crops, &preprocess)?;
            Ok((pooled.whole, started.elapsed().as_secs_f64() * 1e3))
        };
        let expected = features(Target { image_size: SIDE, ..Target::CPU })?.0;
        let mut checks = Vec::new();
        for &device in devices {
            progress.check()?;
            let target = Target::on(device, PrecisionChoice::Auto, SIDE)?;
            let name = device::name(&[device]);
            let tried = features(target).map(|(given, time)| (relative(&given, &expected), time));
            let limit = ROUNDING[usize::from(target.precision.is_half())];
            match &tried {
                Err(BackboneError::OutOfMemory) => {
                    diagnoses.push(Diagnosis::Failed { device: name.clone(), error: BackboneError::OutOfMemory });
                }
                Err(error) => {
                    let error = BackboneError::Device(error.to_string());
                    diagnoses.push(Diagnosis::Failed { device: name.clone(), error });
                }
                // Not a number is no rounding either.
                Ok((distance, _)) if *distance <= limit => {}
                Ok((distance, _)) => {
                    diagnoses.push(Diagnosis::Wrong { device: name.clone(), distance: *distance, limit });
                }
            }
            let card = match (device, driver) {
                (Device::Cuda(number), Some(Driver::Works { gpus, .. })) => gpus.get(number),
                _ => None,
            };
            checks.push(DeviceCheck {
                device: name,
                card: card.map(|card| card.name.clone()),
                memory: card.map(|card| card.memory),
                capability: card.map(|card| format!("{}.{}", card.capability.0, card.capability.1)),
                precision: target.precision.to_string(),
                images: crops.len(),
                milliseconds: tried.as_ref().ok().map(|tried| tried.1),
                images_per_second: self.speed.filter(|_| tried.is_ok()).map(|batch| rate(target, batch)).transpose()?,
                distance: tried.ok().map(|tried| tried.0),
            });
        }
        Ok(checks)
    }
}

/// Images of 224×224 a second from bytes in memory, the next batch always queued: what decoding can be compared with.
fn rate(target: Target, batch: usize) -> Result<f64, BackboneError> {
    const FOR: Duration = Duration::from_secs(5);
    const WARM_UP: usize = 3;
    let preprocess = Preprocess::default();
    let engine = Backbone::random(0, Target { image_size: preprocess.crop, ..target })?.engine();
    let crops: Vec<_> = (0..batch).map(|number| picture(number as u8, preprocess.crop)).collect();
    let submit = || engine.submit(&crops, &preprocess, batch);
    for _ in 0..WARM_UP {
        submit()?.wait()?;
    }
    let (started, mut done, mut running) = (Instant::now(), 0, submit()?);
    while started.elapsed() < FOR {
        let next = submit()?;
        running.wait()?;
        done += batch;
        running = next;
    }
    running.wait()?;
    Ok((done + batch) as f64 / started.elapsed().as_secs_f64())
}

/// A crop with something of every level in it.
fn picture(number: u8, side: u32) -> Crop {
    let numbers = 3 * side * side;
    Crop { size: side, rgb: (0..numbers).map(|at| (at * 31 % 256) as u8 ^ number.wrapping_mul(97)).collect() }
}

/// Length of the difference over length of the expected.
fn relative(given: &[f32], expected: &[f32]) -> f64 {
    let square = |value: f32| f64::from(value).powi(2);
    let apart: f64 = given.iter().zip(expected).map(|(given, expected)| square(given - expected)).sum();
    let length: f64 = expected.iter().copied().map(square).sum();
    (apart / length).sqrt()
}

/// All known weights; one that is here is read and compared with its checksum.
fn weights_here(places: &Places, diagnoses: &mut Vec<Diagnosis>) -> Result<Vec<WeightsState>, PipelineError> {
    let mut states = Vec::new();
    for entry in weights::manifest()?.entries() {
        let path = weights::locate(entry, places);
        let verified = path.as_ref().map(|path| {
            let verified = weights::verify(path, entry);
            if let Err(error) = &verified {
                let hint = error.hint().unwrap_or_default();
                diagnoses.push(Diagnosis::Weights { message: error.to_string(), hint });
            }
            verified.is_ok()
        });
        let bytes = path.as_ref().and_then(|path| files::size(path).ok());
        states.push(WeightsState { name: entry.name.clone(), path, bytes, verified, is_known: true });
    }
    Ok(states)
}

/// The weights that were asked for, compared with the network; nothing more of those that are known by name and seen already.
fn look_at_weights(source: &WeightsSource, places: &Places, diagnoses: &mut Vec<Diagnosis>) -> Option<WeightsState> {
    let found = inspect::compare(source, places);
    if let Err(error) = &found {
        let hint = error.hint().unwrap_or_else(|| "give another file with `--weights`".to_owned());
        diagnoses.push(Diagnosis::Weights { message: error.to_string(), hint });
    }
    let WeightsSource::File(path) = source else { return None };
    let bytes = files::size(path).ok();
    let (name, verified) = (source.to_string(), Some(found.is_ok()));
    Some(WeightsState { name, path: Some(path.clone()), bytes, verified, is_known: false })
}

/// The cache in words, or why it cannot be used. One that is not there is not made.
fn look_at_cache(folder: Option<&Path>) -> Result<String, String> {
    let Some(folder) = folder else { return Ok("off".to_owned()) };
    if Cache::find(folder).is_some() {
        let info = Cache::open(folder).and_then(|cache| cache.info()).map_err(|error| error.to_string())?;
        files::check_writable(&info.path).map_err(|error| error.to_string())?;
        let megabytes = info.bytes as f64 / 1e6;
        return Ok(format!("{}, {} features, {megabytes:.1} MB, writable", info.path.display(), info.features));
    }
    // The folder is made when it is needed, in the one above it that is there.
    let above = folder.ancestors().find(|above| above.exists()).unwrap_or(Path::new("."));
    files::check_writable(&above.join("features"))
        .map_err(|error| format!("cannot make `{}`: {}", folder.display(), error.reason()))?;
    Ok(format!("{}, empty, writable", folder.display()))
}

/// The files that are mapped into this process; empty where the system does not say.
fn loaded() -> String {
    const MAX: u64 = 16 << 20;
    files::read(Path::new("/proc/self/maps"), MAX)
        .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The OpenMP libraries among them.
fn openmp(maps: &str) -> Vec<PathBuf> {
    let is_openmp = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        ["libgomp", "libiomp", "libomp."].iter().any(|prefix| name.starts_with(prefix))
    };
    let paths = maps.lines().filter_map(|line| line.find('/').and_then(|at| line.get(at..)));
    let found: BTreeSet<_> = paths.map(PathBuf::from).filter(|path| is_openmp(path)).collect();
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_openmp_libraries_are_seen_and_one_mapped_in_parts_is_one() {
        let line = |path: &str| format!("7f1a-7f1b r-xp 00000000 fe:00 123   {path}\n");
        let one = line("/a/lib/libgomp.so.1")
            + &line("/a/lib/libgomp.so.1")
            + &line("/a/lib/libtorch_cpu.so")
            + "0-1 [heap]\n";
        assert_eq!(openmp(&one), [PathBuf::from("/a/lib/libgomp.so.1")]);
        let two = one + &line("/b/libgomp-24e2ab19.so.1.0.0");
        assert_eq!(openmp(&two).len(), 2);
        assert!(cfg!(not(target_os = "linux")) || openmp(&loaded()).len() == 1, "{:?}", openmp(&loaded()));
    }

    #[test]
    fn a_cache_is_looked_at_and_never_made() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("a/b");
        assert!(look_at_cache(Some(&inside)).unwrap().contains("empty, writable"));
        assert!(!folder.path().join("a").exists());
        files::write(&folder.path().join("file"), |file| file.write_all(b"no folder")).unwrap();
        let error = look_at_cache(Some(&folder.path().join("file/cache"))).unwrap_err();
        assert!(error.contains("not a folder"), "{error}");
        drop(Cache::open(&inside).unwrap());
        assert!(look_at_cache(Some(&inside)).unwrap().contains("0 features"));
    }
}
