#![doc = include_str!("../../OPERATIONS.md")]

#[cfg(test)]
mod accuracy;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
