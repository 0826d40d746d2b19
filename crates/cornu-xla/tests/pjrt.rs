//! The PJRT engine on the mock plugin: protocol, lifetimes, the disk, every error.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]
mod support;

use cornu_graph::{Backend, Buffer, Builder, DType, Executable, Graph, Spec, Tensor};
use cornu_xla::pjrt::{Options, Pjrt};
use std::fs;
use std::path::Path;
use support::{Mock, with_cache};

/// A variable to which the input is added; also gives their product.
fn graph() -> Graph {
    let b = Builder::new();
    let (w, x) = (b.input(Spec::f32([2])), b.input(Spec::f32([2])));
    let mut graph = b.finish(&[&w + &x, &w * &x]).unwrap();
    graph.state = 1;
    graph
}

fn start() -> Tensor {
    Tensor::from([1f32, 2.0])
}

fn given() -> Tensor {
    Tensor::from([10f32, 20.0])
}

fn nothing() -> [Tensor; 1] {
    [Tensor::zeros([0], DType::F32)]
}

fn prepare(pjrt: &Pjrt) -> (Box<dyn Executable>, Box<dyn Buffer>) {
    (pjrt.compile(&graph()).unwrap(), pjrt.upload(&start()).unwrap())
}

#[test]
fn what_is_called() {
    let mock = Mock::new();
    let pjrt = mock.open().unwrap();
    assert_eq!(
        mock.calls(),
        "plugin_initialize plugin_attributes client_create client_platform_name client_platform_version \
         client_addressable_devices device_get_description device_description_id device_description_kind \
         device_get_description device_description_id device_description_kind"
    );
    assert_eq!((pjrt.platform(), pjrt.version(), pjrt.api_version()), ("mock", "mock 1.0", (0, 90)));
    let devices: Vec<(i32, &str)> = pjrt.devices().iter().map(|d| (d.id, &*d.kind)).collect();
    assert_eq!(devices, [(0, "imagined"), (1, "imagined")]);

    let (mut run, mut variable) = prepare(&pjrt);
    assert_eq!(
        mock.calls(),
        "client_compile loaded_executable_get_executable executable_num_outputs executable_destroy \
         client_buffer_from_host_buffer event_destroy"
    );
    let mut out = nothing();
    for step in 0..3 {
        run.run(&mut [&mut *variable], &[given()], &mut out).unwrap();
        // The batch goes up, the old variable and the batch are freed, one output comes back; the variable stays.
        assert_eq!(
            mock.calls(),
            "client_buffer_from_host_buffer event_destroy loaded_executable_execute buffer_destroy buffer_destroy \
             buffer_to_host_buffer event_await event_destroy event_await buffer_destroy event_destroy"
        );
        let before = [1.0 + 10.0 * step as f32, 2.0 + 20.0 * step as f32];
        assert_eq!(out[0], Tensor::from([before[0] * 10.0, before[1] * 20.0]));
    }
    assert_eq!(variable.download().unwrap(), Tensor::from([31f32, 62.0]));
    assert_eq!(mock.calls(), "buffer_to_host_buffer event_await event_destroy");

    drop(run);
    assert_eq!(mock.calls(), "loaded_executable_destroy");
    drop(pjrt);
    assert_eq!(mock.calls(), "");
    // The last that uses it closes the plugin.
    drop(variable);
    assert_eq!(mock.calls(), "buffer_destroy client_destroy");
    mock.assert_clean();
}

/// A second run is begun, with its own batch, while the outputs of the first are still on their way.
#[test]
fn runs_overlap() {
    let mock = Mock::new();
    let pjrt = mock.open().unwrap();
    let (mut run, mut variable) = prepare(&pjrt);
    let first = run.start(&mut [&mut *variable], &[given()]).unwrap().unwrap();
    let second = run.start(&mut [&mut *variable], &[Tensor::from([1f32, 1.0])]).unwrap().unwrap();
    let forgotten = run.start(&mut [&mut *variable], &[Tensor::from([0f32, 0.0])]).unwrap().unwrap();
    let (mut one, mut two) = (nothing(), nothing());
    first.finish(&mut one).unwrap();
    second.finish(&mut two).unwrap();
    drop(forgotten);
    assert_eq!((&one[0], &two[0]), (&Tensor::from([10f32, 40.0]), &Tensor::from([11f32, 22.0])));
    assert_eq!(variable.download().unwrap(), Tensor::from([12f32, 23.0]));
    drop((run, variable, pjrt));
    mock.assert_clean();
}

