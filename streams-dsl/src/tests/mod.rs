//! What topologies come of the DSL, and what is said of mistakes.

mod describe;
mod global_tables;
mod mistakes;
mod variants;
