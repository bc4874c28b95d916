//! `split`: Java's `KStreamBranch`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

/// The predicate of one branch.
pub(crate) type BranchPredicate<K, V> = Arc<dyn Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync>;

/// A predicate and the child that gets the records for which it holds.
type PredicateAndChild<K, V> = (BranchPredicate<K, V>, Arc<str>);

/// Forwards each record to one child: that of the first branch whose predicate holds, else the
/// default one. Without a default the record ends there; that is not counted as dropped. Children
/// go by their names, and each of them is a node of its own below this one.
pub(crate) fn branch<K: 'static, V: 'static>(
    branches: Vec<(BranchPredicate<K, V>, Arc<str>)>,
    default: Option<Arc<str>>,
) -> impl Fn() -> Branch<K, V> + Send + Sync {
    let branches: Arc<[_]> = branches.into();
    move || Branch { branches: branches.clone(), default: default.clone() }
}

pub(crate) struct Branch<K, V> {
    branches: Arc<[PredicateAndChild<K, V>]>,
    default: Option<Arc<str>>,
}

impl<K, V> Processor<K, V, K, V> for Branch<K, V> {
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V>,
    ) -> Result<(), BoxError> {
        for (predicate, child) in &*self.branches {
            if predicate(record.key, record.value)? {
                context.forward_to(child, record)?;
                return Ok(());
            }
        }
        if let Some(child) = &self.default {
            context.forward_to(child, record)?;
        }
        Ok(())
    }
}
