package bench;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;

import org.apache.kafka.common.Metric;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * Runs one workload in one instance and prints events as JSON lines, with the command line of the Rust program:
 * WORKLOAD [--mark RECORDS]... [--records RECORDS] KEY=VALUE...
 *
 * A mark is an event when so many records have been processed, those of internal topics included. It ends when it has
 * processed the last of --records; without that, when a line comes on its standard input.
 */
public final class Main {
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(60);
    private static final long CHECK_MS = 5;

    private final KafkaStreams streams;
    private final TreeSet<Long> marks = new TreeSet<>();
    private final AtomicBoolean hasFailed = new AtomicBoolean();
    private long records = Long.MAX_VALUE;
    private Metric processed;
    private boolean wasRunning;

    private Main(String[] arguments) {
        Properties settings = new Properties();
        for (int at = 1; at < arguments.length; at++) {
            switch (arguments[at]) {
                case "--mark" -> marks.add(Long.parseLong(arguments[++at]));
                case "--records" -> records = Long.parseLong(arguments[++at]);
                default -> {
                    String[] setting = arguments[at].split("=", 2);
                    settings.put(setting[0], setting[1]);
                }
            }
        }
        streams = new KafkaStreams(Topologies.of(arguments[0], settings), settings);
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        System.exit(new Main(arguments).run());
    }

    private int run() throws IOException, InterruptedException {
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            hasFailed.set(true);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        while (!hasFailed.get() && !isDone()) {
            Thread.sleep(CHECK_MS);
            report();
        }
        long count = processed();
        boolean isClosed = streams.close(CloseOptions.timeout(CLOSE_TIMEOUT)
            .withGroupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP));
        System.out.println(Usage.event("end", count));
        return hasFailed.get() || !isClosed ? 1 : 0;
    }

    private boolean isDone() throws IOException {
        return records == Long.MAX_VALUE ? System.in.available() > 0 : processed() >= records;
    }

    private void report() throws IOException {
        if (!wasRunning && streams.state() == KafkaStreams.State.RUNNING) {
            wasRunning = true;
            System.out.println(Usage.event("running", processed()));
        }
        while (!marks.isEmpty() && processed() >= marks.first()) {
            marks.pollFirst();
            System.out.println(Usage.event("mark", processed()));
        }
    }

    /** Records that the one stream thread took from its partitions so far, those of internal topics too. */
    private long processed() {
        if (processed == null) {
            processed = streams.metrics().entrySet().stream()
                .filter(metric -> metric.getKey().name().equals("process-total")
                    && metric.getKey().group().equals("stream-thread-metrics"))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElse(null);
        }
        return processed == null ? 0 : Math.round((Double) processed.metricValue());
    }
}
