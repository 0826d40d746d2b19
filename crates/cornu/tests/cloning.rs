//! `clone_model` with all that it takes.
#![allow(clippy::unwrap_used)]
use cornu::models::{CloneModel, clone_model};
use cornu::prelude::*;
use std::cell::RefCell;

fn functional() -> Model {
    let (a, b) = (Input::new([3]).name("a").tensor(), Input::new([3]).name("b").tensor());
    let shared = Dense::new(2).name("shared");
    let sum = shared.apply(&a) + shared.apply(&b);
    Model::new([a, b], [sum]).unwrap().with_name("two")
}

fn outer() -> (Model, Sequential) {
    let stack = Sequential::new().add(Input::new([3])).add(Dense::new(2).name("inner")).with_name("stack");
    let x = Input::new([3]).name("x").tensor();
    let y = Dense::new(1).name("outer").apply(stack.apply(&x));
    (Model::new([x], [y]).unwrap(), stack)
}

fn names(model: &Model) -> Vec<String> {
    model.layers().iter().map(|l| l.name().to_string()).collect()
}

#[test]
fn the_same_layers_with_new_weights() {
    let mut model = functional();
    model.compile(Compile::new(Adam::new().learning_rate(0.5), "mse").metrics(["mae"])).unwrap();
    let mut clone = clone_model(&model).unwrap();
    assert_eq!(clone.get_config().unwrap(), model.get_config().unwrap());
    assert_eq!(clone.name(), "two");
    assert_ne!(clone.get_weights().unwrap()[0], model.get_weights().unwrap()[0]);
    // Compiled as the other.
    assert_eq!(clone.to_json().unwrap(), model.to_json().unwrap());
    let x = Tensor::ones([4, 3], DType::F32);
    clone.fit([&x, &x], Tensor::ones([4, 2], DType::F32), Fit::new().verbose(0)).unwrap();
    assert_eq!(clone.learning_rate().unwrap(), 0.5);

    // A stack that knows no shape yet.
    let stack = Sequential::new().add(Dense::new(2).name("d"));
    let mut clone = clone_model(&stack).unwrap();
    assert!(!clone.is_built());
    clone.build([Some(4), Some(3)]).unwrap();
    assert_eq!(names(&clone), ["d"]);
}

#[test]
fn functions_of_the_user() {
    let model = functional();
    let asked = RefCell::new(vec![]);
    let clone = CloneModel::new()
        .clone_function(|layer| {
            asked.borrow_mut().push(layer.name().to_string());
            let mut config = layer.config()?;
            config["units"] = 5.into();
            layer.with_config(config)
        })
        .make(&model)
        .unwrap();
    // Once for a layer, however often it is called; inputs and ops are not asked for.
    assert_eq!(*asked.borrow(), ["shared"]);
    assert_eq!(clone.outputs().unwrap()[0].shape().to_string(), "(None, 5)");

    let clone = CloneModel::new()
        .clone_function(|layer| Ok(layer.clone()))
        .call_function(|layer, inputs, given| {
            let outputs = layer.apply_given(inputs, given);
            if layer.class_name() == "Dense" { vec![Dropout::new(0.5).apply(&outputs[0])] } else { outputs }
        })
        .make(&model)
        .unwrap();
    assert_eq!(clone.layers().iter().filter(|l| l.class_name() == "Dropout").count(), 2);
    assert_eq!(clone.get_weights().unwrap(), model.get_weights().unwrap());

    let message = CloneModel::new()
        .clone_function(|_| Err(cornu::Error::argument("layer", "is not wanted")))
        .make(&model)
        .unwrap_err();
    assert!(message.to_string().contains("is not wanted"), "{message}");
    let stack = Sequential::new().add(Input::new([3])).add(Dense::new(2));
    let message = CloneModel::new().call_function(|l, x, g| l.apply_given(x, g)).make(&stack).unwrap_err();
    assert!(message.to_string().contains("call_function"), "{message}");
}

#[test]
fn models_within() {
    let (model, stack) = outer();
    let asked = |recursive: bool| {
        let asked = RefCell::new(vec![]);
        let f = |layer: &LayerRef| {
            asked.borrow_mut().push(layer.name().to_string());
            Ok(layer.clone())
        };
        let clone = CloneModel::new().clone_function(f).recursive(recursive).make(&model).unwrap();
        assert_eq!(clone.get_weights().unwrap(), model.get_weights().unwrap());
        assert_eq!(names(&clone), names(&model));
        asked.into_inner()
    };
    assert_eq!(asked(false), ["stack", "outer"]);
    assert_eq!(asked(true), ["inner", "outer"]);
    // Without a function all is new, within as well.
    for recursive in [false, true] {
        let clone = CloneModel::new().recursive(recursive).make(&model).unwrap();
        assert_ne!(clone.get_weights().unwrap()[0], stack.get_weights().unwrap()[0]);
        assert_eq!(clone.get_config().unwrap(), model.get_config().unwrap());
    }
}

#[test]
fn other_inputs() {
    let model = functional();
    let (p, q) = (Input::new([3]).name("p").tensor(), Input::new([3]).name("q").tensor());
    let clone = CloneModel::new().input_tensors([&p, &q]).make(&model).unwrap();
    assert_eq!(clone.input_names().unwrap(), ["p", "q"]);
    let message = CloneModel::new().input_tensors([&p]).make(&model).unwrap_err().to_string();
    assert!(message.contains("takes 2 inputs, got 1"), "{message}");
    let stack = Sequential::new().add(Input::new([3])).add(Dense::new(2));
    let clone = CloneModel::new().input_tensors(&p).make(&stack).unwrap();
    assert_eq!(clone.input_names().unwrap(), ["p"]);
    let message =
        CloneModel::new().input_tensors(Dense::new(3).apply(&p)).make(&stack).unwrap_err().to_string();
    assert!(message.contains("inputs come from `Input`"), "{message}");
}
