//! Default serdes by type.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::Arc,
};

use super::{SerdeRef, boolean, bytes, double, float, integer, long, option, short, string, unit};

/// The default serde of each type, in place of Java's `default.key.serde` and
/// `default.value.serde`.
///
/// Registered initially, each also as an `Option`: `String`, `Vec<u8>`, `i16`, `i32`, `i64`, `f32`,
/// `f64`, `bool`, `Uuid` and `()`.
#[derive(Clone)]
pub struct Serdes(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl Default for Serdes {
    fn default() -> Self {
        let mut serdes = Self(HashMap::new());
        serdes.register(string());
        serdes.register(bytes());
        serdes.register(short());
        serdes.register(integer());
        serdes.register(long());
        serdes.register(float());
        serdes.register(double());
        serdes.register(boolean());
        serdes.register(super::uuid());
        serdes.register(unit());
        serdes
    }
}

impl Serdes {
    /// Makes `serde` the default of `T`, and of `Option<T>`.
    pub fn register<T: 'static>(&mut self, serde: SerdeRef<T>) {
        self.0.insert(TypeId::of::<Option<T>>(), Arc::new(option(serde.clone())));
        self.0.insert(TypeId::of::<T>(), Arc::new(serde));
    }

    /// The default serde of `T`.
    pub fn get<T: 'static>(&self) -> Option<SerdeRef<T>> {
        self.0
            .get(&TypeId::of::<T>())
            .and_then(|serde| serde.downcast_ref::<SerdeRef<T>>())
            .cloned()
    }
}

impl fmt::Debug for Serdes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serdes of {} types", self.0.len())
    }
}
