//! libjpeg-turbo: a part of a JPEG, at a fraction of its size.

use std::ffi::c_int;

use turbojpeg_sys as turbo;

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// An open JPEG.
pub(crate) struct Jpeg<'a> {
    handle: turbo::tjhandle,
    bytes: &'a [u8],
    width: u32,
    height: u32,
    /// Width of the blocks at which a region may begin.
    block: u32,
}

/// Most pixels that the scans of a progressive image may pass over in all: the library cannot be stopped on its way.
/// Cameras write about ten scans, so this holds nothing real up.
const MOST_SCANNED: u64 = 6_000_000_000;

/// Most scans of an image of any size.
const MOST_SCANS: u64 = 500;

impl<'a> Jpeg<'a> {
    /// Reads the header; `None` for whatever is not an ordinary JPEG of 8 bits in grey, YCbCr or RGB.
    pub(crate) fn open(bytes: &'a [u8], megabytes: u64) -> Option<Self> {
        // SAFETY: a handle is a number to us; null, the failure, is checked.
        let handle = unsafe { turbo::tj3Init(turbo::TJINIT_TJINIT_DECOMPRESS.cast_signed()) };
        if handle.is_null() {
            return None;
        }
        let mut jpeg = Self { handle, bytes, width: 0, height: 0, block: 0 };
        // A warning means that pixels are missing or wrong; the strict decoder says which.
        jpeg.set(turbo::TJPARAM_TJPARAM_STOPONWARNING, 1)?;
        jpeg.set(turbo::TJPARAM_TJPARAM_MAXMEMORY, c_int::try_from(megabytes).unwrap_or(c_int::MAX))?;
        let length = bytes.len().try_into().ok()?;
        // SAFETY: the handle is live, and pointer and length are those of one slice.
        let read = unsafe { turbo::tj3DecompressHeader(handle, bytes.as_ptr(), length) };
        if read != 0 {
            return None;
        }
        jpeg.width = jpeg.get(turbo::TJPARAM_TJPARAM_JPEGWIDTH)?;
        jpeg.height = jpeg.get(turbo::TJPARAM_TJPARAM_JPEGHEIGHT)?;
        let scans = MOST_SCANNED / (u64::from(jpeg.width) * u64::from(jpeg.height)).max(1);
        jpeg.set(turbo::TJPARAM_TJPARAM_SCANLIMIT, c_int::try_from(scans.clamp(1, MOST_SCANS)).ok()?)?;
        let subsampling = i64::from(jpeg.get(turbo::TJPARAM_TJPARAM_SUBSAMP)?);
        jpeg.block = match subsampling {
            s if s == i64::from(turbo::TJSAMP_TJSAMP_444) || s == i64::from(turbo::TJSAMP_TJSAMP_GRAY) => 8,
            s if s == i64::from(turbo::TJSAMP_TJSAMP_440) => 8,
            s if s == i64::from(turbo::TJSAMP_TJSAMP_420) || s == i64::from(turbo::TJSAMP_TJSAMP_422) => 16,
            _ => return None,
        };
        let space = i64::from(jpeg.get(turbo::TJPARAM_TJPARAM_COLORSPACE)?);
        let known = [turbo::TJCS_TJCS_YCbCr, turbo::TJCS_TJCS_GRAY, turbo::TJCS_TJCS_RGB].map(i64::from);
        let is_ordinary = jpeg.get(turbo::TJPARAM_TJPARAM_PRECISION)? == 8
            && jpeg.get(turbo::TJPARAM_TJPARAM_LOSSLESS)? == 0
            && known.contains(&space);
        is_ordinary.then_some(jpeg)
    }

    /// Width and height at a fraction, rounded up.
    pub(crate) fn scaled(&self, denominator: u32) -> (u32, u32) {
        (self.width.div_ceil(denominator), self.height.div_ceil(denominator))
    }

    /// Where a region may begin at a fraction: at multiples of this.
    pub(crate) fn block(&self, denominator: u32) -> u32 {
        self.block.div_ceil(denominator)
    }

    /// RGB of a region of the image at a fraction, `[height, width, 3]`; `None` if anything is wrong with the file.
    pub(crate) fn decode(&self, denominator: u32, region: Region) -> Option<Vec<u8>> {
        let (width, height) = self.scaled(denominator);
        let is_inside =
            |start: u32, length: u32, side: u32| length > 0 && start.checked_add(length).is_some_and(|end| end <= side);
        if !is_inside(region.x, region.width, width) || !is_inside(region.y, region.height, height) {
            return None;
        }
        let whole = |number: u32| c_int::try_from(number).ok();
        let factor = turbo::tjscalingfactor { num: 1, denom: whole(denominator)? };
        let part = turbo::tjregion {
            x: whole(region.x)?,
            y: whole(region.y)?,
            w: whole(region.width)?,
            h: whole(region.height)?,
        };
        // SAFETY: the handle is live; both take their arguments by value and refuse those that do not fit.
        if unsafe { turbo::tj3SetScalingFactor(self.handle, factor) } != 0
            || unsafe { turbo::tj3SetCroppingRegion(self.handle, part) } != 0
        {
            return None;
        }
        let pitch = usize::try_from(region.width).ok()?.checked_mul(3)?;
        let length = self.bytes.len().try_into().ok()?;
        let mut pixels = vec![0; pitch.checked_mul(usize::try_from(region.height).ok()?)?];
        // SAFETY: the source is one slice; the target has a row of `pitch` bytes, three for each pixel of the region, for
        // each of its rows, which is what the call writes.
        let decoded = unsafe {
            turbo::tj3Decompress8(
                self.handle,
                self.bytes.as_ptr(),
                length,
                pixels.as_mut_ptr(),
                c_int::try_from(pitch).ok()?,
                turbo::TJPF_TJPF_RGB as c_int,
            )
        };
        (decoded == 0).then_some(pixels)
    }

    fn set(&self, parameter: turbo::TJPARAM, value: c_int) -> Option<()> {
        // SAFETY: the handle is live.
        (unsafe { turbo::tj3Set(self.handle, parameter.cast_signed(), value) } == 0).then_some(())
    }

    /// `None` for what is unknown, which the library says with a negative number.
    fn get(&self, parameter: turbo::TJPARAM) -> Option<u32> {
        // SAFETY: the handle is live.
        u32::try_from(unsafe { turbo::tj3Get(self.handle, parameter.cast_signed()) }).ok()
    }
}

impl Drop for Jpeg<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is live and this is its last use.
        unsafe { turbo::tj3Destroy(self.handle) }
    }
}
