//! How an op is declared: the class of Keras, its function, its arguments and what it computes.

/// Declares ops, one entry each: `Class function(tensors) { settings } => what it computes;`.
///
/// Tensors are `(x, y, ..)` or one list `([xs])`; in the expression they are [`Value`](cornu_graph::Value)s. Settings are
/// further arguments under Keras's names, references in the expression; those after a semicolon stand in Keras's config
/// with this value and are no arguments here. After `many`, the expressions give lists of results. Each class stands in
/// [`registry`](crate::ops::registry), too.
///
/// Tensors after a semicolon, `(x; y)`, can be left out: they are [`Option`]s. `_` in place of the function's name makes
/// none: it is written by hand. After `, host`, a function computes the results on the host where no graph can; after
/// `, seed`, a setting is the seed of what the op draws, and the last tensor the state of a generator.
macro_rules! ops {
    ($module:literal; $($rest:tt)*) => { ops! { @all one $module; $($rest)* } };
    ($module:literal many; $($rest:tt)*) => { ops! { @all many $module; $($rest)* } };
    (@all $how:ident $module:literal; $(
        $(#[$doc:meta])*
        $Class:ident $f:tt $tensors:tt $({ $($field:ident: $t:tt),* $(; $($key:ident = $value:tt),+)? })? => $body:expr
            $(, host $host:expr)? $(, seed $seed:ident)?;
    )*) => { $(
        #[derive(Debug, serde::Serialize)]
        pub(super) struct $Class { $($(pub $field: $t),*)? }

        impl $crate::ops::operation::Rule for $Class {
            fn class_name(&self) -> &'static str { stringify!($Class) }
            fn module(&self) -> &'static str { $module }
            fn config(&self) -> serde_json::Result<serde_json::Value> {
                #[allow(unused_mut)]
                let mut config = serde_json::to_value(self)?;
                $($(ops! { @number config $field $t (self.$field) })*)?
                $($(let mut config = config; $(config[stringify!($key)] = serde_json::json!($value);)+)?)?
                Ok(config)
            }
            ops! { @call [$Class $tensors $({ $($field),* })?] $how $body }
            $(fn on_host(&self, given: &[Option<cornu_graph::Tensor>]) -> Option<cornu_graph::Result<Vec<cornu_graph::Tensor>>> {
                ($host)(self, given)
            })?
            $(fn seed(&self) -> Option<Option<u64>> {
                Some(self.$seed)
            })?
        }

        impl $crate::ops::operation::FromConfig for $Class {
            #[allow(unused_mut, unused_variables)]
            fn from_config(mut config: $crate::ops::operation::Settings) -> cornu_graph::Result<Self> {
                $($($(config.fixed(stringify!($key), serde_json::json!($value))?;)+)?)?
                let op = $Class { $($($field: config.take(stringify!($field))?),*)? };
                config.finish(&[$($(stringify!($field)),*)?])?;
                Ok(op)
            }
        }

        ops! { @function $how [$(#[$doc])*] $Class $f $tensors ($($($field: $t),*)?) }
    )* };

    (@call [$Class:ident ($($x:ident),+; $($o:ident),+) $({ $($field:ident),* })?] $how:ident $body:expr) => {
        fn call(&self, tensors: &[cornu_graph::Value]) -> Vec<cornu_graph::Value> {
            self.call_given(&tensors.iter().cloned().map(Some).collect::<Vec<_>>())
        }
        fn call_given(&self, given: &[Option<cornu_graph::Value>]) -> Vec<cornu_graph::Value> {
            let mut given = given.iter().map(Option::as_ref).chain(std::iter::repeat(None));
            $(let Some(Some($x)) = given.next() else { return vec![] };)+
            $(let $o = given.next().flatten();)+
            $(let $Class { $($field),* } = self;)?
            ops!(@results $how $body)
        }
        fn parameters(&self) -> &'static [&'static str] { &[$(stringify!($x),)+ $(stringify!($o)),+] }
    };
    (@call [$Class:ident $tensors:tt $({ $($field:ident),* })?] $how:ident $body:expr) => {
        fn call(&self, tensors: &[cornu_graph::Value]) -> Vec<cornu_graph::Value> {
            ops!(@bind $tensors tensors);
            $(let $Class { $($field),* } = self;)?
            ops!(@results $how $body)
        }
    };
    // JSON has no form for a float that is infinite or NaN.
    (@number $config:ident $field:ident f64 $value:expr) => {
        $config[stringify!($field)] = $crate::object::number::to_json($value);
    };
    (@number $config:ident $field:ident $t:tt $value:expr) => {};
    (@bind ([$xs:ident]) $tensors:ident) => { let $xs = $tensors; };
    (@bind ($($x:ident),+) $tensors:ident) => { let [$($x),+] = $tensors else { return vec![] }; };
    (@results one $body:expr) => { vec![$body] };
    (@results many $body:expr) => { $body };
    (@output one $X:ident) => { $X::Output };
    (@output many $X:ident) => { $X::Outputs };

    (@function $how:ident [$($doc:tt)*] $Class:ident _ $tensors:tt $settings:tt) => {};
    (@function one [$($doc:tt)*] $Class:ident $f:ident ($($x:ident),+; $($o:ident),+) ($($field:ident: $t:tt),*)) => {
        $($doc)*
        #[track_caller]
        #[allow(clippy::too_many_arguments)] // As many as Keras's function has.
        pub fn $f<X: $crate::ops::Operand>(
            $($x: impl Into<$crate::ops::Arg<X>>,)+
            $($o: Option<&X>,)+
            $($field: ops!(@given $t)),*
        ) -> X::Output {
            let given = $crate::ops::slot::Arguments::new()$(.and($x.into()))+$(.maybe($o))+;
            $crate::ops::operation::one_of($Class { $($field: $field.into()),* }, given)
        }
    };
    (@function $how:ident [$($doc:tt)*] $Class:ident $f:ident ([$xs:ident]) ($($field:ident: $t:tt),*)) => {
        $($doc)*
        #[track_caller]
        #[allow(clippy::too_many_arguments)] // As many as Keras's function has.
        pub fn $f<'a, X: $crate::ops::Operand + 'a>(
            $xs: impl IntoIterator<Item = &'a X>,
            $($field: ops!(@given $t)),*
        ) -> ops!(@output $how X) {
            let xs = $xs.into_iter().map(|x| $crate::ops::Arg::Tensor(x.clone())).collect();
            $crate::ops::operation::$how($Class { $($field: $field.into()),* }, true, xs)
        }
    };
    (@function $how:ident [$($doc:tt)*] $Class:ident $f:ident ($($x:ident),+) ($($field:ident: $t:tt),*)) => {
        $($doc)*
        #[track_caller]
        #[allow(clippy::too_many_arguments)] // As many as Keras's function has.
        pub fn $f<X: $crate::ops::Operand>(
            $($x: impl Into<$crate::ops::Arg<X>>,)+
            $($field: ops!(@given $t)),*
        ) -> ops!(@output $how X) {
            let xs = vec![$($x.into()),+];
            $crate::ops::operation::$how($Class { $($field: $field.into()),* }, false, xs)
        }
    };

    (@given Axes) => { impl Into<Axes> };
    (@given Sizes) => { impl Into<Sizes> };
    (@given PerAxis) => { impl Into<PerAxis> };
    (@given Number) => { impl Into<Number> };
    (@given MaybeNumber) => { impl Into<MaybeNumber> };
    (@given MaybePerAxis) => { impl Into<MaybePerAxis> };
    (@given DataFormat) => { impl Into<$crate::DataFormat> };
    (@given Padding) => { impl Into<$crate::Padding> };
    (@given Sections) => { impl Into<Sections> };
    (@given Axis) => { impl Into<Axis> };
    (@given MaybeAxis) => { impl Into<MaybeAxis> };
    (@given Count) => { impl Into<Count> };
    (@given Length) => { impl Into<Length> };
    (@given Limits) => { impl Into<Limits> };
    (@given Limit) => { impl Into<Limit> };
    (@given DTypeName) => { cornu_graph::DType };
    (@given Order) => { impl Into<Order> };
    (@given MaybeDType) => { Option<cornu_graph::DType> };
    (@given Text) => { &str };
    (@given $t:tt) => { $t };
}
