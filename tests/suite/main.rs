//! The suite, on the default backend. What belongs to the process, and what examples read, has programs of its own beside it.

#[macro_use]
mod common;
mod branches;
mod convolution;
mod costs;
mod custom;
mod elementwise;
mod forward;
mod fusion;
mod graph;
mod io;
mod layers;
mod linalg;
mod literals;
mod losses;
mod misuse;
mod numerics;
mod picture;
mod products;
mod reductions;
mod reference;
mod shapes;
mod threads;
mod training;
mod transforms;