#[test]
fn every_dtype_and_empty_tensors() {
    let mock = Mock::new();
    let pjrt = mock.open().unwrap();
    for dtype in DType::ALL {
        for shape in [vec![], vec![3], vec![2, 0], vec![2, 3, 4]] {
            let n = shape.iter().product::<usize>();
            let values: Vec<f64> = (0..n).map(|i| (i % 2) as f64).collect();
            let tensor = Tensor::from_f64(shape.clone(), dtype, &values).unwrap();
            let mut variable = pjrt.upload(&tensor).unwrap();
            assert_eq!(variable.download().unwrap(), tensor);
            let zeros = Tensor::zeros(shape.clone(), dtype);
            variable.write(&zeros).unwrap();
            assert_eq!(variable.download().unwrap(), zeros);

            let b = Builder::new();
            let x = b.input(Spec::new(dtype, shape.clone()));
            let mut run = pjrt.compile(&b.finish(&[x]).unwrap()).unwrap();
            let mut out = nothing();
            run.run(&mut [], std::slice::from_ref(&tensor), &mut out).unwrap();
            assert_eq!(out[0], tensor);
        }
    }
    drop(pjrt);
    mock.assert_clean();
}

#[test]
fn options_reach_the_plugin() {
    let mock = Mock::new();
    let options = Options {
        memory_fraction: Some(0.25),
        preallocate: Some(false),
        visible_devices: vec![0, 1],
        ..Options::default()
    };
    let pjrt = Pjrt::with_options(Some(&mock.path()), &options).unwrap();
    let report = mock.report();
    let given: Vec<&str> = report.iter().filter_map(|l| l.strip_prefix("option ")).collect();
    assert_eq!(given, ["memory_fraction=0.25", "preallocate=false", "visible_devices=[0, 1]"]);

    // One client for all: it may have taken the memory of the device.
    let again = Pjrt::with_options(Some(&mock.path()), &options).unwrap();
    assert_eq!(mock.calls(), "");
    let message = mock.refusal();
    assert_eq!(
        message,
        "backend `pjrt`: mock.so is in use with other options\n  help: options are set before the first model is compiled"
    );
    let wrong = Options { memory_fraction: Some(0.0), ..options };
    let e = Pjrt::with_options(Some(&mock.path()), &wrong).unwrap_err().to_string();
    assert_eq!(e, "CORNU_PJRT_MEMORY_FRACTION: must be more than 0 and at most 1, got 0");

    drop((pjrt, again));
    mock.open().unwrap();
    assert!(mock.calls().starts_with("client_destroy client_create "));
    mock.assert_clean();
}

#[test]
fn no_plugin() {
    let e = Pjrt::open(Some(Path::new("/nowhere/plugin.so"))).unwrap_err().to_string();
    assert!(
        e.starts_with("backend `pjrt`: /nowhere/plugin.so cannot be opened: /nowhere/plugin.so: "),
        "{e}"
    );
    assert!(
        e.ends_with(
            "\n  help: `CORNU_PJRT_PLUGIN` is the path of a PJRT plugin; pip install \"jax-cuda13-plugin[with-cuda]\""
        ),
        "{e}"
    );
    let other = if cfg!(target_os = "macos") { "/usr/lib/libSystem.B.dylib" } else { "libm.so.6" };
    let e = Pjrt::open(Some(Path::new(other))).unwrap_err().to_string();
    let expected =
        format!("backend `pjrt`: {other} is no PJRT plugin: it has no function `GetPjrtApi`\n  help: ");
    assert!(e.starts_with(&expected), "{e}");
}

