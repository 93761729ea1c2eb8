//! The suite that every backend passes.
#![allow(missing_docs)]

autodiff_core::conformance!(autodiff_core::Native);
