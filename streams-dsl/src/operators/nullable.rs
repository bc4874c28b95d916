//! Types that may be null.

/// `Self` is `T` or `Option<T>`: a key or value that operators which drop nulls can take either
/// way, or what the function of an aggregation may return.
///
/// Null is a type here: a `KStream<Option<String>, Order>` may have records without a key, and
/// `group_by_key` drops them and continues with keys of type `String`. For a type that is not an
/// `Option` the compiler finds `T` by itself. For an `Option` there are two answers, the `Option`
/// itself and the type within, and the call names the one it means:
/// `orders.group_by_key::<String>()`.
///
/// ```
/// use streams_dsl::Nullable;
///
/// fn present<T, N: Nullable<T>>(datum: &N) -> bool {
///     datum.as_value().is_some()
/// }
/// assert!(present(&7));
/// assert!(!present::<i64, Option<i64>>(&None));
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is neither `{T}` nor an `Option` of it")]
pub trait Nullable<T> {
    /// The value, unless it is null.
    fn as_value(&self) -> Option<&T>;

    /// The value itself, unless it is null.
    fn into_value(self) -> Option<T>;

    /// A value that is not null.
    fn of_value(value: T) -> Self;
}

impl<T> Nullable<T> for T {
    #[inline]
    fn as_value(&self) -> Option<&T> {
        Some(self)
    }

    #[inline]
    fn into_value(self) -> Option<T> {
        Some(self)
    }

    #[inline]
    fn of_value(value: T) -> Self {
        value
    }
}

impl<T> Nullable<T> for Option<T> {
    #[inline]
    fn as_value(&self) -> Option<&T> {
        self.as_ref()
    }

    #[inline]
    fn into_value(self) -> Option<T> {
        self
    }

    #[inline]
    fn of_value(value: T) -> Self {
        Some(value)
    }
}
