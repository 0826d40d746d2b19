//! What saving, loading and predicting hold at one time: their peak of memory, counted.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::data::{npy, npz};
use cornu::prelude::*;
use cornu::saving::SaveModel;
use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn taken(bytes: usize) {
    let now = NOW.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(now, Ordering::Relaxed);
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.dealloc(p, layout) }
    }
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Vectors grow in place where the allocator can, as it can for what is large.
        taken(size.saturating_sub(layout.size()));
        NOW.fetch_sub(layout.size().saturating_sub(size), Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.realloc(p, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that `f` takes at its peak beyond those before.
fn peak<R>(f: impl FnOnce() -> R) -> (R, usize) {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = f();
    (result, PEAK.load(Ordering::Relaxed) - before)
}

/// Layers of this many units.
const UNITS: usize = 512;
/// Bytes of the largest array, a kernel.
const ARRAY: usize = UNITS * UNITS * 4;
/// What all else may take: graphs, configs, buffers of files.
const REST: usize = 700 << 10;

/// Twelve kernels.
fn model() -> Sequential {
    let layer = |i: u32| Dense::new(UNITS).name(format!("layer_{i}"));
    (0..12).fold(Sequential::new().add(Input::new([UNITS])), |model, i| model.add(layer(i)))
}

fn bytes_of(arrays: &[Tensor]) -> usize {
    arrays.iter().map(|t| t.bytes().len()).sum()
}

fn within(what: &str, peak: usize, allowed: usize) {
    println!("{what}: {peak} bytes of {allowed} and some");
    assert!(peak <= allowed + REST, "{what}: {peak} bytes at the peak, {allowed} and some are allowed");
}

fn save(model: &Sequential, path: &Path) {
    match path.extension() {
        Some(ending) if ending == "keras" => model.save(path),
        None => SaveModel::new().zipped(false).save(model, path),
        Some(_) => model.save_weights(path),
    }
    .unwrap();
}

// One test: the count is of the whole process.
#[test]
fn nothing_is_held_twice() {
    let folder = std::env::temp_dir().join(format!("cornu-memory-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    files_of_models(&folder);
    arrays(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
}

fn files_of_models(folder: &Path) {
    let mut trained = model();
    trained.compile(Compile::new("sgd", "mse")).unwrap();
    let (x, y) = (Tensor::ones([4, UNITS], DType::F32), Tensor::zeros([4, UNITS], DType::F32));
    // Its weights are with the engine now.
    trained.fit(&x, &y, Fit::new().batch_size(4).verbose(0)).unwrap();
    let all = bytes_of(&trained.get_weights().unwrap());
    let path = |name: &str| -> PathBuf { folder.join(name) };

    // HDF5 takes one copy, in which the places of arrays are found; other formats one array at a time.
    let kinds = [
        ("a.keras", all + ARRAY),
        ("a.weights.h5", all + ARRAY),
        ("folder", all + ARRAY),
        ("a.safetensors", ARRAY),
        ("a.npz", ARRAY),
    ];
    for (name, allowed) in kinds {
        let ((), peak) = peak(|| save(&trained, &path(name)));
        within(&format!("saving {name}"), peak, allowed);
    }
    let ((), peak_of_checkpoint) = peak(|| trained.save_checkpoint(path("checkpoint.npz")).unwrap());
    within("save_checkpoint", peak_of_checkpoint, ARRAY);

    for (name, _) in kinds {
        let (loaded, peak) = peak(|| match name {
            "a.keras" | "folder" => saving::load_model(path(name)).unwrap().get_weights(),
            _ => {
                let mut new = model();
                new.load_weights(path(name)).and_then(|()| new.get_weights())
            }
        });
        within(&format!("loading {name}"), peak, all + ARRAY);
        assert_eq!(loaded.unwrap(), trained.get_weights().unwrap(), "{name}");
    }
}

fn arrays(folder: &Path) {
    let x =
        Tensor::new([4096, 256], (0..4096 * 256).map(|i| (i as f32).sin()).collect::<Vec<f32>>()).unwrap();
    let size = x.bytes().len();
    let file = folder.join("x.npz");
    let ((), peak_of_npz) = peak(|| npz::save(&file, &[("x", &x)]).unwrap());
    within("saving x.npz", peak_of_npz, 0);
    let (read, peak_of_npz) = peak(|| npz::load(&file).unwrap());
    within("loading x.npz", peak_of_npz, size);
    assert_eq!(read["x"], x);
    let ((), peak_of_npy) = peak(|| npy::save(folder.join("x.npy"), &x).unwrap());
    within("saving x.npy", peak_of_npy, 0);

    // As large as its input.
    let mut model = Sequential::new().add(Input::new([256])).add(Activation::new("relu"));
    model.predict(x.rows(0, 64).unwrap(), Predict::new()).unwrap();
    let (outputs, peak_of_outputs) = peak(|| model.predict(&x, Predict::new()).unwrap());
    within("predict", peak_of_outputs, size);
    assert_eq!(outputs.shape(), x.shape());
}
