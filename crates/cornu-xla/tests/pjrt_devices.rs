//! Several devices of a PJRT plugin at once, on the mock: who gets what, lifetimes, and what happens when one fails.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]
mod support;

use cornu_graph::{Backend, Buffer, Builder, DType, Executable, Graph, Spec, Tensor};
use std::sync::Arc;
use support::{Mock, with_cache};

/// A variable to which the sum over a batch is added, one that is only read, and the batch with that.
fn graph(rows: usize) -> Graph {
    let b = Builder::new();
    let [w, c] = [3, 3].map(|n| b.input(Spec::f32([n])));
    let (x, y) = (b.input(Spec::f32([rows, 3])), b.input(Spec::f32([2, rows])));
    let mut graph = b.finish(&[&w + x.sum([0]), c.clone(), &x + &c, y.sum([0])]).unwrap();
    graph.state = 2;
    graph
}

/// Both inputs have the batch, along another axis each.
const AXES: [Option<usize>; 2] = [Some(0), Some(1)];

fn numbers(shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    Tensor::new(shape, (0..n).map(|i| i as f32).collect::<Vec<_>>()).unwrap()
}

struct Prepared {
    run: Box<dyn Executable>,
    variables: [Box<dyn Buffer>; 2],
    rows: usize,
}

impl Prepared {
    fn new(engine: &Arc<dyn Backend>, rows: usize) -> Prepared {
        let run = engine.compile_shared(&graph(rows), &AXES).unwrap();
        let variables = [numbers(&[3]), numbers(&[3])].map(|t| engine.upload(&t).unwrap());
        Prepared { run, variables, rows }
    }

    fn step(&mut self) -> cornu_graph::Result<[Tensor; 2]> {
        let mut out = [0, 0].map(|n| Tensor::zeros([n], DType::F32));
        let [a, b] = &mut self.variables;
        let batch = [numbers(&[self.rows, 3]), numbers(&[2, self.rows])];
        self.run.run(&mut [&mut **a, &mut **b], &batch, &mut out)?;
        Ok(out)
    }
}

#[test]
fn the_numbers_of_one_device() {
    let mock = Mock::new();
    mock.control(&["devices 4"]);
    let pjrt = mock.open().unwrap();
    assert_eq!(pjrt.device_names(), ["mock:0", "mock:1", "mock:2", "mock:3"]);
    // Batches that leave a rest, too; and any devices in any order.
    for rows in [8, 6, 1] {
        let alone: Arc<dyn Backend> = Arc::new(pjrt.clone());
        let mut expected = Prepared::new(&alone, rows);
        let out = [expected.step().unwrap(), expected.step().unwrap()];
        for devices in [&[0, 1][..], &[0, 1, 2, 3], &[3, 1], &[2], &[1, 2, 0]] {
            let mut got = Prepared::new(&pjrt.over(devices).unwrap(), rows);
            assert_eq!([got.step().unwrap(), got.step().unwrap()], out, "{devices:?}, {rows}");
            for (a, b) in got.variables.iter().zip(&expected.variables) {
                assert_eq!(a.download().unwrap(), b.download().unwrap());
            }
        }
    }
    drop(pjrt);
    mock.assert_clean();
}

#[test]
fn what_goes_where() {
    let mock = Mock::new();
    mock.control(&["devices 4"]);
    let pjrt = mock.open().unwrap();
    let engine = pjrt.over(&[0, 1]).unwrap();
    let mut run = Prepared::new(&engine, 4);
    mock.report();
    run.step().unwrap();
    // A half of the batch goes to each device; its variables are there.
    assert_eq!(mock.copied(), (4 * 3 + 2 * 4) * 4);
    let mut uneven = Prepared::new(&engine, 5);
    mock.report();
    uneven.step().unwrap();
    assert_eq!(mock.copied(), 2 * (5 * 3 + 2 * 5) * 4);
    // A variable that is set is set on each.
    run.variables[0].write(&numbers(&[3])).unwrap();
    assert_eq!(mock.copied(), 2 * 3 * 4);
    run.step().unwrap();
    drop((run, uneven, engine, pjrt));
    mock.assert_clean();
}

