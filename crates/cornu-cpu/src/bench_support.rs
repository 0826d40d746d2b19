//! Products and convolutions on memory of their own, for benchmarks.
use crate::aligned::Aligned;
pub use crate::clock::seconds;
use crate::conv::Geometry;
use crate::gemm::{Epilogue, Gemm, Strides};
use crate::pool::{Pool, num_threads};
use crate::vector::{Vector, for_isa};
use cornu_graph::Peaks;

/// A kernel with its operands.
pub struct Work {
    /// Floating point operations of one run: two for each multiply-add.
    pub flops: f64,
    /// Bytes of its operands and its result.
    pub bytes: f64,
    run: Box<dyn FnMut()>,
}

impl Work {
    /// Runs it once.
    pub fn run(&mut self) {
        (self.run)();
    }
}

fn numbers(n: usize) -> Aligned {
    let mut memory = Aligned::zeroed(n * 4);
    let p: *mut f32 = memory.as_mut_ptr().cast();
    // SAFETY: the memory holds `n` numbers.
    (0..n).for_each(|i| unsafe { *p.add(i) = (i * 7919 % 1999) as f32 / 1000.0 - 1.0 });
    memory
}

/// The product of `m x k` and `k x n`, of which either may lie transposed in memory.
pub fn product([m, n, k]: [usize; 3], a_transposed: bool, b_transposed: bool) -> Work {
    let strides = |rows: usize, cols: usize, transposed: bool| {
        if transposed { Strides { row: 1, col: rows } } else { Strides { row: cols, col: 1 } }
    };
    let (a_strides, b_strides) = (strides(m, k, a_transposed), strides(k, n, b_transposed));
    let gemm = Gemm { m, n, k, a: a_strides, b: b_strides, c_row: n };
    let (a, b, mut c) = (numbers(m * k), numbers(k * n), numbers(m * n));
    let mut scratch = Aligned::zeroed(gemm.scratch_bytes());
    let run = move || {
        let (a, b, c) = (a.as_ptr().cast(), b.as_ptr().cast(), c.as_mut_ptr().cast());
        // SAFETY: the memory is that of the product.
        unsafe { gemm.run(a, b, c, &Epilogue::default(), scratch.as_mut_ptr()) };
    };
    Work { flops: 2.0 * (m * n * k) as f64, bytes: 4.0 * (m * k + k * n + m * n) as f64, run: Box::new(run) }
}

/// One of the three products of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The result.
    Forward,
    /// The gradient of the image.
    InputGrad,
    /// The gradient of the kernel.
    KernelGrad,
}

/// A convolution of square images.
#[derive(Clone, Copy, Debug)]
pub struct Convolution {
    /// Images of the batch.
    pub batch: usize,
    /// Height and width.
    pub image: usize,
    /// Channels of the image.
    pub channels: usize,
    /// Channels of the result.
    pub filters: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Steps of the kernel.
    pub stride: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Zeros around the image.
    pub padding: usize,
}

impl Convolution {
    /// It or one of its gradients.
    pub fn work(self, direction: Direction) -> Work {
        let Convolution { batch, image, channels, filters, kernel, stride, groups, padding } = self;
        let result = (image + 2 * padding - kernel) / stride + 1;
        let g = Geometry {
            batch,
            image: [1, image, image],
            channels,
            result: [1, result, result],
            filters,
            kernel: [1, kernel, kernel],
            stride: [1, stride, stride],
            low: [0, padding as isize, padding as isize],
            image_dilation: [1; 3],
            kernel_dilation: [1; 3],
            groups,
        };
        let sizes = [
            batch * image * image * channels,
            kernel * kernel * channels / groups * filters,
            batch * result * result * filters,
        ];
        let [mut x, mut w, mut y] = sizes.map(numbers);
        let scratch_bytes = [g.forward_scratch(), g.input_grad_scratch(), g.kernel_grad_scratch()];
        let mut scratch = Aligned::zeroed(scratch_bytes.into_iter().max().unwrap_or(0));
        let none = Epilogue::default();
        let run = move || {
            let [x, w, y] = [&mut x, &mut w, &mut y].map(|memory| memory.as_mut_ptr().cast::<f32>());
            // SAFETY: the memory is that of the convolution.
            unsafe {
                match direction {
                    Direction::Forward => g.forward(x, w, y, &none, scratch.as_mut_ptr()),
                    Direction::InputGrad => g.input_grad(y, w, x, scratch.as_mut_ptr()),
                    Direction::KernelGrad => g.kernel_grad(x, y, w, scratch.as_mut_ptr()),
                }
            }
        };
        let terms = kernel * kernel * channels / groups;
        Work {
            flops: 2.0 * (batch * result * result * terms * filters) as f64,
            bytes: 4.0 * sizes.iter().sum::<usize>() as f64,
            run: Box::new(run),
        }
    }
}

/// Independent multiply-adds in registers on each of `threads`, as fast as they go.
pub fn multiply_adds(threads: usize, steps: usize) -> Work {
    let run = move || {
        Pool::global().run(threads, &|_| {
            // SAFETY: takes no pointers.
            std::hint::black_box(unsafe { chains(steps) });
        });
    };
    let mut lanes = 0;
    // SAFETY: takes no pointers.
    unsafe { lanes_of(&mut lanes) };
    Work { flops: (2 * CHAINS * lanes * steps * threads) as f64, bytes: 0.0, run: Box::new(run) }
}

/// The most that this machine does on all threads at present: the best of a few runs.
pub fn peaks() -> Peaks {
    const RUNS: usize = 10;
    let fastest = |work: &mut dyn FnMut()| {
        let times = (0..RUNS).map(|_| {
            let start = seconds();
            work();
            seconds() - start
        });
        times.fold(f64::MAX, f64::min)
    };
    let mut sums = multiply_adds(num_threads(), 200_000);
    let flops = sums.flops / fastest(&mut || sums.run());
    // Larger than the caches.
    const PART: usize = 1 << 20;
    const PARTS: usize = 64;
    let (from, mut to) = (Aligned::zeroed(PARTS * PART), Aligned::zeroed(PARTS * PART));
    let mut copy = || {
        let (from, to) = (from.as_ptr() as usize, to.as_mut_ptr() as usize);
        Pool::global().run(PARTS, &|part| {
            let at = part * PART;
            // SAFETY: each task copies a part of its own.
            unsafe { std::ptr::copy_nonoverlapping((from + at) as *const u8, (to + at) as *mut u8, PART) };
        });
    };
    Peaks { flops, bytes: 2.0 * (PARTS * PART) as f64 / fastest(&mut copy) }
}

/// As many as hide the latency of a multiply-add, and fit the registers.
const CHAINS: usize = 12;

for_isa!(fn chains(steps: usize) -> f32 = chains_with);
for_isa!(fn lanes_of(lanes: &mut usize) = lanes_with);

#[inline(always)]
unsafe fn chains_with<V: Vector>(steps: usize) -> f32 {
    // SAFETY: the caller's.
    unsafe {
        let (x, y) = (V::splat(std::hint::black_box(0.999)), V::splat(std::hint::black_box(0.001)));
        let mut sums = [y; CHAINS];
        for _ in 0..steps {
            for sum in &mut sums {
                *sum = x.mul_add(*sum, y);
            }
        }
        sums.into_iter().map(|s| s.sum()).sum()
    }
}

#[inline(always)]
unsafe fn lanes_with<V: Vector>(lanes: &mut usize) {
    *lanes = V::LANES;
}
