package smoke;

import java.time.Duration;
import java.util.Map;
import java.util.Set;

import org.apache.kafka.streams.tests.SmokeTestDriver;

/**
 * Kafka's driver with less to write than its own main has: Driver BOOTSTRAP GUARANTEE KEYS SECONDS
 *
 * What is written, how, and what must come of it is the driver's.
 */
public final class Driver {
    private static final int VALUES_PER_KEY = 1000;

    private Driver() {
    }

    public static void main(String[] arguments) {
        boolean exactlyOnce = arguments[1].equals("exactly_once_v2");
        int keys = Integer.parseInt(arguments[2]);
        Duration time = Duration.ofSeconds(Long.parseLong(arguments[3]));
        Map<String, Set<Integer>> written =
            SmokeTestDriver.generate(arguments[0], keys, VALUES_PER_KEY, time);
        SmokeTestDriver.verify(arguments[0], written, VALUES_PER_KEY, exactlyOnce);
    }
}
