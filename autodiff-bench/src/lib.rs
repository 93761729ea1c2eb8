//! What is measured, and how.
//!
//! [`workloads`] defines each workload once, for every element type and backend: it makes its inputs when it is
//! built, and each call computes a number and differentiates it, as a user's program would. The criterion
//! benches run them on our backends; the program `compare` runs them on other engines too, and draws the
//! comparison.
#![deny(unsafe_code)] // not `forbid`, which ndarray's s![] does not pass

pub mod floors;
pub mod inputs;
pub mod measure;
pub mod workloads;
