package orders;

import java.math.BigDecimal;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * An order. A decimal number and a text, not a double and a date, so that what is written has the digits that were read.
 */
record Order(
    @JsonProperty("order_id") String orderId,
    @JsonProperty("customer_id") String customerId,
    @JsonProperty("amount") BigDecimal amount,
    @JsonProperty("items") long items,
    @JsonProperty("created_at") String createdAt) {
}
