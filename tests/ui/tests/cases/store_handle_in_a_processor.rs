use streams_dsl::prelude::*;

struct Counter(StoreHandle<KeyValueStore<String, i64>>);

impl Processor<String, i64, String, i64> for Counter {
    fn process(&mut self, record: Record<'_, String, i64>, context: &mut Context<'_, String, i64>) -> Result<(), BoxError> {
        Ok(context.store(self.0)?.put(record.key, Some(*record.value))?)
    }
}

fn main() {}
