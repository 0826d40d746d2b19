//! `+ - * /` and unary `-` on symbolic tensors, between each other and with numbers.
use crate::models::KerasTensor;
use crate::ops;
use std::ops::{Add, Div, Mul, Neg, Sub};

macro_rules! operators {
    ($($Trait:ident $method:ident $function:ident;)*) => { $(
        operators!(@tensor $Trait $method $function: KerasTensor, &KerasTensor);
        operators!(@number $Trait $method $function: f64 i32);
    )* };
    (@tensor $Trait:ident $method:ident $function:ident: $($other:ty),*) => { $(
        impl $Trait<$other> for &KerasTensor {
            type Output = KerasTensor;
            #[track_caller]
            fn $method(self, other: $other) -> KerasTensor { ops::$function::<KerasTensor>(self, other) }
        }
        impl $Trait<$other> for KerasTensor {
            type Output = KerasTensor;
            #[track_caller]
            fn $method(self, other: $other) -> KerasTensor { ops::$function::<KerasTensor>(self, other) }
        }
    )* };
    (@number $Trait:ident $method:ident $function:ident: $($number:ty)*) => { $(
        operators!(@tensor $Trait $method $function: $number);
        impl $Trait<&KerasTensor> for $number {
            type Output = KerasTensor;
            #[track_caller]
            fn $method(self, other: &KerasTensor) -> KerasTensor { ops::$function::<KerasTensor>(self, other) }
        }
        impl $Trait<KerasTensor> for $number {
            type Output = KerasTensor;
            #[track_caller]
            fn $method(self, other: KerasTensor) -> KerasTensor { ops::$function::<KerasTensor>(self, other) }
        }
    )* };
}

operators! {
    Add add add;
    Sub sub subtract;
    Mul mul multiply;
    Div div true_divide;
}

impl Neg for &KerasTensor {
    type Output = KerasTensor;
    #[track_caller]
    fn neg(self) -> KerasTensor {
        ops::negative(self)
    }
}

impl Neg for KerasTensor {
    type Output = KerasTensor;
    #[track_caller]
    fn neg(self) -> KerasTensor {
        ops::negative(self)
    }
}
