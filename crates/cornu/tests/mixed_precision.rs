//! The policy of layers that are given none. What they compute in is what Keras 3.15.1 gave for the same calls.
#![allow(clippy::unwrap_used)]
use cornu::mixed_precision::{dtype_policy, set_dtype_policy};
use cornu::prelude::*;

/// One test: the policy is that of the process.
#[test]
fn layers_take_the_policy_that_was_set() {
    assert_eq!(dtype_policy().name(), "float32");
    assert!(
        set_dtype_policy("mixed_float17").unwrap_err().to_string().contains("did you mean `mixed_float16`?")
    );
    set_dtype_policy("mixed_bfloat16").unwrap();
    let x = Input::new([4]).tensor();
    let hidden = Dense::new(3).apply(&x);
    let model = Model::new([x.clone()], [Dense::new(1).dtype("float32").apply(&hidden)]).unwrap();
    let dtypes = [x.dtype(), hidden.dtype(), model.outputs().unwrap()[0].dtype()];
    assert_eq!(dtypes, [DType::F32, DType::BF16, DType::F32]);
    assert!(model.get_weights().unwrap().iter().all(|w| w.dtype() == DType::F32));
    let integers = Input::new([1]).dtype("int64").tensor();
    assert_eq!(Hashing::new(3).apply(&integers).dtype(), DType::I64);
    assert_eq!(ops::exp(&x).dtype(), DType::F32);
    let saved = model.to_json().unwrap();
    assert_eq!(saved.matches("mixed_bfloat16").count(), 1, "{saved}");

    // Under float16 the loss is scaled by itself, and training works.
    set_dtype_policy("mixed_float16").unwrap();
    utils::set_random_seed(1);
    let mut model = Sequential::new().add(Input::new([4])).add(Dense::new(1));
    model.compile(Compile::new("adam", "mse")).unwrap();
    let x = Tensor::ones([8, 4], DType::F32);
    let history = model.fit(&x, Tensor::ones([8, 1], DType::F32), Fit::new().epochs(20).verbose(0)).unwrap();
    assert!(history.last("loss") < history.get("loss").first().copied());

    set_dtype_policy("float32").unwrap();
    assert_eq!(Dense::new(3).apply(Input::new([4]).tensor()).dtype(), DType::F32);
}
