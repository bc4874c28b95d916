//! One rule for closures that can fail.

/// Writes a method whose closures can't fail, and its twin, `try_…`, whose closures return a
/// `Result`. The body is written once: in it the closures return a `Result` with a boxed error in
/// both.
///
/// ```text
/// fallible! {
///     /// Documentation.
///     pub fn peek, try_peek [](&self) (action: (key: &K, value: &V) -> ()) -> KStream<K, V> { … }
/// }
/// ```
///
/// In brackets are the type parameters, each with a comma behind it, and after `->` the type that
/// is returned; what is behind `where` in brackets bounds them. A `must_use` is of both methods.
macro_rules! fallible {
    (
        $(#[doc = $doc:expr])*
        $(#[must_use $(= $why:literal)?])?
        pub fn $name:ident, $twin:ident [$($generics:tt)*]
        (& $self:ident $(, $argument:ident : $type:ty)*)
        ($($closure:ident : ($($parameter:ident : $ptype:ty),*) -> $result:ty),+)
        -> $output:ty
        $(where [$($bounds:tt)*])?
        $body:block
    ) => {
        $(#[doc = $doc])*
        $(#[must_use $(= $why)?])?
        #[track_caller]
        pub fn $name<$($generics)*>(
            &$self,
            $($argument: $type,)*
            $($closure: impl Fn($($ptype),*) -> $result + Send + Sync + 'static,)+
        ) -> $output
        $(where $($bounds)*)?
        {
            $(let $closure = move |$($parameter: $ptype),*| Ok::<$result, ::streams_core::BoxError>($closure($($parameter),*));)+
            $body
        }

        #[doc = concat!(
            "As [`", stringify!($name), "`](Self::", stringify!($name), "), with closures that can fail: their errors go \
             to the processing exception handler."
        )]
        $(#[must_use $(= $why)?])?
        #[track_caller]
        pub fn $twin<$($generics)* Failure: Into<::streams_core::BoxError>>(
            &$self,
            $($argument: $type,)*
            $($closure: impl Fn($($ptype),*) -> Result<$result, Failure> + Send + Sync + 'static,)+
        ) -> $output
        $(where $($bounds)*)?
        {
            $(let $closure = move |$($parameter: $ptype),*| $closure($($parameter),*).map_err(Into::<::streams_core::BoxError>::into);)+
            $body
        }
    };
}

pub(crate) use fallible;
