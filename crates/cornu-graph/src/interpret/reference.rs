//! The interpreter as an engine: what others are checked against, and a way to find out whether an engine is at fault.
use super::interpret;
use crate::{Backend, Buffer, Error, Executable, Graph, Result, Spec, Tensor, verify};
use std::any::Any;

/// An engine that interprets graphs in f64. Slow; for checking results.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

/// A variable of [`Reference`].
#[derive(Debug)]
struct Held {
    spec: Spec,
    tensor: Tensor,
}

struct Interpreted(Graph);

impl Backend for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn compile(&self, graph: &Graph) -> Result<Box<dyn Executable>> {
        verify(graph)?;
        Ok(Box::new(Interpreted(graph.clone())))
    }

    fn upload(&self, tensor: &Tensor) -> Result<Box<dyn Buffer>> {
        Ok(Box::new(Held { spec: Spec::new(tensor.dtype(), tensor.shape()), tensor: tensor.clone() }))
    }
}

impl Buffer for Held {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn download(&self) -> Result<Tensor> {
        Ok(self.tensor.clone())
    }

    fn write(&mut self, tensor: &Tensor) -> Result<()> {
        let given = Spec::new(tensor.dtype(), tensor.shape());
        if given != self.spec {
            return Err(Error::Data(format!("a variable {} cannot be set to {given}", self.spec)));
        }
        self.tensor = tensor.clone();
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl Executable for Interpreted {
    fn run(
        &mut self,
        state: &mut [&mut dyn Buffer],
        inputs: &[Tensor],
        outputs: &mut [Tensor],
    ) -> Result<()> {
        let graph = &self.0;
        if state.len() != graph.state || outputs.len() + graph.state != graph.outputs.len() {
            return Err(Error::Data(format!(
                "the graph has {} variables and {} outputs, got {} and {}",
                graph.state,
                graph.outputs.len() - graph.state,
                state.len(),
                outputs.len()
            )));
        }
        let mut all: Vec<Tensor> = state.iter().map(|b| b.download()).collect::<Result<_>>()?;
        all.extend_from_slice(inputs);
        let mut results = interpret(graph, &all)?.into_iter();
        for (buffer, result) in state.iter_mut().zip(results.by_ref()) {
            buffer.write(&result)?;
        }
        outputs.iter_mut().zip(results).for_each(|(output, result)| *output = result);
        Ok(())
    }

    fn memory(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, DType};

    #[test]
    fn state_is_updated_in_place() {
        let b = Builder::new();
        let (w, x) = (b.input(Spec::f32([2])), b.input(Spec::f32([2])));
        let mut graph = b.finish(&[&w + &x, &w * &x]).unwrap();
        graph.state = 1;
        let mut run = Reference.compile(&graph).unwrap();
        let mut held = Reference.upload(&Tensor::from([1f32, 2.0])).unwrap();
        let mut out = [Tensor::zeros([2], DType::F32)];
        for _ in 0..2 {
            run.run(&mut [&mut *held], &[Tensor::from([10f32, 20.0])], &mut out).unwrap();
        }
        assert_eq!(held.download().unwrap(), Tensor::from([21f32, 42.0]));
        assert_eq!(out[0], Tensor::from([110f32, 440.0]));
    }
}
