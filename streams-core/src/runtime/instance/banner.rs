//! The line that an instance logs when it starts, with its identity and its surroundings.

use crate::config::ValidConfig;

/// Describes an instance with this configuration in the log.
pub(super) fn log_start(config: &ValidConfig) {
    tracing::info!(
        application_id = config.application_id(),
        version = env!("CARGO_PKG_VERSION"),
        guarantee = %config.processing_guarantee(),
        brokers = config.bootstrap_servers(),
        state_dir = %config.state_dir().display(),
        threads = config.num_stream_threads(),
        group_protocol = %config.group_protocol(),
        "starting"
    );
}

#[cfg(test)]
mod tests {
    use super::log_start;
    use crate::{config::StreamsConfig, testing::log_lines::lines_of};

    #[test]
    fn the_first_line_says_what_starts_where() {
        let config = StreamsConfig::new("orders", "one:9092,two:9092")
            .set("processing.guarantee", "exactly_once_v2")
            .set("group.protocol", "streams")
            .state_dir("/var/lib/orders")
            .num_stream_threads(4);
        let config = config.validate().unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!(
            "INFO application_id=\"orders\" version=\"{version}\" guarantee=exactly_once_v2 \
             brokers=\"one:9092,two:9092\" state_dir=/var/lib/orders threads=4 \
             group_protocol=streams starting"
        );
        assert_eq!(lines_of(|| log_start(&config)), [expected]);
    }
}
