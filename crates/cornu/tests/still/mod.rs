//! A model whose weights stay where they are: what callbacks do is seen without what training does.
use cornu::optimizers::Optimizer;
use cornu::prelude::*;

/// One weight of zero, to be trained on zeros.
pub fn compiled(optimizer: impl Into<Optimizer>) -> Sequential {
    utils::clear_session();
    let mut model =
        Sequential::new().add(Input::new([1])).add(Dense::new(1).use_bias(false).kernel_initializer("zeros"));
    model.compile(Compile::new(optimizer, "mse").metrics(["mae"])).unwrap();
    model
}

pub fn sgd(rate: f64) -> Sequential {
    compiled(SGD::new().learning_rate(rate))
}
