//! Speed of products and convolutions beside that of bare multiply-adds on the same machine at the same time.
//!
//! `cargo bench -p cornu-cpu --bench gemm [-- FILTER..]` prints those whose name contains one of the filters, and
//! products of other shapes given as `=MxKxN`, convolutions as `@BATCHxIMAGExCHANNELSxFILTERSxKERNELxSTRIDExGROUPSxPADDING`;
//! `--threads N` sets the number of threads. The last column is the share of the speed of memory, as a copy has it, at which
//! operands and result would be moved once. On one thread and Linux, time is that of the processor, so that other programs disturb less.
use cornu_cpu::bench_support::{
    Convolution, Direction, Work, multiply_adds, peaks, product, seconds as clock,
};
use std::time::{Duration, Instant};

/// Batch, side of the image, channels, filters, side of the kernel, stride, groups, zeros around.
const CONVOLUTIONS: [(&str, [usize; 8]); 42] = [
    ("conv", [128, 28, 1, 32, 3, 1, 1, 0]),
    ("conv", [128, 26, 32, 64, 3, 1, 1, 0]),
    ("conv", [8, 58, 64, 64, 3, 1, 1, 0]),
    ("conv", [8, 56, 64, 128, 1, 1, 1, 0]),
    ("conv", [8, 56, 64, 128, 3, 2, 1, 0]),
    ("conv", [4, 224, 3, 64, 7, 2, 1, 0]),
    ("conv", [8, 58, 128, 128, 3, 1, 128, 0]),
    ("conv", [8, 58, 64, 64, 3, 1, 4, 0]),
    ("groups", [32, 56, 128, 128, 3, 1, 32, 1]),
    ("groups", [32, 28, 256, 256, 3, 1, 32, 1]),
    ("groups", [32, 14, 512, 512, 3, 1, 32, 1]),
    ("groups", [32, 56, 256, 256, 3, 2, 32, 1]),
    ("groups", [32, 28, 256, 256, 1, 1, 4, 0]),
    ("resnet", [64, 32, 3, 16, 3, 1, 1, 1]),
    ("resnet", [64, 32, 16, 16, 3, 1, 1, 1]),
    ("resnet", [64, 32, 16, 32, 3, 2, 1, 1]),
    ("resnet", [64, 16, 32, 32, 3, 1, 1, 1]),
    ("resnet", [64, 16, 32, 64, 3, 2, 1, 1]),
    ("resnet", [64, 8, 64, 64, 3, 1, 1, 1]),
    ("mobile1", [32, 112, 32, 16, 1, 1, 1, 0]),
    ("mobile1", [32, 112, 16, 96, 1, 1, 1, 0]),
    ("mobile1", [32, 56, 96, 24, 1, 1, 1, 0]),
    ("mobile1", [32, 56, 24, 144, 1, 1, 1, 0]),
    ("mobile1", [32, 56, 144, 24, 1, 1, 1, 0]),
    ("mobile1", [32, 28, 32, 192, 1, 1, 1, 0]),
    ("mobile1", [32, 28, 192, 32, 1, 1, 1, 0]),
    ("mobile1", [32, 14, 64, 384, 1, 1, 1, 0]),
    ("mobile1", [32, 14, 384, 64, 1, 1, 1, 0]),
    ("mobile1", [32, 14, 96, 576, 1, 1, 1, 0]),
    ("mobile1", [32, 14, 576, 96, 1, 1, 1, 0]),
    ("mobile1", [32, 7, 160, 960, 1, 1, 1, 0]),
    ("mobile1", [32, 7, 960, 160, 1, 1, 1, 0]),
    ("mobile1", [32, 7, 320, 1280, 1, 1, 1, 0]),
    ("deep", [32, 112, 32, 32, 3, 1, 32, 1]),
    ("deep", [32, 113, 96, 96, 3, 2, 96, 0]),
    ("deep", [32, 56, 144, 144, 3, 1, 144, 1]),
    ("deep", [32, 57, 144, 144, 3, 2, 144, 0]),
    ("deep", [32, 28, 192, 192, 3, 1, 192, 1]),
    ("deep", [32, 29, 192, 192, 3, 2, 192, 0]),
    ("deep", [32, 14, 384, 384, 3, 1, 384, 1]),
    ("deep", [32, 15, 576, 576, 3, 2, 576, 0]),
    ("deep", [32, 7, 960, 960, 3, 1, 960, 1]),
];

