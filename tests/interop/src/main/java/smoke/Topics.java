package smoke;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicListing;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.TopicExistsException;

/**
 * Creates topics anew: Topics BOOTSTRAP PARTITIONS REPLICAS PREFIX TOPIC …
 *
 * What is there of them is deleted first, and so are all topics whose names begin with PREFIX, an application's internal
 * ones. The offsets that a group committed go with their topics.
 */
public final class Topics {
    private static final int TRIES = 100;
    private static final long PAUSE_MS = 100;

    private Topics() {
    }

    public static void main(String[] arguments) throws Exception {
        int partitions = Integer.parseInt(arguments[1]);
        short replicas = Short.parseShort(arguments[2]);
        String prefix = arguments[3];
        Set<String> topics = Set.copyOf(List.of(arguments).subList(4, arguments.length));
        try (Admin admin = Admin.create(Map.of(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]))) {
            Set<String> old = admin.listTopics().names().get(1, TimeUnit.MINUTES).stream()
                .filter(name -> topics.contains(name) || name.startsWith(prefix))
                .collect(Collectors.toSet());
            admin.deleteTopics(old).all().get(1, TimeUnit.MINUTES);
            awaitAll(admin, create(admin, topics.stream().map(name -> new NewTopic(name, partitions, replicas)).toList()));
        }
    }

    /** A topic that was just deleted may still be there for a moment, so each is tried on its own until it is new. */
    private static Set<Uuid> create(Admin admin, List<NewTopic> topics) throws Exception {
        Set<Uuid> ids = new HashSet<>();
        for (NewTopic topic : topics) {
            Optional<Uuid> id = Optional.empty();
            for (int tries = 0; id.isEmpty(); tries++) {
                if (tries == TRIES) {
                    throw new IllegalStateException("topic " + topic.name() + " stays although it was deleted");
                }
                if (tries > 0) {
                    Thread.sleep(PAUSE_MS);
                }
                id = created(admin, topic);
            }
            ids.add(id.get());
        }
        return ids;
    }

    /** The controller has the topics before the broker that an application asks, which may still have the old ones. */
    private static void awaitAll(Admin admin, Set<Uuid> ids) throws Exception {
        for (int tries = 0; tries < TRIES; tries++) {
            Set<Uuid> there = admin.listTopics().listings().get(1, TimeUnit.MINUTES).stream()
                .map(TopicListing::topicId)
                .collect(Collectors.toSet());
            if (there.containsAll(ids)) {
                return;
            }
            Thread.sleep(PAUSE_MS);
        }
        throw new IllegalStateException("the broker does not have all topics although they were created");
    }

    /** The topic's id, or nothing if there is one of that name. */
    private static Optional<Uuid> created(Admin admin, NewTopic topic) throws Exception {
        try {
            return Optional.of(admin.createTopics(List.of(topic)).topicId(topic.name()).get(1, TimeUnit.MINUTES));
        } catch (ExecutionException error) {
            if (error.getCause() instanceof TopicExistsException) {
                return Optional.empty();
            }
            throw error;
        }
    }
}