#[test]
fn devices_that_are_not_there() {
    let mock = Mock::new();
    let pjrt = mock.open().unwrap();
    let refusal = |devices: &[usize]| pjrt.over(devices).unwrap_err().to_string();
    let path = mock.path().display().to_string();
    assert_eq!(
        refusal(&[0, 2]),
        format!(
            "backend `pjrt`: there is no device 2: {path} has 2, counted from 0\n  help: see `cornu devices`, and what \
             `CORNU_PJRT_DEVICES` says"
        )
    );
    assert_eq!(refusal(&[1, 1]), "devices: device 1 is named twice");
    assert_eq!(refusal(&[]), "devices: at least one device is needed");
    assert_eq!(
        cornu_graph::Reference.over(&[0, 1]).unwrap_err().to_string(),
        "backend `reference`: it has one device"
    );

    // Variables of other devices are of another engine.
    let mut run = Prepared::new(&pjrt.over(&[0, 1]).unwrap(), 4);
    run.variables[1] = pjrt.over(&[1, 0]).unwrap().upload(&numbers(&[3])).unwrap();
    assert_eq!(run.step().unwrap_err().to_string(), "a variable lives on another engine");
    drop((run, pjrt));
    mock.assert_clean();
}

#[test]
fn one_device_fails() {
    let mock = Mock::new();
    mock.control(&["devices 4"]);
    let pjrt = mock.open().unwrap();
    let engine = pjrt.over(&[0, 1, 2]).unwrap();
    let lost = "are lost: load the weights again";
    let mut run = Prepared::new(&engine, 6);
    let attempt = |line: &str, run: &mut Prepared| {
        mock.control(&[line]);
        run.step().unwrap_err().to_string()
    };
    // The second part of the batch does not arrive; nothing was begun.
    let e = attempt("fail client_buffer_from_host_buffer 2 UNAVAILABLE gone", &mut run);
    assert_eq!(e, "backend `pjrt`: cannot copy to the device (24 bytes): gone (UNAVAILABLE)");
    let e = attempt("fail loaded_executable_execute 1 UNAVAILABLE gone", &mut run);
    assert_eq!(e, "backend `pjrt`: cannot run the program: gone (UNAVAILABLE)");
    assert_eq!(run.variables[0].download().unwrap(), numbers(&[3]));

    // One device had begun, or the last fails later: the variable that was handed over is lost, the other is not.
    for line in ["fail execute_partly 1 INTERNAL it broke", "fail execute_late_on_last 1 INTERNAL it broke"] {
        let e = attempt(line, &mut run);
        assert!(
            e.starts_with("backend `pjrt`: cannot run the program: it broke") && e.ends_with(lost),
            "{e}"
        );
        assert_eq!(run.variables[1].download().unwrap(), numbers(&[3]));
        run.variables[0].write(&numbers(&[3])).unwrap();
        run.step().unwrap();
    }
    // A copy of the variable that cannot be made leaves none behind.
    mock.control(&["fail client_buffer_from_host_buffer 3 RESOURCE_EXHAUSTED full"]);
    assert!(engine.upload(&numbers(&[3])).unwrap_err().to_string().contains("out of memory"));
    drop((run, engine, pjrt));
    mock.assert_clean();
}

/// A program for other devices is another on disk.
#[test]
fn programs_on_disk() {
    let mock = Mock::new();
    mock.control(&["devices 4"]);
    let pjrt = with_cache(&mock, &mock.dir.join("cache"));
    for (devices, compiled) in [(&[0, 1][..], true), (&[0, 1], false), (&[0, 2], true), (&[0, 2, 1], true)] {
        mock.report();
        let mut run = Prepared::new(&pjrt.over(devices).unwrap(), 6);
        assert_eq!(mock.calls().contains("client_compile"), compiled, "{devices:?}");
        run.step().unwrap();
    }
    drop(pjrt);
    mock.assert_clean();
}