/// Time for one line of the table.
const BUDGET: Duration = Duration::from_millis(300);

/// Seconds of the fastest run, and Gflop/s of the fastest bare multiply-adds between the runs.
fn measure(work: &mut Work, peak: &mut Work) -> (f64, f64) {
    let seconds = |work: &mut Work, times: usize| {
        let start = clock();
        (0..times).for_each(|_| work.run());
        (clock() - start) / times as f64
    };
    work.run();
    let once = seconds(work, 1);
    let times = (1e-3 / once).ceil() as usize;
    let (mut fastest, mut fastest_peak) = (f64::MAX, f64::MAX);
    let start = Instant::now();
    while start.elapsed() < BUDGET {
        fastest = fastest.min(seconds(work, times));
        fastest_peak = fastest_peak.min(seconds(peak, 1));
    }
    (fastest, peak.flops / fastest_peak * 1e-9)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut filters: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let Some(i) = filters.iter().position(|a| a == "--threads") {
        let count = filters.drain(i..(i + 2).min(filters.len())).nth(1).unwrap_or_default();
        cornu_cpu::set_num_threads(count.parse()?)?;
    }
    let mut lines: Vec<(String, Box<dyn Fn() -> Work>)> = vec![];
    for n in [64, 128, 256, 512, 1024, 2048] {
        lines.push((format!("square {n}"), Box::new(move || product([n, n, n], false, false))));
    }
    for (m, n, k) in [
        (128, 512, 784),
        (128, 512, 512),
        (128, 10, 512),
        (73728, 64, 288),
        (100_352, 32, 9),
        (9, 32, 100_352),
        (32, 512, 128),
        (1, 1024, 1024),
        (1024, 1, 1024),
        (16, 16, 16),
    ] {
        lines.push((format!("product {m}x{k}x{n}"), Box::new(move || product([m, n, k], false, false))));
    }
    for (m, n, k) in [(784, 512, 128), (512, 512, 128), (288, 64, 73728)] {
        lines.push((format!("product aT {m}x{k}x{n}"), Box::new(move || product([m, n, k], true, false))));
    }
    for (m, n, k) in [(128, 784, 512), (128, 512, 512), (1024, 1024, 1024)] {
        lines.push((format!("product bT {m}x{k}x{n}"), Box::new(move || product([m, n, k], false, true))));
    }
    for shape in filters.iter().filter_map(|f| f.strip_prefix('=')) {
        let sizes = shape.split('x').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
        let [m, k, n] = sizes[..] else { return Err(format!("`{shape}` is no MxKxN").into()) };
        lines.push((format!("={shape}"), Box::new(move || product([m, n, k], false, false))));
    }
    let mut convolutions: Vec<(&str, [usize; 8])> = CONVOLUTIONS.to_vec();
    for shape in filters.iter().filter_map(|f| f.strip_prefix('@')) {
        let sizes = shape.split('x').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
        let sizes = sizes.try_into().map_err(|_| format!("`{shape}` is no convolution"))?;
        convolutions.push(("@", sizes));
    }
    for (of, [batch, image, channels, filters, kernel, stride, groups, padding]) in convolutions {
        let conv = Convolution { batch, image, channels, filters, kernel, stride, groups, padding };
        for direction in [Direction::Forward, Direction::InputGrad, Direction::KernelGrad] {
            let name = format!(
                "{of} {batch}x{image}x{image}x{channels} {kernel}x{kernel}/{stride} g{groups} -> {filters} {direction:?}"
            );
            lines.push((name, Box::new(move || conv.work(direction))));
        }
    }
    filters.iter_mut().filter(|f| f.starts_with('@')).for_each(|f| f.truncate(1));
    let mut peak = multiply_adds(cornu_cpu::num_threads(), 200_000);
    let memory = peaks().bytes;
    println!("{:52} {:>9} {:>9} {:>7} {:>7}", "", "Gflop/s", "peak", "ratio", "memory");
    for (name, work) in lines {
        if !filters.is_empty() && !filters.iter().any(|f| name.contains(f.as_str())) {
            continue;
        }
        let mut work = work();
        let (seconds, peak) = measure(&mut work, &mut peak);
        let (speed, memory) = (work.flops / seconds * 1e-9, work.bytes / seconds / memory);
        println!("{name:52} {speed:9.1} {peak:9.1} {:6.1}% {:6.1}%", 100.0 * speed / peak, 100.0 * memory);
    }
    Ok(())
}
