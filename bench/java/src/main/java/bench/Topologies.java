package bench;

import java.math.BigDecimal;
import java.time.Duration;
import java.util.Properties;

import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;

import orders.OrdersTopology;

/** The topology of each workload; bench/workload/topologies.rs has the same ones in Rust. */
final class Topologies {
    private static final Serde<String> STRING = Serdes.String();
    private static final Serde<Long> LONG = Serdes.Long();
    private static final Duration HOUR = Duration.ofHours(1);
    private static final Duration TEN_SECONDS = Duration.ofSeconds(10);
    private static final int GROUP_LENGTH = 8;

    private Topologies() {
    }

    static Topology of(String workload, Properties settings) {
        if (workload.equals("W1")) {
            return OrdersTopology.build(new BigDecimal("50"));
        }
        StreamsBuilder builder = new StreamsBuilder();
        switch (workload) {
            case "N2" -> texts(builder).filter((key, value) -> value.isEmpty()).to("out", strings());
            case "N1" -> texts(builder).mapValues(value -> value + "!").to("out", strings());
            case "LAT" -> stream(builder, "ticks").mapValues(value -> value + "!").to("out", strings());
            case "W1k" -> texts(builder).groupByKey(grouped()).count(Materialized.as("counts")).toStream()
                .to("out", Produced.with(STRING, LONG));
            case "W1g" -> texts(builder).groupBy((key, value) -> value.substring(0, GROUP_LENGTH), grouped())
                .count(Materialized.as("counts")).toStream().to("out", Produced.with(STRING, LONG));
            case "W1j" -> texts(builder).join(table(builder, "people", "people"), (value, person) -> person + value, joined())
                .to("out", strings());
            case "WIN" -> windowedCount(builder, "texts", TimeWindows.ofSizeWithNoGrace(HOUR));
            case "HOP" -> windowedCount(builder, "few-texts",
                TimeWindows.ofSizeWithNoGrace(TEN_SECONDS).advanceBy(Duration.ofSeconds(1)));
            case "SSJ" -> streamStreamJoin(builder);
            case "LS" -> stream(builder, "rows").groupByKey(grouped())
                .reduce((before, value) -> value, Materialized.as("rows"));
            case "RST" -> stream(builder, "probe").join(table(builder, "rows-table", "rows"), (value, row) -> row, joined())
                .to("out", strings());
            default -> throw new IllegalArgumentException("no workload is called " + workload);
        }
        return builder.build(settings);
    }

    private static KStream<String, String> stream(StreamsBuilder builder, String topic) {
        return builder.stream(topic, Consumed.with(STRING, STRING));
    }

    private static KStream<String, String> texts(StreamsBuilder builder) {
        return stream(builder, "texts");
    }

    private static KTable<String, String> table(StreamsBuilder builder, String topic, String store) {
        return builder.table(topic, Consumed.with(STRING, STRING), Materialized.as(store));
    }

    private static void windowedCount(StreamsBuilder builder, String topic, TimeWindows windows) {
        stream(builder, topic).groupByKey(grouped()).windowedBy(windows).count(Materialized.as("counts")).toStream()
            .to("out", Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, windows.sizeMs), LONG));
    }

    private static void streamStreamJoin(StreamsBuilder builder) {
        JoinWindows windows = JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofMillis(500));
        stream(builder, "left")
            .join(stream(builder, "right"), (left, right) -> left + right, windows, StreamJoined.with(STRING, STRING, STRING))
            .to("out", strings());
    }

    private static Grouped<String, String> grouped() {
        return Grouped.with(STRING, STRING);
    }

    private static Joined<String, String, String> joined() {
        return Joined.with(STRING, STRING, STRING);
    }

    private static Produced<String, String> strings() {
        return Produced.with(STRING, STRING);
    }
}
