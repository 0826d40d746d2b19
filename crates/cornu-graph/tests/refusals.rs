//! Ops on inputs that they were not made for: an error that names the op, or a result; never a panic.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu_graph::testing::{self, Random};
use cornu_graph::{DType, Op, Spec};

fn random_spec(random: &mut Random) -> Spec {
    let shape = random.shape(0, 5);
    Spec::new(*random.pick(&DType::ALL), shape)
}

#[test]
fn wrong_inputs_are_refused() {
    let (mut tried, mut refused) = (0, 0);
    for op in testing::ops() {
        for seed in 0..40 {
            let Some(case) = testing::case(op, seed).unwrap() else { continue };
            let mut random = Random::new(seed * 31 + 1);
            for node in case.graph.nodes.iter().filter(|n| n.op.name() == op && n.op != Op::Input) {
                let given: Vec<Spec> = node.inputs.iter().map(|&v| case.graph.spec(v).clone()).collect();
                for _ in 0..12 {
                    let mut specs = given.clone();
                    match random.below(4) {
                        0 => specs.push(random_spec(&mut random)),
                        1 => drop(specs.pop()),
                        _ if specs.is_empty() => {}
                        2 => {
                            let at = random.below(specs.len());
                            specs[at] = random_spec(&mut random);
                        }
                        _ => {
                            let at = random.below(specs.len());
                            specs[at].dtype = *random.pick(&DType::ALL);
                        }
                    }
                    tried += 1;
                    if let Err(e) = node.op.infer(&specs.iter().collect::<Vec<_>>()) {
                        assert!(!e.to_string().is_empty(), "{op}");
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(tried > 10_000 && refused > tried / 3, "{refused} of {tried} refused");
}
