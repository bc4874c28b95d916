package orders;

import java.math.BigDecimal;

import com.fasterxml.jackson.annotation.JsonProperty;

/** An order beside what was known of its customer. */
record EnrichedOrder(
    @JsonProperty("order_id") String orderId,
    @JsonProperty("customer_id") String customerId,
    @JsonProperty("amount") BigDecimal amount,
    @JsonProperty("items") long items,
    @JsonProperty("created_at") String createdAt,
    @JsonProperty("customer") Customer customer) {

    EnrichedOrder(Order order, Customer customer) {
        this(order.orderId(), order.customerId(), order.amount(), order.items(), order.createdAt(), customer);
    }
}
