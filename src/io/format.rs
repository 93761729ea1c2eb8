//! Values as the safetensors format has them, and numbers of its types.

use crate::{Scalar, Value};
use safetensors::tensor::{Dtype, View};
use std::borrow::Cow;

/// A value as the format sees it.
pub(super) struct Tensor<'a, T: Scalar>(pub &'a Value<T>);

impl<T: Scalar> View for Tensor<'_, T> {
    fn dtype(&self) -> Dtype {
        if T::NAME == "f64" { Dtype::F64 } else { Dtype::F32 }
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data_len(&self) -> usize {
        self.0.len() * size_of::<T>()
    }

    /// The elements in row-major order, each from its lowest byte to its highest.
    fn data(&self) -> Cow<'_, [u8]> {
        let data = self.0.data();
        let rows = data.as_standard_layout();
        let numbers = rows.as_slice().expect("row-major arrays are slices");
        let bytes = if T::NAME == "f64" {
            bytes_of(numbers, |x| x.as_f64().to_le_bytes())
        } else {
            bytes_of(numbers, |x| (x.as_f64() as f32).to_le_bytes())
        };
        Cow::Owned(bytes)
    }
}

fn bytes_of<T: Copy, const N: usize>(numbers: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    numbers.iter().map(|&x| bytes(x)).collect::<Vec<_>>().into_flattened()
}

/// The numbers of a type, or, where they are not all exact in `T`, what they are and what was expected.
pub(super) fn numbers<T: Scalar>(dtype: Dtype, bytes: &[u8]) -> Result<Vec<T>, (String, String)> {
    let exact = |integers: Vec<i128>| {
        // An integer of more digits than a number has is rounded.
        let inexact = integers.iter().find(|&&x| T::of(x as f64).as_f64() as i128 != x);
        match inexact {
            Some(x) => Err((format!("holds {x}"), format!("integers that {} can hold", T::NAME))),
            None => Ok(integers.into_iter().map(|x| T::of(x as f64)).collect()),
        }
    };
    match dtype {
        Dtype::F64 if T::NAME == "f64" => Ok(of(bytes, |x| T::of(f64::from_le_bytes(x)))),
        Dtype::F32 => Ok(of(bytes, |x| T::of(f32::from_le_bytes(x).into()))),
        Dtype::F16 => Ok(of(bytes, |x| T::of(half(u16::from_le_bytes(x))))),
        // The upper half of an f32.
        Dtype::BF16 => Ok(of(bytes, |[low, high]| T::of(f32::from_le_bytes([0, 0, low, high]).into()))),
        Dtype::BOOL | Dtype::U8 => exact(of(bytes, |[x]: [u8; 1]| x.into())),
        Dtype::I8 => exact(of(bytes, |x| i8::from_le_bytes(x).into())),
        Dtype::U16 => exact(of(bytes, |x| u16::from_le_bytes(x).into())),
        Dtype::I16 => exact(of(bytes, |x| i16::from_le_bytes(x).into())),
        Dtype::U32 => exact(of(bytes, |x| u32::from_le_bytes(x).into())),
        Dtype::I32 => exact(of(bytes, |x| i32::from_le_bytes(x).into())),
        Dtype::U64 => exact(of(bytes, |x| u64::from_le_bytes(x).into())),
        Dtype::I64 => exact(of(bytes, |x| i64::from_le_bytes(x).into())),
        other => {
            let expected = format!("a type that {} holds without loss", T::NAME);
            Err((format!("has elements of type {other}"), expected))
        }
    }
}

fn of<V, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> V) -> Vec<V> {
    bytes.as_chunks().0.iter().map(|&chunk| number(chunk)).collect()
}

/// The number with these bits in IEEE 754's binary16.
fn half(bits: u16) -> f64 {
    let (exponent, digits) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let magnitude = match exponent {
        0 => digits * 2.0_f64.powi(-24),
        31 if digits == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + digits) * 2.0_f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}
