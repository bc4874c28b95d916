package smoke;

import java.time.Duration;
import java.time.Instant;

import org.apache.kafka.streams.tests.RelationalSmokeTest;

/**
 * Kafka's relational driver with less to write than its own main has: RelationalDriver BOOTSTRAP ARTICLES SECONDS
 *
 * Ten comments an article, as there. What is written, how, and what must come of it is the driver's. Its own main tells
 * its verdict in a line of its log; this one prints it.
 */
public final class RelationalDriver {
    private static final int COMMENTS_PER_ARTICLE = 10;
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private RelationalDriver() {
    }

    public static void main(String[] arguments) throws InterruptedException {
        int articles = Integer.parseInt(arguments[1]);
        Duration time = Duration.ofSeconds(Long.parseLong(arguments[2]));
        RelationalSmokeTest.DataSet written =
            RelationalSmokeTest.DataSet.generate(articles, articles * COMMENTS_PER_ARTICLE);
        written.produce(arguments[0], time);
        boolean passed = RelationalSmokeTest.App.verifySync(arguments[0], Instant.now().plus(PATIENCE));
        System.out.println(passed ? "SUCCESS" : "FAILURE");
    }
}
