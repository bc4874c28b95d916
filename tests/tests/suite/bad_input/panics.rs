//! User code that panics.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use streams_core::{
    BoxError, ErrorKind, KafkaStreams,
    runtime::{State, UncaughtExceptionResponse},
};

use super::{
    GUARANTEES, assert_says, failure, feed, in_memory, one_partition, start, summing_topology, sums,
};
use crate::harness::{PATIENCE, last_counts, processed};

/// The value of the record at which user code panics.
const BAD: i64 = -5;

/// Panics at [`BAD`] while `panics` is set.
fn panic_while(panics: Arc<AtomicBool>) -> impl Fn(i64) -> Result<i64, BoxError> + Send + Sync {
    move |value| {
        assert!(value != BAD || !panics.load(Ordering::SeqCst), "no order costs {value}");
        Ok(value)
    }
}

fn expected() -> std::collections::BTreeMap<String, i64> {
    let mut expected = sums();
    expected.insert("bad".to_owned(), BAD);
    expected
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_panicked_is_replaced_and_processes_the_record_again() {
    for guarantee in GUARANTEES {
        let cluster = one_partition();
        feed(&cluster, &BAD.to_be_bytes());
        let panics = Arc::new(AtomicBool::new(true));
        let topology = summing_topology(panic_while(panics.clone()));
        let instance =
            KafkaStreams::with_client_supplier(topology, in_memory(guarantee), cluster.clone())
                .unwrap();
        let asked = Arc::new(AtomicU32::new(0));
        instance.on_uncaught_exception({
            let asked = asked.clone();
            move |error| {
                assert_eq!(error.kind(), ErrorKind::Panic);
                let place = "task 0_0 at in-0@123: user code panicked: no order costs -5";
                assert_says(error, &[place]);
                asked.fetch_add(1, Ordering::SeqCst);
                panics.store(false, Ordering::SeqCst);
                UncaughtExceptionResponse::ReplaceThread
            }
        });
        instance.start().await.unwrap();
        processed(&cluster, &["in"], &[&instance]).await;
        instance.close(PATIENCE).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert_eq!(last_counts(&cluster, "out"), expected(), "{guarantee:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_panicked_is_closed_and_another_takes_over_at_once() {
    for guarantee in GUARANTEES {
        let cluster = one_partition();
        feed(&cluster, &BAD.to_be_bytes());
        let topology = summing_topology(panic_while(Arc::new(AtomicBool::new(true))));
        let first =
            KafkaStreams::with_client_supplier(topology, in_memory(guarantee), cluster.clone())
                .unwrap();
        first.on_uncaught_exception(|_| UncaughtExceptionResponse::ShutdownClient);
        first.start().await.unwrap();
        let error = failure(&first).await;
        assert_eq!((error.kind(), first.state()), (ErrorKind::Panic, State::NotRunning));

        let second = start(summing_topology(Ok), in_memory(guarantee), &cluster).await;
        processed(&cluster, &["in"], &[&second]).await;
        second.close(PATIENCE).await.unwrap();
        assert_eq!(last_counts(&cluster, "out"), expected(), "{guarantee:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uncaught_exception_handler_that_panics_closes_the_instance() {
    let cluster = one_partition();
    feed(&cluster, &BAD.to_be_bytes());
    let topology = summing_topology(panic_while(Arc::new(AtomicBool::new(true))));
    let instance =
        KafkaStreams::with_client_supplier(topology, in_memory(GUARANTEES[0]), cluster.clone())
            .unwrap();
    instance.on_uncaught_exception(|_| panic!("the handler has a bug too"));
    instance.start().await.unwrap();
    assert_says(&failure(&instance).await, &["in-0@123: user code panicked: no order costs -5"]);
}
