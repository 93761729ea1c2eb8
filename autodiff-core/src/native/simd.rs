//! Loops compiled for wider vectors than the target's baseline, chosen when the program runs.
//!
//! The baseline of x86-64 is SSE2, two `f64` at a time, which most machines exceed; on AArch64 it is NEON, which is
//! all there is. A [`Kernel`] is compiled once for each instruction set and runs on the widest the machine has.
//!
//! The results have the same bits on all of them: a kernel is made of IEEE operations, which vectorisation does not reorder. Fused
//! multiply-adds are among them, and are emulated on machines without the instruction. Products of a matrix and a vector alone are not:
//! there they round twice.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::math::Hardware;
use super::math::{Baseline, MulAdd};
use std::ops::Range;
#[cfg(target_arch = "x86_64")]
use std::sync::OnceLock;

/// An operand of a block: its elements, or one number that stands for all of them.
///
/// The number is where it is, so that both kinds are made of whole words. Where they are not, the compiler copies them in parts, and
/// reading what was written in parts as a whole waits for all that was written before.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lanes<'a, T> {
    /// An element for each of the block.
    Each(&'a [T]),
    /// The same number everywhere.
    Same(&'a T),
}

impl<T: Copy> Lanes<'_, T> {
    /// For an operand that is not there.
    pub const NONE: Self = Lanes::Each(&[]);

    /// The one at a place in the block.
    #[inline]
    pub fn at(self, i: usize) -> T {
        match self {
            Lanes::Each(all) => all[i],
            Lanes::Same(&one) => one,
        }
    }

    /// Those of a part of the block.
    #[inline]
    pub fn part(self, range: Range<usize>) -> Self {
        match self {
            Lanes::Each(all) => Lanes::Each(&all[range]),
            same @ Lanes::Same(_) => same,
        }
    }
}

/// The machines that have a use for a loop. It is compiled for these alone.
pub(crate) enum Machines {
    All,
    /// Those that multiply and add with one instruction.
    Fused,
    /// Those of them whose vectors have so many bytes.
    Vectors(usize),
}

impl Machines {
    /// Whether those that multiply and add vectors of so many bytes with one instruction, or, with 0 bytes, others, are among them.
    const fn include(&self, fused_bytes: usize) -> bool {
        match self {
            Machines::All => true,
            Machines::Fused => fused_bytes > 0,
            Machines::Vectors(bytes) => fused_bytes == *bytes,
        }
    }
}

/// A loop that is to run on the widest vectors there are.
pub(crate) trait Kernel {
    /// Where it is run.
    const MACHINES: Machines = Machines::All;

    /// What the loop finds, where it does not write it.
    type Output;

    /// The loop. Implementations are `#[inline(always)]`, and so is what they call in the loop: it is compiled for
    /// an instruction set where it is inlined into a function of that set, and nowhere else. `F` multiplies and adds there.
    fn run<F: MulAdd>(self) -> Self::Output;
}

/// Runs a kernel on the widest vectors that the machine has.
#[inline(always)] // or the kernel would be copied on its way, which for a short loop is work
pub(crate) fn widest<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        let vectors = Vectors::of_machine();
        // What a condition on constants excludes is not compiled.
        if const { K::MACHINES.include(64) } && matches!(vectors, Vectors::Avx512) {
            // SAFETY: the machine has the features, which is all that the function asks for.
            return unsafe { avx512(kernel) };
        }
        // Those of a machine with longer vectors, too.
        if const { K::MACHINES.include(32) } && !matches!(vectors, Vectors::Sse2) {
            // SAFETY: the machine has the features, which is all that the function asks for.
            return unsafe { avx2(kernel) };
        }
        if const { !K::MACHINES.include(0) } {
            unreachable!("a loop for other machines");
        }
    }
    kernel.run::<Baseline>()
}

/// The bytes of the vectors that the machine multiplies and adds with one instruction; 0 where there is none.
pub(super) fn fused_bytes() -> usize {
    #[cfg(target_arch = "x86_64")]
    match Vectors::of_machine() {
        Vectors::Avx512 => 64,
        Vectors::Avx2 => 32,
        Vectors::Sse2 => 0,
    }
    #[cfg(not(target_arch = "x86_64"))]
    if cfg!(target_arch = "aarch64") { 16 } else { 0 }
}

/// Whether loops for vectors of so many bytes, multiplied and added with one instruction, run here.
#[cfg(test)]
pub(super) fn runs(bytes: usize) -> bool {
    match cfg!(target_arch = "x86_64") {
        true => bytes <= fused_bytes(),
        false => true, // as others
    }
}

/// The vectors of a machine.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
enum Vectors {
    Sse2,
    Avx2,
    Avx512,
}

#[cfg(target_arch = "x86_64")]
impl Vectors {
    /// Found out once: asking for each feature takes as long as a short loop.
    #[inline]
    fn of_machine() -> Vectors {
        static FOUND: OnceLock<Vectors> = OnceLock::new();
        *FOUND.get_or_init(Vectors::find)
    }

    #[cold]
    fn find() -> Vectors {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw");
        match (avx2, avx512) {
            (true, true) => Vectors::Avx512,
            (true, false) => Vectors::Avx2,
            _ => Vectors::Sse2,
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,fma")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Hardware>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Hardware>()
}

/// The bytes that processors move between memory and caches at once.
pub(crate) const LINE: usize = 64;

/// Asks for so many lines that are soon read, or written, to be brought into the cache, without waiting for them. They need not
/// be there.
#[inline(always)]
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))] // there is nothing stable to ask with
pub(crate) fn fetch<T, const WRITE: bool>(start: *const T, lines: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_ET0, _MM_HINT_T0, _mm_prefetch};
        for at in 0..lines {
            let line = start.cast::<i8>().wrapping_add(at * LINE);
            if WRITE {
                // SAFETY: every machine has the instruction or ignores it, and it accesses nothing.
                unsafe { _mm_prefetch::<_MM_HINT_ET0>(line) };
            } else {
                // SAFETY: every machine has the instruction, and it accesses nothing.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
            }
        }
    }
}
