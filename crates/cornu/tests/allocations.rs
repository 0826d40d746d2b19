//! A training step allocates nothing once it has run: epochs of different length allocate alike.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::optimizers::schedules::ExponentialDecay;
use cornu::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(p, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn tensor(shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    Tensor::new(shape, (0..n).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<f32>>()).unwrap()
}

/// Allocations of each step beyond those of the epoch.
fn per_step(name: &str, mut model: Sequential, x: &Tensor, y: &Tensor) {
    let mut allocations = |steps: usize| {
        let (x, y) = (x.rows(0, steps * 4).unwrap(), y.rows(0, steps * 4).unwrap());
        let fit = || Fit::new().batch_size(4).epochs(2).verbose(0);
        model.fit(&x, &y, fit()).unwrap();
        let before = COUNT.load(Ordering::Relaxed);
        model.fit(&x, &y, fit()).unwrap();
        COUNT.load(Ordering::Relaxed) - before
    };
    let (few, many) = (allocations(4), allocations(16));
    assert!(many <= few, "{name}: {few} allocations for 8 steps, {many} for 32");
}

// One test: the count is of the whole process.
#[test]
fn a_step_allocates_nothing() {
    let labels = Tensor::from((0..64).map(|i| i % 3).collect::<Vec<i32>>());
    let mut cnn = Sequential::new()
        .add(Input::new([8, 8, 1]))
        .add(Conv2D::new(4, 3).activation("relu"))
        .add(BatchNormalization::new())
        .add(MaxPooling2D::new())
        .add(Dropout::new(0.3))
        .add(Flatten::new())
        .add(Dense::new(3).activation("softmax"));
    cnn.compile(Compile::new("adam", "sparse_categorical_crossentropy").metrics(["accuracy"])).unwrap();
    per_step("cnn", cnn, &tensor(&[64, 8, 8, 1]), &labels);

    let mut rnn = Sequential::new()
        .add(Input::new([7]).dtype("int32"))
        .add(Embedding::new(20, 6))
        .add(LSTM::new(5).return_sequences(true))
        .add(Bidirectional::new(GRU::new(4)))
        .add(Dense::new(1).activation("sigmoid"));
    rnn.compile(Compile::new("rmsprop", "binary_crossentropy").metrics(["accuracy"])).unwrap();
    let tokens = Tensor::new([64, 7], (0..64 * 7).map(|i| i % 20).collect::<Vec<i32>>()).unwrap();
    let y = Tensor::from((0..64).map(|i| (i % 2) as f32).collect::<Vec<f32>>());
    per_step("rnn", rnn, &tokens, &y);

    let mut mlp = Sequential::new()
        .add(Input::new([20]))
        .add(Dense::new(16).activation("gelu"))
        .add(LayerNormalization::new())
        .add(Dense::new(2));
    let optimizer = SGD::new().learning_rate(ExponentialDecay::new(0.1, 10, 0.9)).momentum(0.9);
    mlp.compile(Compile::new(optimizer, "mse").metrics(["mae"])).unwrap();
    per_step("mlp", mlp, &tensor(&[64, 20]), &tensor(&[64, 2]));
}
