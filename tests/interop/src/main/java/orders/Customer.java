package orders;

import java.math.BigDecimal;

import com.fasterxml.jackson.annotation.JsonProperty;

/** A customer: who, when they first bought something, and for how much. */
record Customer(
    @JsonProperty("customer_id") String customerId,
    @JsonProperty("first_purchase") String firstPurchase,
    @JsonProperty("first_amount") BigDecimal firstAmount) {
}
