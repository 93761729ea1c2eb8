//! Inputs that every peer can make for itself, bit by bit the same, in any language.

use autodiff_core::Scalar;
use ndarray::{ArrayD, IxDyn};

/// Uniform numbers with mean 0 and standard deviation 1/2: element `i` is the `i`-th output of SplitMix64
/// (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014) from a state that `salt` sets.
///
/// They are made in `f64`, and rounded to `T`.
pub fn array<T: Scalar>(shape: &[usize], salt: u64) -> ArrayD<T> {
    let mut state = salt.wrapping_mul(0xD1B5_4A32_D192_ED03);
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let unit = ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
        T::of((unit - 0.5) * 3f64.sqrt())
    })
}
