//! The steps of graphs in the text form, each with its time in the fastest run beside the machine's peaks.
//!
//! `cargo bench -p cornu-cpu --bench graph [-- FILE..] [--threads N] [--runs N] [--print]`; without files those in
//! `benches/graphs`, whole training steps: of an LSTM, of a convolution with a GRU, of dense layers; with Adam each. Inputs are
//! random numbers, of which integers are small. `--print` prints the graph after the passes instead.
use cornu_cpu::bench_support::seconds;
use cornu_cpu::{Cpu, set_num_threads};
use cornu_graph::testing::Random;
use cornu_graph::{Backend, Buffer, DType, Graph, Profile, Tensor, passes, text};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
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
    if args.is_empty() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/graphs");
        for entry in std::fs::read_dir(folder)? {
            args.push(entry?.path().to_string_lossy().into_owned());
        }
        args.sort();
    }
    for file in &args {
        let graph = text::parse(&std::fs::read_to_string(file)?)?;
        if is_printed {
            println!("{}", passes::optimize(&graph)?);
        } else {
            println!("{file}");
            measure(&graph, runs)?;
        }
    }
    Ok(())
}

fn measure(graph: &Graph, runs: usize) -> Result<()> {
    /// Runs before those that count.
    const WARMUP: usize = 3;
    let cpu = Cpu::new();
    let mut executable = cpu.compile(graph)?;
    let mut random = Random::new(1);
    let mut tensors = vec![];
    for &v in &graph.inputs {
        let spec = graph.spec(v);
        let (low, high) = if spec.dtype.is_float() { (0.0, 0.1) } else { (0.0, 10.0) };
        tensors.push(random.tensor(spec.dtype, &spec.shape, low, high));
    }
    let inputs = tensors.split_off(graph.state);
    let mut state = tensors.iter().map(|t| cpu.upload(t)).collect::<cornu_graph::Result<Vec<_>>>()?;
    let mut outputs = vec![Tensor::zeros([0], DType::F32); graph.outputs.len() - graph.state];
    let mut times = vec![];
    let mut fastest: Option<Profile> = None;
    for run in 0..runs.max(1) + WARMUP {
        let mut state: Vec<&mut dyn Buffer> =
            state.iter_mut().map(|b| -> &mut dyn Buffer { &mut **b }).collect();
        executable.start_profile();
        let start = seconds();
        executable.run(&mut state, &inputs, &mut outputs)?;
        let time = (seconds() - start) * 1e3;
        let Some(profile) = executable.take_profile().filter(|_| run >= WARMUP) else { continue };
        times.push(time);
        if fastest.as_ref().is_none_or(|best| profile.seconds() < best.seconds()) {
            fastest = Some(profile);
        }
    }
    times.sort_by(f64::total_cmp);
    println!("median {:.3} ms, fastest {:.3} ms", times[times.len() / 2], times[0]);
    if let Some(profile) = fastest {
        println!("{}", profile.table(cpu.peaks().as_ref()));
    }
    Ok(())
}
