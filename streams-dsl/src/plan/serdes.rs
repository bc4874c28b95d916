//! The source of an edge's serde.

use std::{
    any::{Any, type_name},
    sync::Arc,
};

use streams_core::{
    BoxError,
    serde::{Serde, SerdeRef, Serdes, Written, option},
};

/// Finds a serde among what is registered, or says which type has none.
type Find<T> = Arc<dyn Fn(&Serdes) -> Result<SerdeRef<T>, &'static str> + Send + Sync>;

/// Chooses the partition of a key among the given number.
pub(crate) type KeyPartitioner<T> = Arc<dyn Fn(&str, &T, i32) -> Option<i32> + Send + Sync>;

/// Makes a partitioner of what is registered.
type MakePartitioner<T> = Arc<dyn Fn(&Serdes) -> Option<KeyPartitioner<T>> + Send + Sync>;

/// The serde of an edge, as far as it is known before `build`: what was given explicitly, then what
/// comes from upstream; the one that is registered for the type is the last resort.
pub(crate) struct Slot<T> {
    candidates: Vec<Find<T>>,
    /// Maker of the partitioner, if the partition is not the hash of the key's bytes.
    partitioner: Option<MakePartitioner<T>>,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self { candidates: self.candidates.clone(), partitioner: self.partitioner.clone() }
    }
}

impl<T: 'static> Slot<T> {
    /// Nothing is known: only a registered serde can serve.
    pub(crate) const fn unknown() -> Self {
        Self { candidates: Vec::new(), partitioner: None }
    }

    /// The serde that the user gave, if any.
    pub(crate) fn given(serde: Option<SerdeRef<T>>) -> Self {
        let mut slot = Self::unknown();
        if let Some(serde) = serde {
            slot.candidates.push(Arc::new(move |_| Ok(serde.clone())));
        }
        slot
    }

    /// This slot, with another one to fall back on.
    pub(crate) fn or(mut self, other: &Self) -> Self {
        self.candidates.extend(other.candidates.iter().cloned());
        self.partitioner = self.partitioner.or_else(|| other.partitioner.clone());
        self
    }

    /// This slot as one of `U`, if that is `T` or an `Option` of it; else nothing is known.
    pub(crate) fn convert<U: 'static>(&self) -> Slot<U> {
        let same: &dyn Any = self;
        if let Some(same) = same.downcast_ref::<Slot<U>>() {
            return same.clone();
        }
        if self.candidates.is_empty() {
            return Slot::unknown();
        }
        let nullable: Box<dyn Any> = Box::new(self.map(option));
        nullable.downcast::<Slot<U>>().map_or_else(|_| Slot::unknown(), |slot| *slot)
    }

    /// A slot whose serde is made of this one's.
    pub(crate) fn map<U: 'static>(
        &self,
        make: impl Fn(SerdeRef<T>) -> SerdeRef<U> + Send + Sync + 'static,
    ) -> Slot<U> {
        let slot = self.clone();
        let find: Find<U> = Arc::new(move |serdes| slot.find(serdes).map(&make));
        Slot { candidates: vec![find], partitioner: None }
    }

    /// Chooses partitions by what `make` makes of this slot's serde, instead of the hash of all
    /// bytes.
    pub(crate) fn partitioned_by<U: 'static>(
        mut self,
        inner: &Slot<U>,
        make: impl Fn(SerdeRef<U>) -> KeyPartitioner<T> + Send + Sync + 'static,
    ) -> Self {
        let inner = inner.clone();
        self.partitioner = Some(Arc::new(move |serdes| inner.find(serdes).ok().map(&make)));
        self
    }

    /// The partitioner, where it is not the hash of the key's bytes.
    pub(crate) fn partitioner(&self, serdes: &Serdes) -> Option<KeyPartitioner<T>> {
        self.partitioner.as_ref().and_then(|make| make(serdes))
    }

    /// The serde, else the name of the type that has none.
    pub(crate) fn find(&self, serdes: &Serdes) -> Result<SerdeRef<T>, &'static str> {
        let mut missing = type_name::<T>();
        for candidate in &self.candidates {
            match candidate(serdes) {
                Ok(serde) => return Ok(serde),
                Err(inner) => missing = inner,
            }
        }
        serdes.get().ok_or(missing)
    }
}

/// Stands for a serde that is missing, while the rest of the topology is searched for mistakes.
pub(super) struct MissingSerde;

impl<T> Serde<T> for MissingSerde {
    fn serialize(&self, _: &str, _: &T, _: &mut Vec<u8>) -> Result<Written, BoxError> {
        Err("no serde was given".into())
    }

    fn deserialize(&self, _: &str, _: Option<&[u8]>) -> Result<T, BoxError> {
        Err("no serde was given".into())
    }
}

#[cfg(test)]
mod tests {
    use streams_core::serde::string;

    use super::*;

    struct Order;

    #[test]
    fn a_missing_serde_is_reported_as_the_innermost_type() {
        let orders: Slot<Option<Order>> = Slot::<Order>::unknown().map(option);
        let Err(missing) = orders.find(&Serdes::default()) else {
            panic!("there is no such serde")
        };
        assert!(missing.ends_with("::Order"), "{missing}");
    }

    #[test]
    fn a_serde_serves_the_option_of_its_type_too() {
        let given = Slot::given(Some(string()));
        let unregistered = Slot::<Order>::unknown().convert::<Option<Order>>();
        assert!(given.convert::<Option<String>>().candidates.len() == 1);
        assert!(given.convert::<i64>().candidates.is_empty());
        assert!(unregistered.find(&Serdes::default()).is_err());
    }

    #[test]
    fn what_was_given_goes_before_what_is_inherited_and_registered() {
        let given = string();
        let slot = Slot::given(Some(given.clone())).or(&Slot::given(Some(string())));
        let found = slot.find(&Serdes::default());
        assert!(found.is_ok_and(|found| Arc::ptr_eq(&found, &given)));
        assert!(Slot::<String>::unknown().find(&Serdes::default()).is_ok());
    }
}
