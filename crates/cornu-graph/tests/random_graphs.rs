//! Random graphs: passes keep their results, and the text form gives the same graph back.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu_graph::passes::{self, PASSES, legalize};
use cornu_graph::testing::{self, Case};
use cornu_graph::{Graph, Op, interpret, text, verify};

fn same(what: &str, case: &Case, changed: &Graph) {
    verify(changed).unwrap_or_else(|e| panic!("{what}: {e}\n{changed}"));
    let before = interpret(&case.graph, &case.inputs).unwrap();
    let after = interpret(changed, &case.inputs).unwrap_or_else(|e| panic!("{what}: {e}\n{changed}"));
    for (k, (a, b)) in before.iter().zip(&after).enumerate() {
        assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()), "{what}, output {k}");
        let (a, b) = (a.to_f64(), b.to_f64());
        let largest = a.iter().filter(|x| x.is_finite()).fold(1e-3f64, |m, x| m.max(x.abs()));
        for (i, (x, y)) in a.iter().zip(&b).enumerate() {
            let near = x == y || x.is_nan() && y.is_nan() || (x - y).abs() <= 1e-5 * largest;
            assert!(near, "{what}, output {k}, element {i}: {y}, not {x}\n{}\nbecame\n{changed}", case.graph);
        }
    }
}

fn cases() -> impl Iterator<Item = (String, Case)> {
    let only = std::env::var("CORNU_TEST_OP").ok();
    let chosen = move |op: &str| only.as_deref().is_none_or(|only| only.split(',').any(|o| o == op));
    let graphs = (0..if chosen("") { 120 } else { 0 }).filter_map(|seed| {
        testing::random_graph(seed, 5 + (seed % 35) as usize)
            .map(|case| (format!("random graph {seed}"), case))
    });
    let ops = testing::ops().filter(move |op| chosen(op)).flat_map(|op| {
        (0..20).filter_map(move |seed| {
            Some((format!("op {op}, seed {seed}"), testing::case(op, seed).unwrap()?))
        })
    });
    graphs.chain(ops)
}

#[test]
fn passes_keep_results() {
    for (what, case) in cases() {
        for (name, pass) in PASSES {
            let changed = pass(&case.graph).unwrap_or_else(|e| panic!("{what}, {name}: {e}"));
            same(&format!("{what}, pass {name}"), &case, &changed);
        }
        let changed = passes::optimize(&case.graph).unwrap_or_else(|e| panic!("{what}: {e}"));
        same(&format!("{what}, all passes"), &case, &changed);
    }
}

#[test]
fn legal_ops_keep_results() {
    let lacks = |op: &Op| {
        matches!(op, Op::Softmax(_) | Op::LogSoftmax(_) | Op::Fused(_) | Op::TopK(_) | Op::Polygamma(_))
            || matches!(op, Op::Lu(_) | Op::Qr(_) | Op::Eigh(_) | Op::Svd(_) | Op::Pinv(_))
    };
    for (what, case) in cases() {
        let changed = legalize(&case.graph, &|op, _, _| !lacks(op)).unwrap_or_else(|e| panic!("{what}: {e}"));
        same(&what, &case, &changed);
    }
}

#[test]
fn text_gives_the_same_graph() {
    for (what, case) in cases() {
        let written = case.graph.to_string();
        let read = text::parse(&written).unwrap_or_else(|e| panic!("{what}: {e}\n{written}"));
        assert_eq!(read.to_string(), written, "{what}");
        same(&what, &case, &read);
    }
}
