//! NVIDIA's driver asked about itself and its cards, without libtorch: also by a build that has no CUDA, and also where
//! libtorch's CUDA cannot start.
//!
//! `libcuda.so.1` comes with the driver and not with CUDA, so it is looked for when asked and never linked. The functions
//! used here have had these signatures since CUDA 4 (CUDA Driver API reference, sections "Initialization", "Version
//! Management" and "Device Management").

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem;

const SUCCESS: c_int = 0;
/// `CUDA_ERROR_NO_DEVICE`
const NO_DEVICE: c_int = 100;
/// `CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR` and `…_MINOR`
const CAPABILITY: [c_int; 2] = [75, 76];
/// `RTLD_NOW`
const BIND_NOW: c_int = 2;

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// What the driver said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Driver {
    /// There is none.
    Missing,
    /// It is there and does not work.
    Failed {
        /// The newest CUDA that it can run, as thousands and tens: 13000 is 13.0; 0 if it did not say.
        cuda: i32,
        /// Its name for the error.
        error: String,
    },
    /// It works; there may be no card.
    Works {
        /// As in `Failed`.
        cuda: i32,
        /// Counted as `CUDA_VISIBLE_DEVICES` leaves them.
        gpus: Vec<Gpu>,
    },
}

/// One card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gpu {
    /// As the driver names it.
    pub name: String,
    /// Bytes.
    pub memory: u64,
    /// Compute capability, such as (9, 0).
    pub capability: (i32, i32),
}

/// Asks the driver.
pub(crate) fn ask() -> Driver {
    // SAFETY: the name is a C string. The library stays open, for libtorch's CUDA uses it too.
    let library = unsafe { dlopen(c"libcuda.so.1".as_ptr(), BIND_NOW) };
    if library.is_null() {
        return Driver::Missing;
    }
    let library = Library(library);
    let mut cuda = 0;
    match library.cards(&mut cuda) {
        Ok(gpus) => Driver::Works { cuda, gpus },
        Err(error) => Driver::Failed { cuda, error },
    }
}

type InitCall = unsafe extern "C" fn(flags: u32) -> c_int;
type NumberCall = unsafe extern "C" fn(out: *mut c_int) -> c_int;
type DeviceCall = unsafe extern "C" fn(device: *mut c_int, ordinal: c_int) -> c_int;
type NameCall = unsafe extern "C" fn(name: *mut c_char, length: c_int, device: c_int) -> c_int;
type MemoryCall = unsafe extern "C" fn(bytes: *mut usize, device: c_int) -> c_int;
type AttributeCall = unsafe extern "C" fn(out: *mut c_int, attribute: c_int, device: c_int) -> c_int;
type ErrorCall = unsafe extern "C" fn(error: c_int, name: *mut *const c_char) -> c_int;

struct Library(*mut c_void);

impl Library {
    /// # Safety
    /// `F` is the function's type.
    unsafe fn function<F: Copy>(&self, name: &CStr) -> Result<F, String> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        // SAFETY: the library is open and the name a C string.
        let address = unsafe { dlsym(self.0, name.as_ptr()) };
        if address.is_null() {
            return Err(format!("libcuda.so.1 has no {}", name.to_string_lossy()));
        }
        // SAFETY: the caller's promise, and both are one pointer.
        Ok(unsafe { mem::transmute_copy(&address) })
    }

    /// All cards; the driver's version goes to `cuda` first, for it is known even where the rest fails.
    fn cards(&self, cuda: &mut i32) -> Result<Vec<Gpu>, String> {
        // SAFETY: the types are those of the reference, and every pointer is to a place of ours of the type named there.
        unsafe {
            let version: NumberCall = self.function(c"cuDriverGetVersion")?;
            self.check(version(cuda))?;
            let init: InitCall = self.function(c"cuInit")?;
            match init(0) {
                NO_DEVICE => return Ok(Vec::new()),
                code => self.check(code)?,
            }
            let count: NumberCall = self.function(c"cuDeviceGetCount")?;
            let mut gpus = 0;
            self.check(count(&raw mut gpus))?;
            (0..gpus).map(|ordinal| self.card(ordinal)).collect()
        }
    }

    fn card(&self, ordinal: c_int) -> Result<Gpu, String> {
        let mut text: [c_char; 256] = [0; 256];
        let (mut device, mut bytes, mut capability) = (0, 0, [0; 2]);
        // SAFETY: as in `cards`; the name is written within the length given.
        unsafe {
            let get: DeviceCall = self.function(c"cuDeviceGet")?;
            self.check(get(&raw mut device, ordinal))?;
            let name: NameCall = self.function(c"cuDeviceGetName")?;
            self.check(name(text.as_mut_ptr(), 255, device))?;
            let memory: MemoryCall = self.function(c"cuDeviceTotalMem_v2")?;
            self.check(memory(&raw mut bytes, device))?;
            let attribute: AttributeCall = self.function(c"cuDeviceGetAttribute")?;
            for (number, which) in capability.iter_mut().zip(CAPABILITY) {
                self.check(attribute(number, which, device))?;
            }
        }
        // SAFETY: the last byte was never written, so it ends within the array.
        let name = unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned();
        Ok(Gpu { name, memory: bytes as u64, capability: (capability[0], capability[1]) })
    }

    fn check(&self, code: c_int) -> Result<(), String> {
        if code == SUCCESS {
            return Ok(());
        }
        let mut name = std::ptr::null();
        // SAFETY: as in `cards`; the name is the driver's own and there for ever.
        unsafe {
            let call: ErrorCall = self.function(c"cuGetErrorName")?;
            if call(code, &raw mut name) != SUCCESS || name.is_null() {
                return Err(format!("error {code}"));
            }
            Err(CStr::from_ptr(name).to_string_lossy().into_owned())
        }
    }
}
