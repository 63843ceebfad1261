//! Copies that run beside the computation of a GPU, and marks in its queue: what tch has no call for. See `stream.cpp`.

use std::ffi::{c_char, c_int};
use std::ptr;
use std::time::Duration;

use tch::{TchError, Tensor};
use torch_sys::C_tensor;

use super::message::{checked, returned};

/// A queue of libtorch's, only ever behind a pointer.
#[repr(C)]
struct CStream([u8; 0]);

/// A mark of libtorch's, only ever behind a pointer.
#[repr(C)]
struct CEvent([u8; 0]);

unsafe extern "C" {
    fn rb_lane(out: *mut *mut CStream, gpu: i64) -> *mut c_char;
    fn rb_lane_free(lane: *mut CStream);
    fn rb_pinned_bytes(out: *mut *mut C_tensor, shape: *const i64, axes: i64) -> *mut c_char;
    fn rb_upload(out: *mut *mut C_tensor, lane: *const CStream, pinned: *const C_tensor) -> *mut c_char;
    fn rb_download(out: *mut *mut C_tensor, there: *const C_tensor) -> *mut c_char;
    fn rb_mark(out: *mut *mut CEvent, gpu: i64) -> *mut c_char;
    fn rb_mark_reached(out: *mut c_int, mark: *const CEvent) -> *mut c_char;
    fn rb_mark_between(out: *mut f64, from: *const CEvent, to: *const CEvent) -> *mut c_char;
    fn rb_mark_free(mark: *mut CEvent);
}

/// A GPU's queue for copies, beside the one that computes.
#[derive(Debug)]
pub(crate) struct CopyStream(*mut CStream);

// SAFETY: a stream of libtorch's is three numbers that name a queue of the process; any thread may use it.
unsafe impl Send for CopyStream {}

impl CopyStream {
    /// One of the GPU's queues.
    pub(crate) fn new(gpu: usize) -> Result<Self, TchError> {
        let mut out = ptr::null_mut();
        // SAFETY: the call writes one pointer to `out`.
        checked(unsafe { rb_lane(&raw mut out, index(gpu)) })?;
        Ok(Self(out))
    }

    /// Begins to copy bytes to the GPU and gives the copy, which whatever is computed from now on waits for.
    pub(crate) fn upload(&self, bytes: &Pinned) -> Result<Tensor, TchError> {
        // SAFETY: lane and tensor outlive the call; libtorch holds the pinned memory back until the copy has read it.
        returned(|out| unsafe { rb_upload(out, self.0, bytes.0.as_ptr()) })
    }
}

impl Drop for CopyStream {
    fn drop(&mut self) {
        // SAFETY: it came from `rb_lane` and goes once.
        unsafe { rb_lane_free(self.0) }
    }
}

/// Bytes in memory that a GPU reads by itself.
#[derive(Debug)]
pub(crate) struct Pinned(Tensor);

impl Pinned {
    /// Bytes of this shape as `fill` writes them into zeros.
    pub(crate) fn new(shape: &[i64], fill: impl FnOnce(&mut [u8])) -> Result<Self, TchError> {
        // SAFETY: the shape has that many numbers.
        let bytes = returned(|out| unsafe { rb_pinned_bytes(out, shape.as_ptr(), index(shape.len())) })?;
        Ok(Self(written(bytes, fill)))
    }
}

/// A new, contiguous tensor of bytes on the CPU, zeroed and then filled.
fn written(bytes: Tensor, fill: impl FnOnce(&mut [u8])) -> Tensor {
    let (start, length) = (bytes.data_ptr().cast::<u8>(), bytes.numel());
    // SAFETY: the tensor is new, so nobody else looks at its memory, which is `length` bytes, made zeros before they are
    // read as bytes.
    let memory = unsafe {
        ptr::write_bytes(start, 0, length);
        std::slice::from_raw_parts_mut(start, length)
    };
    fill(memory);
    bytes
}

/// Begins to copy a result from the GPU; its numbers are there when a mark that is set afterwards is reached.
pub(crate) fn download(there: &Tensor) -> Result<Tensor, TchError> {
    // SAFETY: the tensor outlives the call; libtorch holds its memory back until the copy has read it.
    returned(|out| unsafe { rb_download(out, there.as_ptr()) })
}

/// A place in the queue of what a GPU computes.
#[derive(Debug)]
pub(crate) struct Event(*mut CEvent);

// SAFETY: an event of CUDA's belongs to the process; it is used by one thread at a time, for it is not `Sync`.
unsafe impl Send for Event {}

impl Event {
    /// Behind all that is queued by now.
    pub(crate) fn set(gpu: usize) -> Result<Self, TchError> {
        let mut out = ptr::null_mut();
        // SAFETY: the call writes one pointer to `out`.
        checked(unsafe { rb_mark(&raw mut out, index(gpu)) })?;
        Ok(Self(out))
    }

    /// Waits until the GPU is there, without keeping a core busy, which decoding can use.
    pub(crate) fn wait(&self) -> Result<(), TchError> {
        const LOOK_EVERY: Duration = Duration::from_micros(200);
        loop {
            let mut reached = 0;
            // SAFETY: the mark lives, and the call writes one number to `reached`.
            checked(unsafe { rb_mark_reached(&raw mut reached, self.0) })?;
            if reached != 0 {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// How long the GPU took from here to another mark; both are reached.
    pub(crate) fn until(&self, later: &Self) -> Result<Duration, TchError> {
        let mut milliseconds = 0.0;
        // SAFETY: both marks live, and the call writes one number.
        checked(unsafe { rb_mark_between(&raw mut milliseconds, self.0, later.0) })?;
        Ok(Duration::from_secs_f64(milliseconds.max(0.0) / 1e3))
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: it came from `rb_mark` and goes once.
        unsafe { rb_mark_free(self.0) }
    }
}

fn index(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn bytes_are_zero_where_nothing_was_written() {
        let bytes = written(Tensor::full([2, 3], 7, (Kind::Uint8, Device::Cpu)), |bytes| bytes[1] = 5);
        assert_eq!(Vec::<Vec<u8>>::try_from(&bytes).unwrap(), [[0, 5, 0], [0, 0, 0]]);
    }

    #[test]
    fn without_a_gpu_every_call_is_an_error_and_no_crash() {
        if tch::Cuda::is_available() {
            println!("skipped: there is a GPU");
            return;
        }
        assert!(CopyStream::new(0).is_err());
        assert!(Event::set(0).is_err());
        assert!(Pinned::new(&[2, 2], |_| ()).is_err());
    }

    #[test]
    fn bytes_go_to_a_gpu_and_back_in_their_turn() {
        if !tch::Cuda::is_available() {
            println!("skipped: there is no GPU");
            return;
        }
        let lane = CopyStream::new(0).unwrap();
        let pinned =
            Pinned::new(&[1 << 20], |bytes| bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = at as u8));
        let there = lane.upload(&pinned.unwrap()).unwrap();
        let start = Event::set(0).unwrap();
        let here = download(&(there.to_kind(Kind::Float) * 2.0)).unwrap();
        let end = Event::set(0).unwrap();
        end.wait().unwrap();
        assert!(start.until(&end).unwrap() > Duration::ZERO);
        let expected = Tensor::arange(1 << 20, (Kind::Float, Device::Cpu)).remainder(256.0) * 2.0;
        assert!(here.equal(&expected));
    }
}
