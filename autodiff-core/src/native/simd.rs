//! Loops compiled for wider vectors than the target's baseline, chosen when the program runs.
//!
//! The baseline of x86-64 is SSE2, two `f64` at a time, which most machines exceed; on AArch64 it is NEON, which is
//! all there is. A [`Kernel`] is compiled once for each instruction set and runs on the widest the machine has. The
//! results have the same bits on all of them: a kernel is made of IEEE operations, which vectorisation does not
//! reorder, fused multiply-adds among them, which machines without the instruction emulate.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::math::Hardware;
use super::math::{Baseline, MulAdd};
#[cfg(target_arch = "x86_64")]
use std::sync::OnceLock;

/// An operand of a block: its elements, or one number that stands for all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lanes<'a, T> {
    /// An element for each of the block.
    Each(&'a [T]),
    /// The same number everywhere.
    Same(T),
}

/// A loop that is to run on the widest vectors there are.
pub(crate) trait Kernel {
    /// What the loop finds, where it does not write it.
    type Output;

    /// The loop. Implementations are `#[inline(always)]`, and so is what they call in the loop: it is compiled for
    /// an instruction set where it is inlined into a function of that set, and nowhere else. `F` multiplies and adds there.
    fn run<F: MulAdd>(self) -> Self::Output;
}

/// Runs a kernel on the widest vectors that the machine has.
#[inline]
pub(crate) fn widest<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    match vectors() {
        // SAFETY: the machine has the features, which is all that the function asks for.
        Vectors::Avx512 => return unsafe { avx512(kernel) },
        // SAFETY: the machine has the features, which is all that the function asks for.
        Vectors::Avx2 => return unsafe { avx2(kernel) },
        Vectors::Baseline => {}
    }
    kernel.run::<Baseline>()
}

#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
enum Vectors {
    Avx512,
    Avx2,
    Baseline,
}

/// The widest vectors that the machine has, asked for once: a kernel of a few numbers takes no longer than the questions.
#[cfg(target_arch = "x86_64")]
#[inline]
fn vectors() -> Vectors {
    static VECTORS: OnceLock<Vectors> = OnceLock::new();
    *VECTORS.get_or_init(|| {
        if has_avx512() {
            Vectors::Avx512
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            Vectors::Avx2
        } else {
            Vectors::Baseline
        }
    })
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("fma")
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
