//! Arrays that stay on the device while `fit` trains: the same bits as batches that are copied, on the mock and on the plugin of
//! `CORNU_PJRT_PLUGIN`.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]
mod mock;

use cornu::backend;
use cornu::distribution::{DataParallel, list_devices, set_distribution};
use cornu::prelude::*;

const SAMPLES: usize = 45;
const BATCH: usize = 8;

fn data() -> (Tensor, Tensor, Tensor) {
    let x: Vec<u8> = (0..SAMPLES * 12).map(|i| (i * 37 % 101) as u8).collect();
    let y: Vec<i32> = (0..SAMPLES).map(|i| (i * 7 % 3) as i32).collect();
    let weights: Vec<f32> = (0..SAMPLES).map(|i| (i % 4) as f32 / 2.0).collect();
    (Tensor::new([SAMPLES, 4, 3], x).unwrap(), Tensor::from(y), Tensor::from(weights))
}

/// Trains four epochs, in so many calls of `fit`: arrays stay only where a call has several epochs.
fn trained(calls: usize, steps: usize) -> (Vec<f64>, Vec<f64>, Vec<Tensor>) {
    utils::clear_session();
    utils::set_random_seed(7);
    let mut model = Sequential::new()
        .add(Input::new([4, 3]))
        .add(Rescaling::new(0.01))
        .add(GRU::new(4))
        .add(Dropout::new(0.3))
        .add(Dense::new(3).activation("softmax"));
    let compile = Compile::new("adam", "sparse_categorical_crossentropy").weighted_metrics(["accuracy"]);
    model.compile(compile.steps_per_execution(steps)).unwrap();
    let (x, y, weights) = data();
    let (mut losses, mut val) = (vec![], vec![]);
    for call in 0..calls {
        let (first, last) = (call * 4 / calls, (call + 1) * 4 / calls);
        let fit = Fit::new().batch_size(BATCH).initial_epoch(first).epochs(last).verbose(0);
        let fit = fit.sample_weight(&weights).validation_data((&x, &y));
        let history = model.fit(&x, &y, fit).unwrap();
        losses.extend(history.get("loss"));
        val.extend(history.get("val_accuracy"));
    }
    (losses, val, model.get_weights().unwrap())
}

fn assert_same(a: &(Vec<f64>, Vec<f64>, Vec<Tensor>), b: &(Vec<f64>, Vec<f64>, Vec<Tensor>)) {
    assert_eq!((&a.0, &a.1), (&b.0, &b.1));
    assert!(a.2.iter().zip(&b.2).all(|(a, b)| a.bytes() == b.bytes()));
}

fn copied() -> usize {
    mock::report("copied").parse().unwrap()
}

#[test]
fn the_same_bits_and_fewer_bytes() {
    let (_guard, real) = mock::engine();
    if real {
        // SAFETY: as in `mock::engine`; other tests of this file do nothing with a real plugin.
        unsafe { std::env::set_var("CORNU_PJRT_DATA_MEMORY", "1000000") };
    } else {
        mock::control("memory 1000000 1000");
    }
    backend::set("pjrt").unwrap();
    let devices = list_devices(None).unwrap();
    for (count, steps) in [(1, 1), (1, 3), (2, 1), (2, 2)] {
        set_distribution(DataParallel::new().devices(&devices[..count])).unwrap();
        if !real {
            copied();
        }
        let streamed = trained(4, steps);
        let bytes = if real { (0, 0) } else { (copied(), 0) };
        let resident = trained(1, steps);
        assert_same(&resident, &streamed);
        if !real {
            // Samples once instead of four times, their numbers four times; weights, seeds and states as before.
            let (x, y, weights) = data();
            let (xy, w) = (x.bytes().len() + y.bytes().len(), weights.bytes().len());
            let samples = 2 * xy + w;
            // The last batch is whole on each device.
            let rest = SAMPLES % BATCH;
            let per_epoch = |bytes: usize| {
                bytes + if rest.is_multiple_of(count) { 0 } else { bytes / SAMPLES * rest * (count - 1) }
            };
            let before = 4 * per_epoch(samples);
            let after = count * samples + 4 * per_epoch(2 * 4 * SAMPLES);
            let bytes = (bytes.0, copied());
            let difference = before as i64 - after as i64;
            assert_eq!(bytes.0 as i64 - bytes.1 as i64, difference, "{bytes:?}");
        }
    }
    set_distribution(None).unwrap();
    backend::set("cpu").unwrap();
}

/// Without room, or where the copy fails after all, batches are copied; nothing is left when `fit` is over.
#[test]
fn no_room() {
    let (_guard, real) = mock::engine();
    if real {
        return;
    }
    backend::set("pjrt").unwrap();
    // x, y and weights of training take 900 bytes, x and y of validation 720.
    let bytes_of = |memory: &str, more: &str| {
        mock::control(memory);
        if !more.is_empty() {
            mock::control(more);
        }
        copied();
        let left = trained(1, 1);
        (left, copied())
    };
    let (all, fewest) = bytes_of("memory 100000 0", "");
    let (none, most) = bytes_of("memory 100 0", "");
    let (half, some) = bytes_of("memory 4000 0", "");
    let (failed, again) =
        bytes_of("memory 100000 0", "fail client_buffer_from_host_buffer 2 RESOURCE_EXHAUSTED full");
    assert!(fewest < some && some < most, "{fewest}, {some}, {most}");
    assert!(again > some, "{again}");
    for other in [none, half, failed] {
        assert_same(&other, &all);
    }
    let misuse = mock::report("misuse");
    assert!(misuse.is_empty(), "{misuse}");
    backend::set("cpu").unwrap();
}

/// Likewise where the step is the user's own, with variables that the model does not have.
#[test]
fn own_steps() {
    let (_guard, real) = mock::engine();
    if real {
        return;
    }
    mock::control("memory 1000000 1000");
    backend::set("pjrt").unwrap();
    let devices = list_devices(None).unwrap();
    let run = |calls: usize, together: usize| {
        utils::set_random_seed(7);
        let mut model = Sequential::new().add(Input::new([4, 3])).add(Flatten::new()).add(Dense::new(3));
        model.set_train_step(|cx, batch| {
            let noise = cx.random(|seed| seed.random_normal(&[batch[0].dim(0), 4, 3]));
            let logits = cx.call(cx.model()?, &(batch[0].cast(DType::F32) * 0.01 + noise * 0.1), true)?;
            let losses = losses::sparse_categorical_crossentropy(&batch[1], &logits, true, None, -1);
            let loss = ops::mean(&(losses * &batch[2]), None, false);
            cx.optimize(&loss)?;
            Ok(vec![("loss", cx.mean("loss", &loss)?)])
        });
        model.compile(Compile::new("adam", ()).steps_per_execution(together)).unwrap();
        let (x, y, weights) = data();
        let mut losses = vec![];
        for call in 0..calls {
            let (first, last) = (call * 4 / calls, (call + 1) * 4 / calls);
            let fit = Fit::new().batch_size(BATCH).initial_epoch(first).epochs(last).verbose(0);
            losses.extend(model.fit(&x, &y, fit.sample_weight(&weights)).unwrap().get("loss"));
        }
        (losses, vec![], model.get_weights().unwrap())
    };
    for (count, together) in [(1, 1), (1, 3), (2, 2)] {
        set_distribution(DataParallel::new().devices(&devices[..count])).unwrap();
        copied();
        let streamed = run(4, together);
        let most = copied();
        assert_same(&run(1, together), &streamed);
        assert!(copied() < most);
    }
    set_distribution(None).unwrap();
    backend::set("cpu").unwrap();
}
