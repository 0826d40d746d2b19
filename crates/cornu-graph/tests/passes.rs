//! Passes on graphs as text: `testdata/passes/PASS/CASE.txt` holds a graph, a line `---`, and what the pass makes of it.
//! With `UPDATE=1` the second part is written anew.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu_graph::passes::{self, PASSES, legalize};
use cornu_graph::{Graph, Op, Result, text, verify};
use std::path::Path;

fn run(pass: &str, graph: &Graph) -> Result<Graph> {
    match pass {
        // As an engine without these two ops would ask for.
        "legalize" => legalize(graph, &|op, _, _| !matches!(op, Op::Softmax(_) | Op::TopK(_))),
        "optimize" => passes::optimize(graph),
        _ => match PASSES.iter().find(|(name, _)| *name == pass) {
            Some((_, run)) => run(graph),
            None => Err(cornu_graph::Error::argument("pass", format!("there is no `{pass}`"))),
        },
    }
}

#[test]
fn text_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/passes");
    let mut count = 0;
    for folder in std::fs::read_dir(&root).unwrap().map(|e| e.unwrap().path()) {
        let pass = folder.file_name().unwrap().to_string_lossy().into_owned();
        for file in std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()) {
            let case = std::fs::read_to_string(&file).unwrap();
            let (before, after) = case.split_once("---\n").unwrap_or((&case, ""));
            let graph = text::parse(before).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            verify(&graph).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            let result = run(&pass, &graph).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            verify(&result).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            // What a pass leaves unused says nothing.
            let got = passes::dce(&result).unwrap().to_string();
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&file, format!("{before}---\n{got}")).unwrap();
            } else {
                assert!(got == after, "{}:\nexpected\n{after}\ngot\n{got}", file.display());
            }
            count += 1;
        }
    }
    assert!(count >= 12, "only {count} cases in {}", root.display());
}
