//! `f32` vectors for two generations of x86-64 behind one trait, so that each kernel is written once.
//!
//! A token (`Avx2`, `Avx512`) proves that the processor has the instructions: only its `detect` creates one. Code run
//! by [`Simd::vectorize`] is compiled with the token's instructions as far as it is inlined: every function from there
//! to a vector is `inline(always)` and `std` calls no closure, or vectors would pass through memory.

/// The operations of an instruction set. `V` holds `LANES` values; a fused multiply-add is rounded once on every
/// processor, so all give the same bits.
pub(super) trait Simd: Copy {
    type V: Copy;
    const LANES: usize;
    /// Rows of the micro-kernel's tile, which is two vectors wide: as many as fit the registers.
    const ROWS: usize;
    /// Whether four steps of the micro-kernel are unrolled. With more registers, LLVM would move up too many loads.
    const UNROLL: bool;
    /// Columns of the micro-kernel's tile and of a panel of packed weights.
    const PANEL: usize = 2 * Self::LANES;

    /// `x` in all lanes.
    fn splat(self, x: f32) -> Self::V;
    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a − b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// The maximum per lane; `b` if one of the two is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a b + c`.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c − a b`.
    fn neg_mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Prefetches the cache line of `at` into the L1 cache; any address is allowed.
    fn prefetch(self, at: *const f32);
    /// Loads `LANES` values from `from`.
    ///
    /// # Safety
    /// `from` is valid for reading `LANES` values.
    unsafe fn load(self, from: *const f32) -> Self::V;
    /// Stores `LANES` values to `to`.
    ///
    /// # Safety
    /// `to` is valid for writing `LANES` values.
    unsafe fn store(self, to: *mut f32, v: Self::V);
    /// Runs `kernel` compiled with these instructions.
    fn vectorize<K: Kernel>(self, kernel: K);
}

/// A computation that is written once for all instruction sets.
pub(super) trait Kernel {
    fn run<S: Simd>(self, simd: S);
}

/// An instruction set that this processor has and for which there are kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Isa(Token);

/// The proof that the processor has the instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Isa {
    /// The fastest instruction set of this processor; `None` if it has none with kernels.
    pub(crate) fn detect() -> Option<Self> {
        Self::all().pop()
    }

    /// All instruction sets of this processor with kernels, the fastest last.
    pub(super) fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let all = [Avx2::detect().map(Token::Avx2), Avx512::detect().map(Token::Avx512)];
        #[cfg(not(target_arch = "x86_64"))]
        let all: [Option<Token>; 0] = [];
        all.into_iter().flatten().map(Self).collect()
    }

    /// Runs `kernel` with the token of these instructions, compiled without them; it may call [`Simd::vectorize`].
    pub(super) fn dispatch<K: Kernel>(self, kernel: K) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(simd) => kernel.run(simd),
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(simd) => kernel.run(simd),
        }
    }

    /// Runs `kernel` compiled with these instructions.
    pub(super) fn vectorize<K: Kernel>(self, kernel: K) {
        self.dispatch(Vectorized(kernel));
    }
}

/// The kernel of [`Isa::vectorize`].
struct Vectorized<K>(K);

impl<K: Kernel> Kernel for Vectorized<K> {
    fn run<S: Simd>(self, simd: S) {
        simd.vectorize(self.0);
    }
}

#[cfg(target_arch = "x86_64")]
use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _MM_HINT_T0, _mm_prefetch, _mm256_add_ps, _mm256_fmadd_ps, _mm256_fnmadd_ps, _mm256_loadu_ps,
        _mm256_max_ps, _mm256_set1_ps, _mm256_storeu_ps, _mm256_sub_ps, _mm512_add_ps, _mm512_fmadd_ps,
        _mm512_fnmadd_ps, _mm512_loadu_ps, _mm512_max_ps, _mm512_set1_ps, _mm512_storeu_ps, _mm512_sub_ps,
    };

    use super::{Kernel, Simd};

    /// A proof that the processor has AVX2 and FMA.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Avx2(());

    impl Avx2 {
        /// The token, if the processor has the instructions.
        pub(super) fn detect() -> Option<Self> {
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
        }
    }

    /// A proof that the processor has AVX-512F, AVX2 and FMA.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Avx512(());

    impl Avx512 {
        /// The token, if the processor has the instructions.
        pub(super) fn detect() -> Option<Self> {
            Avx2::detect().filter(|_| is_x86_feature_detected!("avx512f")).map(|_| Self(()))
        }
    }

    macro_rules! simd {
        ($token:ident, $vector:ty, $lanes:literal, $rows:literal, $unroll:literal, $features:literal,
            $splat:ident, $add:ident, $sub:ident, $max:ident, $mul_add:ident, $neg_mul_add:ident, $load:ident, $store:ident) => {
            impl Simd for $token {
                type V = $vector;
                const LANES: usize = $lanes;
                const ROWS: usize = $rows;
                const UNROLL: bool = $unroll;

                #[inline(always)]
                fn splat(self, x: f32) -> Self::V {
                    // SAFETY: the token proves the instructions.
                    unsafe { $splat(x) }
                }

                #[inline(always)]
                fn add(self, a: Self::V, b: Self::V) -> Self::V {
                    // SAFETY: the token proves the instructions.
                    unsafe { $add(a, b) }
                }

                #[inline(always)]
                fn sub(self, a: Self::V, b: Self::V) -> Self::V {
                    // SAFETY: the token proves the instructions.
                    unsafe { $sub(a, b) }
                }

                #[inline(always)]
                fn max(self, a: Self::V, b: Self::V) -> Self::V {
                    // SAFETY: the token proves the instructions.
                    unsafe { $max(a, b) }
                }

                #[inline(always)]
                fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                    // SAFETY: the token proves the instructions.
                    unsafe { $mul_add(a, b, c) }
                }

                #[inline(always)]
                fn neg_mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                    // SAFETY: the token proves the instructions.
                    unsafe { $neg_mul_add(a, b, c) }
                }

                #[inline(always)]
                fn prefetch(self, at: *const f32) {
                    // SAFETY: a hint, which no address makes fail.
                    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
                }

                #[inline(always)]
                unsafe fn load(self, from: *const f32) -> Self::V {
                    // SAFETY: the caller's promise; the token proves the instructions.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32, v: Self::V) {
                    // SAFETY: the caller's promise; the token proves the instructions.
                    unsafe { $store(to, v) }
                }

                #[inline(always)]
                fn vectorize<K: Kernel>(self, kernel: K) {
                    #[target_feature(enable = $features)]
                    fn with<K: Kernel>(kernel: K, simd: $token) {
                        kernel.run(simd);
                    }
                    // SAFETY: the token proves the instructions.
                    unsafe { with(kernel, self) }
                }
            }
        };
    }

    simd!(
        Avx2,
        __m256,
        8,
        6,
        true,
        "avx2,fma",
        _mm256_set1_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_max_ps,
        _mm256_fmadd_ps,
        _mm256_fnmadd_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps
    );
    simd!(
        Avx512,
        __m512,
        16,
        14,
        false,
        "avx512f,avx2,fma",
        _mm512_set1_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_max_ps,
        _mm512_fmadd_ps,
        _mm512_fnmadd_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps
    );
}
