//! Settings from the command line.

use std::path::Path;

use streams_core::config::StreamsConfig;

use crate::{Failure, args::SettingsArgs};

/// The configuration of `application_id` on the cluster, with the settings of the command line;
/// single settings override those of the file.
pub(super) fn config(
    application_id: &str,
    bootstrap_server: &str,
    settings: &SettingsArgs,
) -> Result<StreamsConfig, Failure> {
    let mut config = StreamsConfig::new(application_id, bootstrap_server);
    if let Some(file) = &settings.config_file {
        for (name, value) in read(file)? {
            config = config.set(name, value);
        }
    }
    for (name, value) in &settings.config {
        config = config.set(name.as_str(), value.as_str());
    }
    Ok(config)
}

fn read(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|cause| format!("the settings in {shown} can't be read: {cause}"))?;
    let lines = text.lines().map(str::trim).zip(1..);
    let lines = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(line, number)| {
            let (name, value) = line
                .split_once('=')
                .ok_or_else(|| format!("{shown}:{number}: expected NAME=VALUE, found {line:?}"))?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}
