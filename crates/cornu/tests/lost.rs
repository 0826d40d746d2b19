//! A device that fails in the middle of a step: what is lost is said, and never used again.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]
mod mock;

use cornu::backend;
use cornu::distribution::{DataParallel, set_distribution};
use cornu::prelude::*;

fn model() -> Sequential {
    utils::clear_session();
    utils::set_random_seed(3);
    let mut model = Sequential::new().add(Input::new([4])).add(Dense::new(4)).add(Dense::new(2));
    model.compile(Compile::new("adam", "mse")).unwrap();
    model
}

#[test]
fn a_model_without_its_state_says_so() {
    let (_guard, real) = mock::engine();
    if real {
        println!("skipped: a real plugin does not fail on demand");
        return;
    }
    backend::set("pjrt").unwrap();
    let (x, y) = (Tensor::ones([8, 4], DType::F32), Tensor::ones([8, 2], DType::F32));
    let fit = || Fit::new().batch_size(4).epochs(2).verbose(0);
    for distributed in [None, Some(DataParallel::new())] {
        set_distribution(distributed).unwrap();
        for line in ["execute_donated 2", "execute_partly 2", "execute_late 2", "execute_late_on_last 1"] {
            let mut model = model();
            let before = model.get_weights().unwrap();
            mock::control(&format!("fail {line} INTERNAL it broke"));
            let e = model.fit(&x, &y, fit()).unwrap_err().to_string();
            let broke = "backend `pjrt`: cannot run the program: it broke (INTERNAL)";
            assert!(e.starts_with(broke), "{line}: {e}");
            assert!(e.contains("the variables were handed over to the step that failed and are lost"), "{e}");

            // Nothing goes on as if it were whole: not the weights, nor what is computed from them, nor files.
            let lost = format!(
                "weight `kernel` is lost: a step that had it in its hands failed: {broke}\n  help: load the model again, or set \
                 its weights"
            );
            let path = std::env::temp_dir().join(format!("cornu-lost-{}.keras", std::process::id()));
            assert_eq!(model.get_weights().unwrap_err().to_string(), lost, "{line}");
            assert_eq!(model.predict(&x, Predict::new().verbose(0)).unwrap_err().to_string(), lost);
            assert!(model.fit(&x, &y, fit()).unwrap_err().to_string().contains(&lost));
            assert!(model.save(&path).unwrap_err().to_string().contains("is lost"));
            assert!(!path.exists());

            // With weights it predicts; the optimizer must start over before it learns.
            model.set_weights(&before).unwrap();
            model.predict(&x, Predict::new().verbose(0)).unwrap();
            let e = model.fit(&x, &y, fit()).unwrap_err().to_string();
            assert!(e.starts_with("state `iteration` is lost"), "{e}");
            assert!(
                e.ends_with("help: load the model again, or compile it: the optimizer starts over then"),
                "{e}"
            );
            model.compile(Compile::new("adam", "mse")).unwrap();
            model.fit(&x, &y, fit()).unwrap();
        }
    }
    // What a step only reads outlives it.
    let mut model = model();
    let y_pred = model.predict(&x, Predict::new().verbose(0)).unwrap();
    mock::control("fail execute_donated 1 INTERNAL it broke");
    assert!(model.predict(&x, Predict::new().verbose(0)).is_err());
    assert_eq!(model.predict(&x, Predict::new().verbose(0)).unwrap(), y_pred);

    drop(model);
    set_distribution(None).unwrap();
    backend::set("cpu").unwrap();
    let left = mock::report("live");
    // The client stays open, as the engine of the process.
    assert_eq!(left, "client 1");
    assert_eq!(mock::report("misuse"), "");
}
