//! The steps of a graph in the text form, each with its time in the fastest run beside the machine's peaks.
//!
//! `cargo bench -p cornu-cpu --bench graph -- FILE [--threads N] [--runs N] [--print]`; inputs are random numbers, of which
//! integers are small. `--print` prints the graph after the passes instead.
use cornu_cpu::{Cpu, set_num_threads};
use cornu_graph::testing::Random;
use cornu_graph::{Backend, Buffer, DType, Tensor, passes, text};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let mut option = |name: &str| -> Option<String> {
        let at = args.iter().position(|a| a == name)?;
        args.drain(at..(at + 2).min(args.len())).nth(1)
    };
    if let Some(threads) = option("--threads") {
        set_num_threads(threads.parse()?)?;
    }
    let runs: usize = option("--runs").map_or(Ok(30), |n| n.parse())?;
    let is_printed = args.iter().any(|a| a == "--print");
    args.retain(|a| a != "--print");
    // Run along with the others, it has nothing to do.
    let Some(file) = args.first() else { return Ok(()) };
    let graph = text::parse(&std::fs::read_to_string(file)?)?;
    if is_printed {
        println!("{}", passes::optimize(&graph)?);
        return Ok(());
    }
    let cpu = Cpu::new();
    let mut executable = cpu.compile(&graph)?;
    let mut random = Random::new(1);
    let mut tensors = vec![];
    for &v in &graph.inputs {
        let spec = graph.spec(v);
        let (low, high) = if spec.dtype.is_float() { (0.0, 0.1) } else { (0.0, 10.0) };
        tensors.push(random.tensor(spec.dtype, &spec.shape, low, high));
    }
    let inputs = tensors.split_off(graph.state);
    let mut state: Vec<Box<dyn Buffer>> = tensors.iter().map(|t| cpu.upload(t)).collect::<Result<_, _>>()?;
    let mut outputs = vec![Tensor::zeros([0], DType::F32); graph.outputs.len() - graph.state];
    let (mut times, mut fastest) = (vec![], None);
    for run in 0..runs + 3 {
        executable.start_profile();
        let mut state: Vec<&mut dyn Buffer> =
            state.iter_mut().map(|b| -> &mut dyn Buffer { &mut **b }).collect();
        let start = cornu_cpu::bench_support::seconds();
        executable.run(&mut state, &inputs, &mut outputs)?;
        times.push((cornu_cpu::bench_support::seconds() - start) * 1e3);
        let profile = executable.take_profile().filter(|_| run >= 3);
        fastest = [fastest, profile].into_iter().flatten().min_by(|a, b| a.seconds().total_cmp(&b.seconds()));
    }
    times.drain(..3);
    times.sort_by(f64::total_cmp);
    println!("median {:.3} ms, fastest {:.3} ms", times[times.len() / 2], times[0]);
    if let Some(profile) = fastest {
        println!("{}", profile.table(cpu.peaks().as_ref()));
    }
    Ok(())
}
