package orders;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * Runs one instance until it is told to stop, or has been idle as long as --until-idle says. Each change of state is a
 * line on the standard output. It leaves the group when it closes, so that another instance need not wait for a time-out.
 */
public final class Main {
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(30);
    private static final long CHECK_MS = 100;

    private final KafkaStreams streams;
    private final CountDownLatch stopped = new CountDownLatch(1);

    private Main(KafkaStreams streams) {
        this.streams = streams;
    }

    public static void main(String[] arguments) throws InterruptedException {
        Options options;
        try {
            options = Options.parse(arguments);
        } catch (IllegalArgumentException error) {
            System.err.println("error: " + error.getMessage());
            System.exit(2);
            return;
        }
        Topology topology = OrdersTopology.build(options.minAmount);
        if (options.describe) {
            System.out.print(topology.describe());
            return;
        }
        System.exit(new Main(new KafkaStreams(topology, options.properties)).run(options.untilIdle));
    }

    private int run(Duration untilIdle) throws InterruptedException {
        streams.setStateListener((state, before) -> {
            System.out.println("state " + state);
            if (state == KafkaStreams.State.ERROR || state == KafkaStreams.State.NOT_RUNNING) {
                stopped.countDown();
            }
        });
        streams.setUncaughtExceptionHandler(error -> {
            System.err.println("error: " + error);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(this::close));
        streams.start();
        awaitEnd(untilIdle);
        boolean failed = streams.state() == KafkaStreams.State.ERROR;
        long processed = processed();
        boolean closed = close();
        System.out.println("processed " + processed);
        return failed || !closed ? 1 : 0;
    }

    private boolean close() {
        return streams.close(CloseOptions.timeout(CLOSE_TIMEOUT)
            .withGroupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP));
    }

    /** Waits for the end of the application, or until no record came for the given time while it was running. */
    private void awaitEnd(Duration untilIdle) throws InterruptedException {
        long seen = -1;
        long since = System.nanoTime();
        while (!stopped.await(CHECK_MS, TimeUnit.MILLISECONDS)) {
            long processed = processed();
            if (processed != seen || streams.state() != KafkaStreams.State.RUNNING) {
                seen = processed;
                since = System.nanoTime();
            } else if (untilIdle != null && System.nanoTime() - since >= untilIdle.toNanos()) {
                return;
            }
        }
    }

    /** Records that all tasks took from their partitions so far, those of internal topics too. */
    private long processed() {
        return streams.metrics().values().stream()
            .filter(metric -> metric.metricName().name().equals("process-total")
                && metric.metricName().group().equals("stream-thread-metrics"))
            .mapToLong(metric -> Math.round((Double) metric.metricValue()))
            .sum();
    }
}
