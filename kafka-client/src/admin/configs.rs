//! Settings of topics.

use std::collections::BTreeMap;

use kafka_protocol::{
    messages::{
        DescribeConfigsRequest, DescribeConfigsResponse,
        describe_configs_request::DescribeConfigsResource,
    },
    protocol::StrBytes,
};

use crate::{Client, Result, error::check_code};

/// Kafka's resource type of a topic.
const TOPIC: i8 = 2;
/// Kafka's configuration source of a topic's own settings.
const DYNAMIC_TOPIC_CONFIG: i8 = 1;

impl Client {
    /// The own settings of each topic; defaults of the cluster are left out.
    pub(super) async fn topic_configs(
        &self,
        topics: &[&str],
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
        let resource = |name: &&str| {
            DescribeConfigsResource::default()
                .with_resource_type(TOPIC)
                .with_resource_name(StrBytes::from_string((*name).to_owned()))
                .with_configuration_keys(None)
        };
        let request =
            DescribeConfigsRequest::default().with_resources(topics.iter().map(resource).collect());
        let answer: DescribeConfigsResponse = self.call_any(request).await?;
        let mut found = BTreeMap::new();
        for result in answer.results {
            let name = result.resource_name.to_string();
            let context = format_args!("DescribeConfigs of topic {name}");
            check_code(result.error_code, context, result.error_message.as_deref())?;
            let settings = result
                .configs
                .into_iter()
                .filter(|setting| setting.config_source == DYNAMIC_TOPIC_CONFIG)
                // A sensitive setting has no readable value.
                .filter_map(|setting| Some((setting.name.to_string(), setting.value?.to_string())));
            found.insert(name, settings.collect());
        }
        Ok(found)
    }
}
