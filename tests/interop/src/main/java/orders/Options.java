package orders;

import java.math.BigDecimal;
import java.time.Duration;
import java.util.Properties;

import org.apache.kafka.streams.StreamsConfig;

/**
 * The command line: --describe, or the options that the command `run` of the Rust program has, by the same names.
 */
final class Options {
    final Properties properties = new Properties();
    BigDecimal minAmount = new BigDecimal("1000");
    Duration untilIdle;
    boolean describe;

    static Options parse(String[] arguments) {
        Options options = new Options();
        options.set(StreamsConfig.APPLICATION_ID_CONFIG, "high-value-orders");
        for (int index = 0; index < arguments.length; index++) {
            String name = arguments[index];
            if (name.equals("--describe")) {
                options.describe = true;
                continue;
            }
            index++;
            if (index == arguments.length) {
                throw new IllegalArgumentException(name + " needs a value");
            }
            options.take(name, arguments[index]);
        }
        return options;
    }

    private void take(String name, String value) {
        switch (name) {
            case "--bootstrap-server" -> set(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, value);
            case "--application-id" -> set(StreamsConfig.APPLICATION_ID_CONFIG, value);
            case "--state-dir" -> set(StreamsConfig.STATE_DIR_CONFIG, value);
            case "--threads" -> set(StreamsConfig.NUM_STREAM_THREADS_CONFIG, value);
            case "--standbys" -> set(StreamsConfig.NUM_STANDBY_REPLICAS_CONFIG, value);
            case "--guarantee" -> set(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee(value));
            case "--min-amount" -> minAmount = new BigDecimal(value);
            case "--until-idle" -> untilIdle = Duration.ofMillis(Math.round(1000 * Double.parseDouble(value)));
            case "--config" -> {
                String[] parts = value.split("=", 2);
                if (parts.length < 2) {
                    throw new IllegalArgumentException("--config " + value + " is not NAME=VALUE");
                }
                set(parts[0], parts[1]);
            }
            default -> throw new IllegalArgumentException("unknown option " + name);
        }
    }

    private void set(String name, String value) {
        properties.setProperty(name, value);
    }

    private static String guarantee(String value) {
        return switch (value) {
            case "at-least-once" -> StreamsConfig.AT_LEAST_ONCE;
            case "exactly-once" -> StreamsConfig.EXACTLY_ONCE_V2;
            default -> throw new IllegalArgumentException("--guarantee is at-least-once or exactly-once, not " + value);
        };
    }
}
