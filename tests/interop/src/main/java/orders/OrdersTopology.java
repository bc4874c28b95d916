package orders;

import java.math.BigDecimal;
import java.time.Duration;

import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;

/** The topology of the example high-value-orders, operator by operator, with the same names. */
public final class OrdersTopology {
    private static final Serde<String> STRING = Serdes.String();
    private static final Serde<Long> LONG = Serdes.Long();
    private static final Serde<Order> ORDER = new JsonSerde<>(Order.class);
    private static final Serde<Customer> CUSTOMER = new JsonSerde<>(Customer.class);
    private static final Serde<EnrichedOrder> ENRICHED_ORDER = new JsonSerde<>(EnrichedOrder.class);
    private static final Duration HOUR = Duration.ofHours(1);

    private OrdersTopology() {
    }

    public static Topology build(BigDecimal minAmount) {
        StreamsBuilder builder = new StreamsBuilder();

        KStream<String, Order> orders = builder.stream("orders", Consumed.with(STRING, ORDER));
        orders.filter((id, order) -> order.amount().compareTo(minAmount) > 0)
            .to("high-value-orders", Produced.with(STRING, ORDER));

        orders.groupBy((id, order) -> order.customerId(), Grouped.with(STRING, ORDER))
            .count(Materialized.as("orders-per-customer"))
            .toStream()
            .to("orders-per-customer", Produced.with(STRING, LONG));

        KTable<String, Customer> customers = builder.table("customers", Consumed.with(STRING, CUSTOMER));
        orders.join(customers, EnrichedOrder::new, Joined.with(STRING, ORDER, CUSTOMER))
            .to("enriched-orders", Produced.with(STRING, ENRICHED_ORDER));

        orders.groupByKey(Grouped.with(STRING, ORDER))
            .windowedBy(TimeWindows.ofSizeWithNoGrace(HOUR))
            .count(Materialized.as("orders-per-hour"))
            .toStream()
            .to("orders-per-hour",
                Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, HOUR.toMillis()), LONG));

        return builder.build();
    }
}
