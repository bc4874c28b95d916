//! The application on a real cluster, where feeding, running and checking are apart.

mod dead_letters;
mod feed;
mod reader;
mod run;
mod settings;
mod verify;

pub(crate) use self::{dead_letters::dead_letters, feed::feed, run::run, verify::verify};