#[test]
fn other_versions() {
    let mock = Mock::new();
    mock.control(&["version 1 3"]);
    assert_eq!(
        mock.refusal(),
        "backend `pjrt`: the PJRT API of mock.so is 1.3, and that of cornu 0.90\n  help: take a plugin of the same major \
         version, or another version of cornu"
    );
    let mock = Mock::new();
    mock.control(&["version 0 1", "table 200"]);
    let needed = size_of::<cornu_xla::pjrt::api::Api>();
    assert_eq!(
        mock.refusal(),
        format!(
            "backend `pjrt`: the PJRT API of mock.so is 0.1, which is too old: its table has 200 bytes of the {needed} \
             that cornu needs (0.90)\n  help: take a newer plugin"
        )
    );
    let mock = Mock::new();
    mock.control(&["table 8"]);
    assert!(mock.refusal().contains("is of an unknown version, which is too old: its table has 8 bytes"));
    // Newer and larger is no hindrance.
    let mock = Mock::new();
    mock.control(&["version 0 200", "table 5000"]);
    assert_eq!(mock.open().unwrap().api_version(), (0, 200));
    mock.assert_clean();
}

#[test]
fn what_does_not_open() {
    let mock = Mock::new();
    mock.control(&["devices 0"]);
    assert_eq!(
        mock.refusal(),
        "backend `pjrt`: mock.so finds no device\n  help: see what `CORNU_PJRT_DEVICES` and the like of the platform say"
    );
    mock.control(&["devices 1", "fail client_create 1 FAILED_PRECONDITION No visible GPU devices."]);
    assert_eq!(
        mock.refusal(),
        "backend `pjrt`: cannot open a device: No visible GPU devices. (FAILED_PRECONDITION)\n  help: see that \
         `nvidia-smi` shows a GPU, and what `CUDA_VISIBLE_DEVICES` says"
    );
    let text =
        "fail client_create 1 INVALID_ARGUMENT Unexpected PJRT_Client_Create_Args size: expected 96, got 88.";
    mock.control(&[text]);
    assert_eq!(
        mock.refusal(),
        "backend `pjrt`: cannot open a device: Unexpected PJRT_Client_Create_Args size: expected 96, got 88. \
         (INVALID_ARGUMENT)\n  help: the plugin's PJRT API is 0.90 and cornu's 0.90: take a plugin of about that version"
    );
    mock.control(&["fail device_description_kind 1 INTERNAL it broke"]);
    assert_eq!(mock.refusal(), "backend `pjrt`: cannot ask for a device's description: it broke (INTERNAL)");
    mock.assert_clean();

    let mock = Mock::new();
    mock.control(&["fail plugin_initialize 1 UNAVAILABLE no driver"]);
    assert_eq!(mock.refusal(), "backend `pjrt`: cannot initialize the plugin: no driver (UNAVAILABLE)");
    mock.open().unwrap();
    mock.assert_clean();
}

const MEMORY: &str = "\n  help: take smaller batches or `mixed_bfloat16`; see whether other processes use the device; \
                      `CORNU_PJRT_MEMORY_FRACTION` says which part of its memory may be used";

#[test]
fn what_does_not_compile() {
    let mock = Mock::new();
    let pjrt = mock.open().unwrap();
    let refusal = |line: &str| {
        mock.control(&[line]);
        pjrt.compile(&graph()).err().unwrap().to_string()
    };
    assert_eq!(
        refusal("fail client_compile 1 UNIMPLEMENTED unsupported op stablehlo.rng_bit_generator"),
        "backend `pjrt`: cannot compile the program: unsupported op stablehlo.rng_bit_generator (UNIMPLEMENTED)\n  help: \
         `CORNU_BACKEND=cpu` runs everything"
    );
    assert_eq!(
        refusal("fail client_compile 1 INVALID_ARGUMENT cannot parse"),
        "backend `pjrt`: cannot compile the program: cannot parse (INVALID_ARGUMENT)"
    );
    assert_eq!(
        refusal("fail client_compile 1 RESOURCE_EXHAUSTED 90 GB"),
        format!(
            "backend `pjrt`: the device is out of memory: cannot compile the program: 90 GB (RESOURCE_EXHAUSTED){MEMORY}"
        )
    );
    assert_eq!(
        refusal("fail executable_num_outputs 1 INTERNAL it broke"),
        "backend `pjrt`: cannot look at the program: it broke (INTERNAL)"
    );
    drop(pjrt);
    mock.assert_clean();
}

