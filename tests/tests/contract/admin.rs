//! Topics and offsets.

use streams_core::{
    ErrorKind, TopicPartition,
    client::IsolationLevel::{ReadCommitted, ReadUncommitted},
};

use crate::world::{append, eventually, everywhere, new_topic};

#[test]
fn a_topic_is_made_with_its_settings_and_described() {
    everywhere(|world| {
        let mut topic = new_topic(&world.unique("topic"), 3);
        topic.config.insert("cleanup.policy".to_owned(), "compact".to_owned());
        let mut admin = world.admin();
        admin.create_topics(&[topic.clone()]).wait().unwrap();
        let missing = world.unique("missing");
        // A broker may learn of a topic a moment after another has created it.
        let described = eventually("the description", || {
            let described = admin.describe_topics(&[&topic.name, &missing]).wait().unwrap();
            (!described.is_empty()).then_some(described)
        });
        assert_eq!(described.keys().collect::<Vec<_>>(), [&topic.name]);
        let description = &described[&topic.name];
        assert_eq!(description.partitions, 3);
        assert_eq!(description.config["cleanup.policy"], "compact");
    });
}

#[test]
fn a_topic_that_exists_is_left_as_it_is() {
    everywhere(|world| {
        let (old, new) = (world.topic(2), world.unique("new"));
        let mut admin = world.admin();
        admin.create_topics(&[new_topic(&old, 5), new_topic(&new, 1)]).wait().unwrap();
        let described = eventually("the description", || {
            let described = admin.describe_topics(&[&old, &new]).wait().unwrap();
            (described.len() == 2).then_some(described)
        });
        let partitions = |name: &String| described[name].partitions;
        assert_eq!((partitions(&old), partitions(&new)), (2, 1));
    });
}

#[test]
fn a_name_that_no_topic_can_have_is_refused() {
    everywhere(|world| {
        let error =
            world.admin().create_topics(&[new_topic("no topic/at all", 1)]).wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidTopic);
        assert!(error.to_string().contains("no topic/at all"), "{error}");
    });
}

#[test]
fn offsets_are_those_of_the_log_or_of_its_stable_part() {
    everywhere(|world| {
        let topic = world.topic(2);
        let [one, two] = [0, 1].map(|partition| TopicPartition::new(topic.clone(), partition));
        world.write(&one, &["a", "b"]);
        let mut producer = world.transactional(&world.unique("id"));
        producer.begin_transaction().unwrap();
        append(&mut *producer, &one, &["c"]);
        producer.flush().unwrap();
        let places = [one.clone(), two.clone()];
        let mut admin = world.admin();
        let earliest = admin.earliest_offsets(&places).all().wait().unwrap();
        assert_eq!((earliest[&one], earliest[&two]), (0, 0));
        let ends = admin.latest_offsets(&places, ReadUncommitted).all().wait().unwrap();
        assert_eq!((ends[&one], ends[&two]), (3, 0));
        let ends = admin.latest_offsets(&places, ReadCommitted).all().wait().unwrap();
        assert_eq!((ends[&one], ends[&two]), (2, 0));
        producer.commit_transaction().unwrap();
        eventually("the end of the transaction", || {
            let ends = admin.latest_offsets(&places, ReadCommitted).all().wait().unwrap();
            (ends[&one] == 4).then_some(())
        });
    });
}

#[test]
fn records_are_deleted_up_to_an_offset() {
    everywhere(|world| {
        let place = world.partition();
        world.write(&place, &["a", "b", "c"]);
        let mut admin = world.admin();
        admin.delete_records(&[(place.clone(), 2)]).wait().unwrap();
        let places = [place.clone()];
        assert_eq!(admin.earliest_offsets(&places).all().wait().unwrap()[&place], 2);
        assert_eq!(admin.latest_offsets(&places, ReadUncommitted).all().wait().unwrap()[&place], 3);
        // A second call does no harm.
        admin.delete_records(&[(place.clone(), 1)]).wait().unwrap();
        assert_eq!(admin.earliest_offsets(&places).all().wait().unwrap()[&place], 2);
    });
}

#[test]
fn a_partition_that_does_not_exist_has_no_offsets_and_keeps_nothing_back_of_others() {
    everywhere(|world| {
        let mut admin = world.admin();
        let there = world.partition();
        let beyond = TopicPartition::new(there.topic.clone(), 1);
        let nowhere = TopicPartition::new(world.unique("nowhere"), 0);
        for place in [beyond, nowhere] {
            let places = [there.clone(), place.clone()];
            for found in
                [admin.earliest_offsets(&places), admin.latest_offsets(&places, ReadUncommitted)]
            {
                let mut found = found.wait().unwrap();
                assert_eq!(found.remove(&there).unwrap().unwrap(), 0);
                let error = found.remove(&place).unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidTopic, "{place}");
            }
            let refused = admin.delete_records(&[(place.clone(), 0)]).wait().unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidTopic, "{place}");
        }
    });
}

#[test]
fn an_answer_wakes_the_one_who_asks_for_it() {
    everywhere(|world| {
        let mut admin = world.admin();
        let places = [world.partition()];
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // The driver of the future sleeps until it is woken.
        let offsets = runtime.block_on(admin.latest_offsets(&places, ReadUncommitted));
        assert_eq!(*offsets.unwrap()[&places[0]].as_ref().unwrap(), 0);
    });
}
