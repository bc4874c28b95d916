//! The application on a real cluster, where feeding, running and checking are apart.

mod feed;
mod run;
mod settings;
mod verify;

pub(crate) use self::{feed::feed, run::run, verify::verify};