#[test]
fn what_does_not_run() {
    let mock = Mock::new();
    let pjrt = mock.open().unwrap();
    let (mut run, mut variable) = prepare(&pjrt);
    let lost = "\n  help: the variables were handed over to the step that failed and are lost: load the weights again";
    let mut attempt = |line: &str, variable: &mut Box<dyn Buffer>| {
        mock.control(&[line]);
        run.run(&mut [&mut **variable], &[given()], &mut nothing()).unwrap_err().to_string()
    };

    // Before the variables were handed over, they are as they were.
    assert_eq!(
        attempt(
            "fail client_buffer_from_host_buffer 1 RESOURCE_EXHAUSTED 8 bytes are too many",
            &mut variable
        ),
        format!(
            "backend `pjrt`: the device is out of memory: cannot copy to the device (8 bytes): 8 bytes are too many \
             (RESOURCE_EXHAUSTED){MEMORY}"
        )
    );
    assert_eq!(
        attempt("fail loaded_executable_execute 1 RESOURCE_EXHAUSTED no room", &mut variable),
        format!(
            "backend `pjrt`: the device is out of memory: cannot run the program: no room (RESOURCE_EXHAUSTED){MEMORY}"
        )
    );
    assert_eq!(
        attempt("fail loaded_executable_execute 1 UNAVAILABLE gone", &mut variable),
        "backend `pjrt`: cannot run the program: gone (UNAVAILABLE)"
    );
    assert_eq!(variable.download().unwrap(), start());

    // Afterwards they are lost, which is said, and can be set again.
    assert_eq!(
        attempt("fail execute_donated 1 INTERNAL it broke", &mut variable),
        format!("backend `pjrt`: cannot run the program: it broke (INTERNAL){lost}")
    );
    let e = variable.download().unwrap_err().to_string();
    assert_eq!(
        e,
        "backend `pjrt`: cannot copy from the device: Buffer has been deleted or donated. (INVALID_ARGUMENT)"
    );
    variable.write(&start()).unwrap();
    assert_eq!(
        attempt("fail execute_late 1 RESOURCE_EXHAUSTED no room", &mut variable),
        format!(
            "backend `pjrt`: the device is out of memory: cannot run the program: no room (RESOURCE_EXHAUSTED){MEMORY}{lost}"
        )
    );
    let e = variable.download().unwrap_err().to_string();
    assert!(
        e.starts_with("backend `pjrt`: the device is out of memory: cannot copy from the device: no room"),
        "{e}"
    );

    // The new value is there when only an output did not arrive.
    variable.write(&start()).unwrap();
    assert_eq!(
        attempt("fail buffer_to_host_buffer 1 DATA_LOSS a cable", &mut variable),
        "backend `pjrt`: cannot copy from the device: a cable (DATA_LOSS)"
    );
    assert_eq!(variable.download().unwrap(), Tensor::from([11f32, 22.0]));
    variable.write(&start()).unwrap();
    run.run(&mut [&mut *variable], &[given()], &mut nothing()).unwrap();
    assert_eq!(variable.download().unwrap(), Tensor::from([11f32, 22.0]));

    mock.control(&["fail client_buffer_from_host_buffer 1 RESOURCE_EXHAUSTED full"]);
    let e = pjrt.upload(&start()).unwrap_err().to_string();
    assert!(
        e.starts_with(
            "backend `pjrt`: the device is out of memory: cannot copy to the device (8 bytes): full"
        ),
        "{e}"
    );
    drop((run, variable, pjrt));
    mock.assert_clean();
}

#[test]
fn what_does_not_fit() {
    let mock = Mock::new();
    let pjrt = mock.open().unwrap();
    let (mut run, mut variable) = prepare(&pjrt);
    let mut attempt = |variable: &mut dyn Buffer, inputs: &[Tensor], outputs: usize| {
        let mut out = vec![Tensor::zeros([0], DType::F32); outputs];
        run.run(&mut [variable], inputs, &mut out).unwrap_err().to_string()
    };
    let wrong = attempt(&mut *variable, &[Tensor::from([1f32])], 1);
    assert_eq!(wrong, "input 0 of the graph is float32[2], got float32[1]");
    let wrong = attempt(&mut *variable, &[], 1);
    assert_eq!(wrong, "a graph with (1, 1) variables and inputs was given (1, 0)");
    let wrong = attempt(&mut *variable, &[given()], 2);
    assert_eq!(wrong, "a graph with 1 outputs was given room for 2");
    let mut other = cornu_graph::Reference.upload(&start()).unwrap();
    assert_eq!(attempt(&mut *other, &[given()], 1), "a variable lives on another engine");
    let another = Mock::new();
    let foreign = another.open().unwrap();
    let mut other = foreign.upload(&start()).unwrap();
    assert_eq!(attempt(&mut *other, &[given()], 1), "a variable lives on another engine");
    let mut other = pjrt.upload(&Tensor::from([1i32, 2])).unwrap();
    assert_eq!(attempt(&mut *other, &[given()], 1), "variable 0 is float32[2], got int32[2]");
    assert_eq!(
        variable.write(&Tensor::from([1i32, 2])).unwrap_err().to_string(),
        "a variable float32[2] cannot be set to int32[2]"
    );
    assert_eq!(variable.download().unwrap(), start());
    drop((run, variable, other, pjrt));
    mock.assert_clean();
}

