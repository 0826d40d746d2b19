//! Products and convolutions whose epilogue adds a bias and applies ReLU.
use super::convolution::geometry;
use super::dot::Product;
use super::{Args, Kernel, lower};
use crate::gemm::Epilogue;
use crate::schedule::Affine;
use cornu_graph::{Graph, Op, Result, Spec};

/// The kernel of a product with its epilogue: inputs are those of the product, then the bias.
///
/// # Errors
/// As for [`lower`].
pub(crate) fn affine(graph: &Graph, affine: &Affine) -> Result<Kernel> {
    let node = &graph.nodes[affine.nodes[0]];
    let specs: Vec<&Spec> = node.inputs.iter().map(|&v| graph.spec(v)).collect();
    let relu = affine.relu;
    let epilogue = move |args: &Args| Epilogue { bias: args.input(2), relu, accumulate: false };
    let out = &node.outputs[0];
    match &node.op {
        Op::Dot(dot) => {
            if let Some(product) = Product::new(dot, &specs) {
                return Ok(Kernel::with_scratch(product.scratch_bytes(), move |args: &Args| {
                    let (a, b) = (args.input(0), args.input(1));
                    // SAFETY: the plan gives operands the memory of their specs.
                    unsafe { product.run(a, b, args.output(0), &epilogue(args), args.scratch()) };
                }));
            }
        }
        Op::Conv(conv) => {
            let (x, w) = (specs[0], specs[1]);
            if let Some(g) = geometry(&conv.window, x.dtype, &x.shape, &w.shape, &out.shape) {
                return Ok(Kernel::with_scratch(g.forward_scratch(), move |args: &Args| {
                    let (x, w) = (args.input(0), args.input(1));
                    // SAFETY: the plan gives operands the memory of their specs.
                    unsafe { g.forward(x, w, args.output(0), &epilogue(args), args.scratch()) };
                }));
            }
        }
        _ => {}
    }
    separate(graph, affine)
}

/// What has no epilogue: the product, then the bias, one number at a time.
fn separate(graph: &Graph, affine: &Affine) -> Result<Kernel> {
    let product = lower(graph, affine.nodes[0])?;
    let out = &graph.nodes[affine.nodes[0]].outputs[0];
    let (n, columns, relu) = (out.len(), out.shape[out.rank() - 1], affine.relu);
    let run = move |args: &Args| -> Result<()> {
        (product.run)(args)?;
        let (y, bias) = (args.output::<f32>(0), args.input::<f32>(2));
        for i in 0..n {
            // SAFETY: the output has `n` numbers, the bias one for each column.
            unsafe {
                let sum = *y.add(i) + *bias.add(i % columns);
                *y.add(i) = if relu && sum < 0.0 { 0.0 } else { sum };
            }
        }
        Ok(())
    };
    Ok(Kernel { run: Box::new(run), scratch: product.scratch })
}
