//! Products and convolutions whose epilogue scales, adds a bias and clips.
use super::convolution::geometry;
use super::dot::Product;
use super::{Args, Kernel, lower};
use crate::gemm::Epilogue;
use crate::schedule::Affine;
use crate::vector::{Portable, Vector};
use cornu_graph::{Graph, Op, Result, Spec};

/// The kernel of a product with its epilogue: inputs are those of the product, then the scale and the bias where there are.
///
/// # Errors
/// As for [`lower`].
pub(crate) fn affine(graph: &Graph, affine: &Affine) -> Result<Kernel> {
    let node = &graph.nodes[affine.nodes[0]];
    let specs: Vec<&Spec> = node.inputs.iter().map(|&v| graph.spec(v)).collect();
    let (relu, cap) = (affine.relu, affine.cap());
    let (scale, bias) = (affine.scale.is_some(), affine.bias.is_some());
    let epilogue = move |args: &Args| {
        let operand = |there: bool, i: usize| if there { args.input(i) } else { std::ptr::null() };
        let (scale, bias) = (operand(scale, 2), operand(bias, 2 + usize::from(scale)));
        Epilogue { scale, bias, relu, cap, accumulate: false }
    };
    let out = &node.outputs[0];
    match &node.op {
        Op::Dot(dot) => {
            if let Some(product) = Product::new(dot, &specs, affine.permutation.as_deref()) {
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
    separate(graph, affine, epilogue)
}

/// What has no epilogue: the product, then the rest, one number at a time.
fn separate(
    graph: &Graph,
    affine: &Affine,
    epilogue: impl Fn(&Args) -> Epilogue + Send + Sync + 'static,
) -> Result<Kernel> {
    let product = lower(graph, affine.nodes[0])?;
    let out = &graph.nodes[affine.nodes[0]].outputs[0];
    let (n, columns) = (out.len(), out.shape[out.rank() - 1]);
    let run = move |args: &Args| -> Result<()> {
        (product.run)(args)?;
        let (y, epilogue) = (args.output::<f32>(0), epilogue(args));
        for i in 0..n {
            // SAFETY: the output has `n` numbers, scale and bias one for each column.
            unsafe {
                let mut sum = [[Portable::load_first(y.add(i), 1)]];
                epilogue.from(i % columns).apply(&mut sum, 1);
                sum[0][0].store_first(y.add(i), 1);
            }
        }
        Ok(())
    };
    Ok(Kernel { run: Box::new(run), scratch: product.scratch })
}
