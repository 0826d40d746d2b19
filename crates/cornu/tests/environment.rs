//! What the environment says, in processes that have it: empty variables count as unset, and what makes no sense is refused.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::backend;
use cornu::prelude::*;
use std::process::Command;

const STEP: &str = "CORNU_TEST_ENVIRONMENT";

/// What the tests below have done in a process with another environment.
#[test]
fn step() {
    let said = match std::env::var(STEP).as_deref() {
        Ok("predict") => {
            let mut model = Sequential::new().add(Input::new([2])).add(Rescaling::new(2.0));
            let y = model.predict(Tensor::from([[1f32, 2.0]]), Predict::new().verbose(0));
            y.map_or_else(|e| e.to_string(), |y| format!("{:?}", y.to_f64()))
        }
        Ok("threads") => backend::num_threads().to_string(),
        // A name that no server has, on a server that is not there.
        Ok("data") => datasets::mnist::load_data().unwrap_err().to_string(),
        Ok("summary") => Sequential::new().add(Input::new([2])).add(Dense::new(1)).summary(),
        Ok("tensorflow") => match backend::list_devices().into_iter().find(|d| d.backend == "tensorflow") {
            Some(device) => format!("{device:?}"),
            None => "not listed".into(),
        },
        _ => return,
    };
    println!("<{said}>");
}

/// What a process says of a step, when these variables are set; those without a value are removed.
fn run(step: &str, variables: &[(&str, Option<&str>)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "step", "--nocapture"]).env(STEP, step);
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let (start, end) = (said.find('<').unwrap(), said.rfind('>').unwrap());
    said[start + 1..end].to_string()
}

/// The same of a process without the variable, and of one where it is empty.
#[track_caller]
fn alike(step: &str, name: &str, others: &[(&str, Option<&str>)]) -> String {
    let with = |value| run(step, &[others, &[(name, value)]].concat());
    let unset = with(None);
    assert_eq!(with(Some("")), unset, "{name}");
    unset
}

#[test]
fn empty_is_unset() {
    assert_eq!(alike("predict", "CORNU_BACKEND", &[]), "[2.0, 4.0]");
    let on_cpu = [("CORNU_BACKEND", Some("cpu"))];
    alike("predict", "CORNU_SIMD", &on_cpu);
    alike("predict", "CORNU_NUM_THREADS", &on_cpu);
    let all = alike("threads", "CORNU_NUM_THREADS", &[]);
    assert_eq!(all, std::thread::available_parallelism().unwrap().to_string());
    alike("summary", "COLUMNS", &[]);
    alike("tensorflow", "TENSORFLOW_DIR", &[]);
    // Where nothing answers: the message says which address and folder were tried.
    let nowhere = std::env::temp_dir().join(format!("cornu-environment-{}", std::process::id()));
    let (nowhere, server) = (nowhere.to_str(), ("CORNU_DATA_URL", Some("http://127.0.0.1:1")));
    let said = alike("data", "CORNU_DATA_DIR", &[("KERAS_HOME", nowhere), server]);
    assert!(said.contains("http://127.0.0.1:1/mnist.npz") && said.contains(nowhere.unwrap()), "{said}");
    let said = alike("data", "KERAS_HOME", &[("HOME", nowhere), ("CORNU_DATA_DIR", None), server]);
    assert!(said.contains(&format!("{}/.keras", nowhere.unwrap())), "{said}");
}

#[test]
fn what_is_set_counts() {
    assert_eq!(run("predict", &[("CORNU_BACKEND", Some("reference"))]), "[2.0, 4.0]");
    assert_eq!(run("threads", &[("CORNU_NUM_THREADS", Some("3"))]), "3");
    for simd in ["portable", "avx2", "avx512"] {
        let said = run("predict", &[("CORNU_BACKEND", Some("cpu")), ("CORNU_SIMD", Some(simd))]);
        assert_eq!(said, "[2.0, 4.0]");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |name, value, expected: &str| {
        let said = run("predict", &[("CORNU_BACKEND", None), (name, Some(value))]);
        assert!(said.contains(expected), "{name}={value}: {said}");
    };
    refused("CORNU_BACKEND", "cpi", "there is no engine `cpi`");
    refused("CORNU_NUM_THREADS", "two", "CORNU_NUM_THREADS: expected a number of threads from 1, got `two`");
    refused("CORNU_NUM_THREADS", "0", "expected a number of threads from 1, got `0`");
    refused("CORNU_SIMD", "avx", "unknown CORNU_SIMD `avx`; did you mean `avx2`?");
}