#[test]
fn programs_on_disk() {
    let mock = Mock::new();
    let cache = mock.dir.join("cache");
    let pjrt = with_cache(&mock, &cache);
    let works = || {
        let (mut run, mut variable) = prepare(&pjrt);
        let mut out = nothing();
        run.run(&mut [&mut *variable], &[given()], &mut out).unwrap();
        assert_eq!(
            (variable.download().unwrap(), &out[0]),
            (Tensor::from([11f32, 22.0]), &Tensor::from([10f32, 40.0]))
        );
        drop((run, variable));
        mock.calls()
    };
    let (compiled, loaded) = ("client_compile ", "executable_deserialize_and_load ");
    let files =
        || -> Vec<_> { fs::read_dir(cache.join("pjrt")).unwrap().map(|f| f.unwrap().path()).collect() };
    mock.calls();

    let calls = works();
    assert!(
        calls.starts_with("client_compile loaded_executable_get_executable executable_serialize "),
        "{calls}"
    );
    let [file] = &files()[..] else { panic!("one program, not {:?}", files()) };
    let whole = fs::read(file).unwrap();
    assert!(works().starts_with(loaded));

    // Damaged, or of another plugin: compiled again and mended.
    for damaged in [&whole[..whole.len() / 2], b"", b"garbage"] {
        fs::write(file, damaged).unwrap();
        assert!(works().starts_with(compiled));
        assert_eq!(fs::read(file).unwrap(), whole);
    }
    mock.control(&["fail executable_deserialize_and_load 1 INVALID_ARGUMENT of another version"]);
    let calls = works();
    // What went wrong was taken note of and freed.
    assert!(calls.starts_with("executable_deserialize_and_load client_compile "), "{calls}");
    assert!(works().starts_with(loaded));

    // Another graph is another program.
    let b = Builder::new();
    let x = b.input(Spec::f32([2]));
    pjrt.compile(&b.finish(&[x.exp()]).unwrap()).unwrap();
    assert!(mock.calls().starts_with(compiled));
    assert_eq!(files().len(), 2);

    // A plugin that cannot write programs, a folder that cannot be: all works without.
    mock.control(&["fail executable_serialize 1 UNIMPLEMENTED not here"]);
    files().iter().for_each(|file| fs::remove_file(file).unwrap());
    assert!(works().starts_with(compiled));
    assert_eq!(files().len(), 0);
    drop(pjrt);
    fs::remove_dir_all(&cache).unwrap();
    fs::write(&cache, "a file in the way").unwrap();
    let pjrt = with_cache(&mock, &cache);
    let (run, variable) = prepare(&pjrt);
    drop((run, variable, pjrt));
    mock.assert_clean();

    let lacking = Mock::new();
    lacking.control(&["lack executable_serialize"]);
    let pjrt = with_cache(&lacking, &cache.with_extension("2"));
    drop(prepare(&pjrt));
    assert!(!lacking.calls().contains("serialize"));
}

/// Another plugin file is another program: the key holds its path, size and time.
#[test]
fn programs_of_another_plugin() {
    let (one, two) = (Mock::new(), Mock::new());
    let cache = one.dir.join("cache");
    for mock in [&one, &two] {
        drop(prepare(&with_cache(mock, &cache)));
        assert!(mock.calls().contains("client_compile"));
    }
    drop(prepare(&with_cache(&one, &cache)));
    assert!(!one.calls().contains("client_compile"));
}
