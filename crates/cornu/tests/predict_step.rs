//! What code of a user computes with models: values on the way, gradients for inputs and of gradients.
#![allow(clippy::unwrap_used)]
use cornu::prelude::*;

fn images() -> Tensor {
    Tensor::new([2, 6, 6, 1], (0..72).map(|i| (i as f32 * 0.7).sin()).collect()).unwrap()
}

fn cnn() -> Sequential {
    utils::set_random_seed(1);
    Sequential::new()
        .add(Input::new([6, 6, 1]))
        .add(Conv2D::new(4, 3).activation("swish").name("conv"))
        .add(Conv2D::new(3, 3).strides(2).padding("same").activation("tanh").name("last"))
        .add(GlobalAveragePooling2D::new())
        .add(Dense::new(2))
}

fn near(got: f64, expected: f64) {
    assert!((got - expected).abs() <= 2e-3 * expected.abs().max(0.1), "{got}, expected {expected}");
}

/// `x` with one number moved.
fn moved(x: &Tensor, at: usize, by: f32) -> Tensor {
    let mut numbers = x.to_vec::<f32>().unwrap();
    numbers[at] += by;
    Tensor::new(x.shape(), numbers).unwrap()
}

/// Where a network looks (Selvaraju et al., 2017): the feature maps of a layer, and what each counts for a class.
#[test]
fn maps_of_a_layer_and_their_gradients() {
    let model = cnn();
    let last = model.get_layer("last").unwrap();
    let outputs = [last.output().unwrap(), model.outputs().unwrap()[0].clone()];
    let both = Model::new(model.inputs().unwrap(), outputs).unwrap().as_layer().unwrap();
    let mut step = PredictStep::new(|cx, batch| {
        let outputs = cx.call_many(&both, batch, false)?;
        let score = ops::sum(outputs[1].slice_axis(1, 1, 2), None, false);
        let grads = cx.value_gradients(&score, &[&outputs[0]])?;
        Ok(vec![outputs[0].clone(), outputs[1].clone(), grads[0].clone()])
    });
    let [maps, scores, grads] = step.run([&images()]).unwrap().try_into().unwrap();
    assert_eq!((maps.shape(), grads.shape()), (&[2, 2, 2, 3][..], &[2, 2, 2, 3][..]));
    // All that follows is a mean of four places and a product.
    let dense = model.get_weights().unwrap()[4].to_f64();
    grads.to_f64().iter().enumerate().for_each(|(i, &g)| near(g, dense[i % 3 * 2 + 1] / 4.0));
    let mut model = model;
    assert_eq!(model.predict(images(), Predict::new().verbose(0)).unwrap(), scores);
}

#[test]
fn gradients_for_inputs() {
    let model = cnn().as_layer().unwrap();
    let score = |cx: &cornu::training::StepContext, x: &Value| -> Result<Value> {
        Ok(ops::sum(ops::square(&cx.call(&model, x, false)?), None, false))
    };
    let mut step = PredictStep::new(|cx, batch| {
        let score = score(cx, &batch[0])?;
        let grads = cx.value_gradients(&score, &[&batch[0]])?;
        Ok([vec![score], grads].concat())
    });
    let x = images();
    let grads = step.run([&x]).unwrap()[1].to_f64();
    for at in [0, 7, 20, 50, 71] {
        let mut of = |by: f32| step.run([&moved(&x, at, by)]).unwrap()[0].to_f64()[0];
        near(grads[at], (of(0.02) - of(-0.02)) / 0.04);
    }
    // Another number of images, and the first again.
    assert_eq!(step.run([&x.rows(0, 1).unwrap()]).unwrap()[1].to_f64(), grads[..36]);
    assert_eq!(step.run([&x]).unwrap()[1].to_f64(), grads);
}

/// Gradients as part of a loss (Gulrajani et al., 2017): what an update takes from the weights is the penalty's gradient.
#[test]
fn penalties_of_gradients() {
    let mut model = cnn();
    let critic = model.as_layer().unwrap();
    let penalty = |cx: &cornu::training::StepContext, x: &Value| -> Result<Value> {
        let score = ops::sum(&cx.call(&critic, x, true)?, None, false);
        let slopes = cx.value_gradients(&score, &[x])?.remove(0);
        let norms = ops::sqrt(ops::sum(ops::square(&slopes), [1, 2, 3], false));
        Ok(ops::mean(ops::square(norms - 1.0), None, false))
    };
    let mut value = PredictStep::new(|cx, batch| Ok(vec![penalty(cx, &batch[0])?]));
    let x = images();
    let start = model.get_weights().unwrap();
    let mut step = TrainStep::new(|cx, batch| {
        let loss = penalty(cx, &batch[0])?;
        cx.minimize(&loss, &critic, &cornu::optimizers::SGD::new().learning_rate(1.0).into())?;
        Ok(vec![("penalty", loss)])
    });
    let reported = step.run([&x]).unwrap().get("penalty").unwrap();
    let after = model.get_weights().unwrap();
    model.set_weights(&start).unwrap();
    near(value.run([&x]).unwrap()[0].to_f64()[0], reported);
    for (weight, at) in [(0, 0), (0, 17), (1, 2), (2, 40), (3, 1), (4, 3)] {
        let mut of = |by: f32| {
            let mut weights = start.clone();
            weights[weight] = moved(&weights[weight], at, by);
            model.set_weights(&weights).unwrap();
            value.run([&x]).unwrap()[0].to_f64()[0]
        };
        let slope = (of(0.01) - of(-0.01)) / 0.02;
        near(start[weight].to_f64()[at] - after[weight].to_f64()[at], slope);
    }
    // The bias of the last layer moves no gradient.
    assert_eq!(start[5], after[5]);
}

#[test]
fn whatever_is_given_comes_back() {
    let mut step = PredictStep::new(|cx, batch| {
        let three = cx.builder().constant(Tensor::from([3i32]));
        let total = ops::sum(batch[0].cast(DType::F32), None, false);
        Ok(vec![batch[0].clone(), batch[0].clone(), three, total])
    });
    let x = Tensor::from([1i64, 2]);
    let results = step.run([&x]).unwrap();
    assert_eq!(results, [x.clone(), x.clone(), Tensor::from([3i32]), Tensor::scalar(3f32)]);
    // What came before stays as it is.
    let more = step.run([&Tensor::from([5i64, 5])]).unwrap();
    assert_eq!((results[3].to_f64(), more[3].to_f64()), (vec![3.0], vec![10.0]));
    assert!(PredictStep::new(|_, _| Ok(vec![])).run([&x]).unwrap().is_empty());

    utils::set_random_seed(3);
    let mut noise = PredictStep::new(|cx, _| Ok(vec![cx.random(|seed| seed.random_normal(&[4]))]));
    assert_ne!(noise.run([&x]).unwrap(), noise.run([&x]).unwrap());
}

#[test]
fn mistakes_are_errors() {
    let message = |step: &mut PredictStep, x: &Tensor| step.run([x]).unwrap_err().to_string();
    let x = images();
    let mut step = PredictStep::new(|cx, batch| cx.value_gradients(&batch[0], &[&batch[0]]));
    assert!(message(&mut step, &x).contains("sum or average"));
    let model = cnn().as_layer().unwrap();
    let mut step = PredictStep::new(|cx, batch| Ok(vec![cx.call(&model, &batch[0], false)?]));
    let said = message(&mut step, &Tensor::from([1f32, 2.0]));
    assert!(said.contains("conv"), "{said}");
    let mut step = PredictStep::new(|_, batch| Ok(vec![batch[1].clone()]));
    assert!(step.run([&x, &x]).is_ok());
}
