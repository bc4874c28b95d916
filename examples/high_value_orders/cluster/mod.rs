//! The application on a real cluster, with separate commands for feeding, running and checking.

mod dead_letters;
mod feed;
mod reader;
mod run;
mod settings;
mod verify;

pub(crate) use self::{dead_letters::dead_letters, feed::feed, run::run, verify::verify};
