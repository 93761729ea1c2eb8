//! The conformance suite on the backend that `autodiff::Value` uses.
#![allow(missing_docs)]

autodiff_core::conformance!(autodiff::DefaultBackend);
