//! Speed of products and convolutions beside that of bare multiply-adds on the same machine at the same time.
//!
//! `cargo bench -p cornu-cpu --bench gemm [-- FILTER..]` prints those whose name contains one of the filters, and
//! products of other shapes given as `=MxKxN`; `--threads N`
//! sets the number of threads. On one thread and Linux, time is that of the processor, so that other programs disturb less.
use cornu_cpu::bench_support::{Convolution, Direction, Work, multiply_adds, product, seconds as clock};
use std::time::{Duration, Instant};

/// Time for one line of the table.
const BUDGET: Duration = Duration::from_millis(300);

/// Gflop/s of the fastest run, and of the fastest bare multiply-adds between the runs.
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
    (work.flops / fastest * 1e-9, peak.flops / fastest_peak * 1e-9)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut filters: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let Some(i) = filters.iter().position(|a| a == "--threads") {
        let count = filters.drain(i..).nth(1).unwrap_or_default();
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
    let conv = |image, channels, filters, kernel, stride, groups, batch| Convolution {
        batch,
        image,
        channels,
        filters,
        kernel,
        stride,
        groups,
    };
    for conv in [
        conv(28, 1, 32, 3, 1, 1, 128),
        conv(26, 32, 64, 3, 1, 1, 128),
        conv(58, 64, 64, 3, 1, 1, 8),
        conv(56, 64, 128, 1, 1, 1, 8),
        conv(56, 64, 128, 3, 2, 1, 8),
        conv(224, 3, 64, 7, 2, 1, 4),
        conv(58, 128, 128, 3, 1, 128, 8),
        conv(58, 64, 64, 3, 1, 4, 8),
    ] {
        for direction in [Direction::Forward, Direction::InputGrad, Direction::KernelGrad] {
            let Convolution { batch, image, channels, filters, kernel, stride, groups } = conv;
            let name = format!(
                "conv {batch}x{image}x{image}x{channels} {kernel}x{kernel}/{stride} g{groups} -> {filters} {direction:?}"
            );
            lines.push((name, Box::new(move || conv.work(direction))));
        }
    }
    let mut peak = multiply_adds(cornu_cpu::num_threads(), 200_000);
    println!("{:52} {:>9} {:>9} {:>7}", "", "Gflop/s", "peak", "ratio");
    for (name, work) in lines {
        if !filters.is_empty() && !filters.iter().any(|f| name.contains(f.as_str())) {
            continue;
        }
        let (speed, peak) = measure(&mut work(), &mut peak);
        println!("{name:52} {speed:9.1} {peak:9.1} {:6.1}%", 100.0 * speed / peak);
    }
    Ok(())
}
