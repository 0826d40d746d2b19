//! What has no kernel: rare ops, and rare dtypes of others. The interpreter runs them; each run allocates.
use super::{Args, Kernel, Lower};
use cornu_graph::ops::{Cumulative, CustomVjp, Fused, Polygamma, Sort, TopK};
use cornu_graph::{Graph, Node, Op, Result, Source, Spec, Tensor, ValueId, interpret};

macro_rules! left_to_the_interpreter {
    ($($Op:ident)*) => { $(
        impl Lower for $Op {
            fn lower(&self, _: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
                Ok(None)
            }
        }
    )* };
}
left_to_the_interpreter! { Cumulative CustomVjp Fused Polygamma Sort TopK }

/// A kernel that interprets a graph of this one node.
pub(crate) fn kernel(op: &Op, inputs: &[&Spec], outputs: &[Spec]) -> Kernel {
    let input = |spec: &&Spec| Node {
        op: Op::Input,
        inputs: vec![],
        outputs: vec![(*spec).clone()],
        source: Source::default(),
    };
    let mut graph = Graph { nodes: inputs.iter().map(input).collect(), ..Graph::default() };
    graph.inputs = (0..inputs.len()).map(|i| ValueId::new(i, 0)).collect();
    graph.nodes.push(Node {
        op: op.clone(),
        inputs: graph.inputs.clone(),
        outputs: outputs.to_vec(),
        source: Source::default(),
    });
    graph.outputs = (0..outputs.len()).map(|i| ValueId::new(inputs.len(), i)).collect();
    let specs: Vec<Spec> = inputs.iter().map(|&s| s.clone()).collect();
    Kernel { run: Box::new(move |args| run(&graph, &specs, args)), scratch: 0 }
}

fn run(graph: &Graph, specs: &[Spec], args: &Args) -> Result<()> {
    let mut inputs = Vec::with_capacity(specs.len());
    for (i, spec) in specs.iter().enumerate() {
        let mut tensor = Tensor::zeros(spec.shape.clone(), spec.dtype);
        // SAFETY: the plan gives each input the memory of its spec.
        tensor.copy_from_bytes(unsafe { std::slice::from_raw_parts(args.input::<u8>(i), spec.bytes()) })?;
        inputs.push(tensor);
    }
    for (i, tensor) in interpret(graph, &inputs)?.iter().enumerate() {
        let bytes = tensor.bytes();
        // SAFETY: the plan gives each output the memory of its spec.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), args.output::<u8>(i), bytes.len()) };
    }
    Ok(())
}
