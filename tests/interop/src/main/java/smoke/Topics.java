package smoke;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;
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
            create(admin, topics.stream().map(name -> new NewTopic(name, partitions, replicas)).toList());
        }
    }

    /** A topic that was just deleted may still be there for a moment, so each is tried on its own until it is new. */
    private static void create(Admin admin, List<NewTopic> topics) throws Exception {
        for (NewTopic topic : topics) {
            int tries = 0;
            while (!isCreated(admin, topic)) {
                tries++;
                if (tries == TRIES) {
                    throw new IllegalStateException("topic " + topic.name() + " stays although it was deleted");
                }
                Thread.sleep(PAUSE_MS);
            }
        }
    }

    private static boolean isCreated(Admin admin, NewTopic topic) throws Exception {
        try {
            admin.createTopics(List.of(topic)).all().get(1, TimeUnit.MINUTES);
            return true;
        } catch (ExecutionException error) {
            if (error.getCause() instanceof TopicExistsException) {
                return false;
            }
            throw error;
        }
    }
}
