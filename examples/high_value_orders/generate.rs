//! Made-up orders, for runs with more of them than the example's file holds.
//!
//! They resemble a shop's: few customers order often and most order rarely, most amounts are small,
//! and time advances evenly. They do not model any real shop.
//!
//! Invariant: the same count and seed give the same orders, sorted by time.

use std::time::Duration;

use chrono::DateTime;

use crate::input::Order;

/// 2024-01-01T00:00:00Z.
const START_SECONDS: u64 = 1_704_067_200;
/// Two years of 365 days.
const SPAN_SECONDS: u64 = 2 * 365 * 24 * 60 * 60;
/// Half of the orders cost less than this, in dollars.
const MEDIAN_AMOUNT: f64 = 50.0;
/// Spread of the logarithm of the amounts: about one order in a hundred is above 1000 dollars.
const SPREAD: f64 = 1.3;
/// The most items of an order.
const ITEMS_MAX: u32 = 9;

/// Makes `count` orders of about a third as many customers, spread over two years, by time.
///
/// The busiest customer is `00001`.
pub(crate) fn generate(count: u32, seed: u64) -> impl Iterator<Item = Order> {
    let mut random = SplitMix64 { state: seed };
    // The draw leaves about one customer in seven of those it may choose from without an order.
    let customers = (count / 8 * 3).max(1);
    let slot = move |number: u32| {
        u64::from(number) * SPAN_SECONDS / u64::from(count.max(1)) + START_SECONDS
    };
    (0..count).map(move |number| {
        let (from, to) = (slot(number), slot(number + 1));
        let at_seconds = from + random.next_u64() % (to - from).max(1);
        Order {
            order_id: format!("order-{:05}", u64::from(number) + 1),
            customer_id: format!("{:05}", u64::from(random.skewed(customers)) + 1),
            amount: random.amount(),
            items: random.skewed(ITEMS_MAX) + 1,
            created_at: DateTime::UNIX_EPOCH + Duration::from_secs(at_seconds),
        }
    })
}

/// The generator of Steele, Lea and Flood ("Fast splittable pseudorandom number generators", 2014):
/// one word of state, good enough for an example, and the same on every machine.
struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    /// A number below `bound`, small ones more often: the square of an even draw from [0, 1),
    /// scaled.
    fn skewed(&mut self, bound: u32) -> u32 {
        let even = u64::from(self.next_u32());
        let squared = (even * even) >> 32;
        ((squared * u64::from(bound)) >> 32) as u32
    }

    /// Close enough to normal with mean 0 and variance 1: twelve even draws from [0, 1), less their
    /// mean.
    fn normal(&mut self) -> f64 {
        let sum: f64 = (0..12).map(|_| f64::from(self.next_u32()) / f64::from(u32::MAX)).sum();
        sum - 6.0
    }

    /// An amount in whole cents, log-normal.
    fn amount(&mut self) -> f64 {
        let dollars = MEDIAN_AMOUNT * (SPREAD * self.normal()).exp();
        (dollars * 100.0).round() / 100.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_generator_draws_the_numbers_of_the_reference_implementation() {
        let mut random = SplitMix64 { state: 1_234_567 };
        let drawn: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
        assert_eq!(
            drawn,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_orders_and_another_one_others() {
        let orders = |seed| generate(1_000, seed).collect::<Vec<_>>();
        assert_eq!(orders(7), orders(7));
        assert_ne!(orders(7), orders(8));
    }

    #[test]
    fn orders_leave_sorted_by_time_and_cover_two_years() {
        let orders: Vec<Order> = generate(10_000, 1).collect();
        assert!(orders.is_sorted_by_key(|order| order.created_at));
        let days = (orders[9_999].created_at - orders[0].created_at).num_days();
        assert!((728..=730).contains(&days), "{days}");
        assert_eq!(orders[0].created_at.to_rfc3339()[..10], *"2024-01-01");
    }

    #[test]
    fn a_third_as_many_customers_share_the_orders_unevenly() {
        let mut orders_by_customer = HashMap::new();
        for order in generate(30_000, 1) {
            *orders_by_customer.entry(order.customer_id).or_insert(0) += 1;
        }
        let customers = orders_by_customer.len();
        assert!((9_000..11_000).contains(&customers), "{customers}");
        let busiest = orders_by_customer.values().max().unwrap();
        assert_eq!(orders_by_customer["00001"], *busiest);
        assert!(*busiest > 100, "{busiest}");
    }

    #[test]
    fn one_order_in_a_hundred_is_above_1000_and_all_are_whole_cents() {
        let amounts: Vec<f64> = generate(100_000, 1).map(|order| order.amount).collect();
        let high = amounts.iter().filter(|amount| **amount > 1000.0).count();
        assert!((800..1_200).contains(&high), "{high}");
        assert!(amounts.iter().all(|amount| *amount >= 0.0));
        assert!(amounts.iter().all(|amount| format!("{amount:.2}").parse() == Ok(*amount)));
    }

    #[test]
    fn no_order_and_one_order_are_counts_like_others() {
        assert_eq!(generate(0, 1).count(), 0);
        assert_eq!(generate(1, 1).map(|order| order.customer_id).collect::<Vec<_>>(), ["00001"]);
    }
}
