//! The text of modules. `testdata/stablehlo/CASE.txt` holds a graph, a line `---`, and its module; with `UPDATE=1` the second
//! part is written anew.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu_graph::{Graph, testing, text, verify};
use cornu_xla::stablehlo::{Options, Precision, Shared, module};
use std::collections::HashSet;
use std::path::Path;

#[test]
fn text_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/stablehlo");
    let mut count = 0;
    for file in std::fs::read_dir(&root).unwrap().map(|e| e.unwrap().path()) {
        let case = std::fs::read_to_string(&file).unwrap();
        let (graph, want) = case.split_once("---\n").unwrap_or((&case, ""));
        let parsed = text::parse(graph).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        verify(&parsed).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let got = module(&parsed, &Options::default()).unwrap();
        well_formed(&got);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, format!("{graph}---\n{got}")).unwrap();
        } else {
            assert!(got == want, "{}:\nexpected\n{want}\ngot\n{got}", file.display());
        }
        count += 1;
    }
    assert!(count >= 8, "only {count} cases in {}", root.display());
}

/// Each value is named once, before it is used; what is opened is closed.
fn well_formed(module: &str) {
    let mut known: HashSet<&str> = HashSet::new();
    let mut open = vec![];
    for c in module.chars() {
        match c {
            '(' | '{' | '[' => open.push(c),
            ')' => assert_eq!(open.pop(), Some('('), "{module}"),
            '}' => assert_eq!(open.pop(), Some('{'), "{module}"),
            ']' => assert_eq!(open.pop(), Some('['), "{module}"),
            _ => {}
        }
    }
    assert!(open.is_empty(), "{module}");
    for line in module.lines() {
        let (made, used) = match line.split_once(" = \"") {
            _ if line.contains("func.func") || line.trim_start().starts_with('^') => (line, ""),
            Some((made, used)) => (made, used),
            None => ("", line),
        };
        for name in values(used) {
            assert!(known.contains(name), "{name} is used before it is made:\n{module}");
        }
        for name in values(made) {
            assert!(known.insert(name), "{name} is made twice:\n{module}");
        }
    }
}

/// `%3` of each `%3`, `%3:2` and `%3#1`.
fn values(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('%').map(|(start, _)| {
        let digits = text[start + 1..].bytes().take_while(u8::is_ascii_digit).count();
        &text[start..start + 1 + digits]
    })
}

#[test]
fn every_op_has_a_lowering() {
    let (cases, options) = (60, [Options::default(), everything()]);
    let mut total = 0;
    for op in testing::ops() {
        for case in (0..cases).filter_map(|seed| testing::case(op, seed).unwrap()) {
            for options in &options {
                let text = module(&case.graph, options);
                well_formed(&text.unwrap_or_else(|e| panic!("{op}: {e}\n{}", case.graph)));
            }
            total += 1;
        }
    }
    for seed in 0..40 {
        let case = testing::random_graph(seed, 5 + seed as usize).unwrap();
        well_formed(&module(&case.graph, &options[0]).unwrap());
    }
    assert!(total > 1500, "{total}");
    println!("{total} cases");
}

fn everything() -> Options {
    let shared = Some(Shared { parts: 2, axes: vec![None; 9] });
    Options { alias_state: true, precision: Precision::Highest, keep_nan: true, shared }
}

#[test]
fn options() {
    let mut graph: Graph = text::parse(
        "graph (%0: float32[2,2], %1: float32[2,2]) {
  %2 = dot(%0, %1) a_batch=[] b_batch=[] a_contract=[1] b_contract=[0] : float32[2,2]
  %3 = binary(%0, %2) kind=max : float32[2,2]
  return %3
}
",
    )
    .unwrap();
    let plain = module(&graph, &Options::default()).unwrap();
    assert!(plain.contains("stablehlo.maximum"), "{plain}");
    assert!(!plain.contains("precision") && !plain.contains("tf.aliasing_output"), "{plain}");
    graph.state = 1;
    let text = module(&graph, &Options { shared: None, ..everything() }).unwrap();
    assert!(
        text.contains("@main(%0: tensor<2x2xf32> {tf.aliasing_output = 0 : i32}, %1: tensor<2x2xf32>)"),
        "{text}"
    );
    assert!(text.contains("precision_config = [#stablehlo<precision HIGHEST>"), "{text}");
    assert!(!text.contains("stablehlo.maximum"), "{text}");
}

/// XLA cuts the program by what is said of its inputs and outputs.
#[test]
fn several_devices() {
    let mut graph: Graph = text::parse(
        "graph (%0: float32[3], %1: float32[4,3], %2: float32[]) {
  %3 = reduce(%1) kind=sum axes=[0] : float32[3]
  %4 = binary(%0, %3) kind=add : float32[3]
  return %4
}
",
    )
    .unwrap();
    graph.state = 1;
    let shared = Some(Shared { parts: 4, axes: vec![None, Some(0), None] });
    let text = module(&graph, &Options { alias_state: true, shared, ..Options::default() }).unwrap();
    let head = "module @cornu attributes {mhlo.num_partitions = 4 : i32, mhlo.num_replicas = 1 : i32} {
  sdy.mesh @mesh = <[\"batch\"=4]>
  func.func public @main(%0: tensor<3xf32> {tf.aliasing_output = 0 : i32, sdy.sharding = #sdy.sharding<@mesh, [{}]>}, \
         %1: tensor<4x3xf32> {sdy.sharding = #sdy.sharding<@mesh, [{\"batch\"}, {}]>}, \
         %2: tensor<f32> {sdy.sharding = #sdy.sharding<@mesh, []>}) -> (tensor<3xf32> {sdy.sharding = #sdy.sharding<@mesh, \
         [{}]>}) {
";
    assert!(text.starts_with(head), "{text}");
    well_formed(&text);
}
