use super::*;
use cornu_graph::ops::{Conv, ConvInputGrad, ConvKernelGrad, ConvWindow};
use cornu_graph::{Builder, DType, Spec, Tensor, Value, interpret};

fn random(state: &mut u64, n: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % n
}

fn numbers(shape: &[usize], state: &mut u64) -> Tensor {
    let n = shape.iter().product();
    let values = (0..n).map(|_| random(state, 2000) as f32 / 1000.0 - 1.0).collect::<Vec<f32>>();
    Tensor::new(shape, values).unwrap()
}

fn run(op: impl Into<cornu_graph::Op>, inputs: &[Tensor]) -> Tensor {
    let b = Builder::new();
    let values: Vec<Value> = inputs.iter().map(|t| b.input(Spec::new(t.dtype(), t.shape()))).collect();
    let outputs = Value::emit(op, &values.iter().collect::<Vec<_>>());
    let graph = b.finish(&outputs).unwrap();
    interpret(&graph, inputs).unwrap().remove(0)
}

/// As close as sums of 32-bit numbers are, and tiles: relative to the largest number.
fn close(what: &str, got: &[f32], want: &Tensor) {
    let want = want.as_slice::<f32>().unwrap();
    let largest = want.iter().fold(1f32, |m, x| m.max(x.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= 2e-5 * largest, "{what}: element {i} is {got}, not {want}");
    }
}

/// A window without dilation and groups.
fn plain(strides: Vec<usize>, padding: Vec<(i64, i64)>) -> ConvWindow {
    ConvWindow { strides, padding, lhs_dilation: vec![1; 3], rhs_dilation: vec![1; 3], groups: 1 }
}

/// The convolution, by its own words, and both gradients against the interpreter; `false` if the kernel does not fit.
fn check(
    case: u64,
    [batch, per_group, filters]: [usize; 3],
    image: [usize; 3],
    kernel: [usize; 3],
    window: ConvWindow,
) -> bool {
    let s = &mut (case * 91 + 3);
    let groups = window.groups;
    let x = numbers(&[&[batch], &image[..], &[groups * per_group]].concat(), s);
    let w = numbers(&[&kernel[..], &[per_group, groups * filters]].concat(), s);
    let fits = (0..3).all(|i| {
        let stretched = (image[i] - 1) * window.lhs_dilation[i] + 1;
        let (low, high) = window.padding[i];
        stretched as i64 + low + high > ((kernel[i] - 1) * window.rhs_dilation[i]) as i64
    });
    if !fits {
        return false;
    }
    let y = run(Conv { window: window.clone() }, &[x.clone(), w.clone()]);
    let Some(geometry) = crate::kernels::geometry(&window, DType::F32, x.shape(), w.shape(), y.shape())
    else {
        panic!("case {case} has no kernel");
    };
    let dy = numbers(y.shape(), s);
    let dx_op = ConvInputGrad { window: window.clone(), shape: x.shape().to_vec() };
    let dx = run(dx_op, &[dy.clone(), w.clone()]);
    let dw = run(ConvKernelGrad { window, shape: w.shape().to_vec() }, &[x.clone(), dy.clone()]);
    let bytes = [geometry.forward_scratch(), geometry.input_grad_scratch(), geometry.kernel_grad_scratch()];
    let mut scratch = crate::aligned::Aligned::zeroed(bytes.into_iter().max().unwrap_or(0));
    let p = |t: &Tensor| t.as_slice::<f32>().unwrap().as_ptr();
    let scratch = scratch.as_mut_ptr();
    let mut out = [vec![f32::NAN; y.len()], vec![f32::NAN; x.len()], vec![f32::NAN; w.len()]];
    // SAFETY: the tensors have the sizes of the geometry.
    unsafe {
        geometry.forward(p(&x), p(&w), out[0].as_mut_ptr(), &Epilogue::default(), scratch);
        geometry.input_grad(p(&dy), p(&w), out[1].as_mut_ptr(), scratch);
        geometry.kernel_grad(p(&x), p(&dy), out[2].as_mut_ptr(), scratch);
    }
    close(&format!("case {case}, forward {geometry:?}"), &out[0], &y);
    in_other_ways(&geometry, [p(&x), p(&w), p(&dy)], &out, scratch);
    close(&format!("case {case}, input gradient {geometry:?}"), &out[1], &dx);
    close(&format!("case {case}, kernel gradient {geometry:?}"), &out[2], &dw);
    true
}

/// The same bits on one thread and on three; and the result with what is done as it is stored.
fn in_other_ways(g: &Geometry, [x, w, dy]: [*const f32; 3], want: &[Vec<f32>; 3], scratch: *mut u8) {
    let none = Epilogue::default();
    for threads in [1, 3] {
        crate::set_num_threads(threads).unwrap();
        let mut out = want.each_ref().map(|v| vec![f32::NAN; v.len()]);
        // SAFETY: the tensors have the sizes of the geometry.
        unsafe {
            g.forward(x, w, out[0].as_mut_ptr(), &none, scratch);
            g.input_grad(dy, w, out[1].as_mut_ptr(), scratch);
            g.kernel_grad(x, dy, out[2].as_mut_ptr(), scratch);
        }
        assert!(out == *want, "{g:?} on {threads} threads");
    }
    let numbers = |at: f32| (0..g.filters).map(|i| (i as f32 * at).sin()).collect::<Vec<f32>>();
    let (scale, bias) = (numbers(0.7), numbers(1.3));
    let epilogue = Epilogue { scale: scale.as_ptr(), bias: bias.as_ptr(), relu: true, ..none };
    let mut out = vec![f32::NAN; want[0].len()];
    // SAFETY: as above; there is a scale and a bias for each filter.
    unsafe { g.forward(x, w, out.as_mut_ptr(), &epilogue, scratch) };
    let largest = want[0].iter().fold(1f32, |m, v| m.max(v.abs()));
    for (i, (got, sum)) in out.iter().zip(&want[0]).enumerate() {
        let want = (sum * scale[i % g.filters] + bias[i % g.filters]).max(0.0);
        assert!(
            (got - want).abs() <= 1e-6 * largest,
            "{g:?} with epilogue: element {i} is {got}, not {want}"
        );
    }
}

/// Groups by tiles, by sums over few channels, joined, and by products; side by side and more than are worked on together.
#[test]
fn groups_against_the_interpreter() {
    // Groups, channels and filters of each, side of image and kernel, stride, gaps of image and kernel.
    let cases = [
        (3, 16, 12, 13, 3, 1, 1, 1),
        (5, 12, 12, 13, 3, 1, 1, 1),
        (2, 20, 33, 13, 3, 1, 1, 1),
        (9, 4, 8, 13, 3, 1, 1, 1),
        (6, 3, 3, 13, 3, 1, 1, 1),
        (4, 5, 4, 9, 3, 2, 1, 1),
        (5, 1, 3, 6, 2, 1, 1, 1),
        (7, 2, 1, 6, 3, 1, 2, 2),
        (8, 2, 2, 19, 3, 1, 1, 1),
        (16, 2, 2, 9, 5, 2, 1, 1),
        (8, 4, 4, 20, 3, 1, 1, 1),
        (4, 4, 4, 9, 3, 2, 1, 1),
        (4, 4, 4, 7, 4, 1, 2, 1),
        (4, 4, 4, 7, 3, 3, 2, 1),
        (4, 8, 8, 11, 3, 1, 1, 2),
        (2, 8, 8, 12, 5, 2, 1, 1),
        (6, 8, 8, 6, 1, 1, 1, 1),
        (2, 8, 8, 5, 2, 4, 3, 3),
        (3, 7, 16, 18, 3, 1, 1, 1),
        (3, 9, 16, 20, 3, 2, 1, 1),
        (2, 16, 17, 9, 3, 2, 1, 1),
        (3, 24, 40, 7, 1, 1, 1, 1),
    ];
    for (case, (groups, channels, filters, image, kernel, stride, gaps, apart)) in
        cases.into_iter().enumerate()
    {
        let s = &mut (case as u64 * 71 + 9);
        let along = |n| vec![1, n, n];
        let mut pad = || (random(s, 3) as i64, random(s, 3) as i64);
        let padding = vec![(0, 0), pad(), pad()];
        let (strides, lhs_dilation, rhs_dilation) = (along(stride), along(gaps), along(apart));
        let window = ConvWindow { strides, padding, lhs_dilation, rhs_dilation, groups };
        let (image, kernel) = ([1, image, image + 1], [1, kernel, kernel]);
        assert!(check(case as u64, [2, channels, filters], image, kernel, window), "case {case}");
    }
}

/// A convolution of 3x3 in groups, of images of 31 x 31.
fn in_groups(groups: usize, channels: usize, filters: usize, stride: usize) -> Geometry {
    let window = ConvWindow { groups, ..plain(vec![1, stride, stride], vec![(0, 0); 3]) };
    let result = (31 - 3) / stride + 1;
    let (x, y) = ([4, 1, 31, 31, groups * channels], [4, 1, result, result, groups * filters]);
    crate::kernels::geometry(&window, DType::F32, &x, &[1, 3, 3, channels, groups * filters], &y).unwrap()
}

/// Each group goes the way that channels and filters go without groups, after few are joined or spread.
#[test]
fn ways_of_groups() {
    assert!(few::fits(&in_groups(32, 4, 4, 1)) && few::fits(&in_groups(32, 8, 8, 2)));
    assert!(!few::fits(&in_groups(3, 4, 4, 1)) && !few::fits(&in_groups(32, 4, 8, 1)));
    assert!(winograd::fits(&in_groups(4, 16, 16, 1)) && !winograd::fits(&in_groups(4, 16, 16, 2)));
    assert!(overlap::fits_kernel_grad(&in_groups(4, 32, 32, 2)) && strided::fits(&in_groups(4, 32, 32, 2)));
    let joined = |g: Geometry| (g.joined().groups, g.joined().group_channels(), winograd::fits(&g.joined()));
    assert_eq!(joined(in_groups(12, 3, 4, 1)), (3, 12, true));
    assert_eq!(joined(in_groups(7, 5, 5, 1)), (7, 5, false));
    assert_eq!(joined(in_groups(4, 16, 16, 1)), (4, 16, true));
}

/// Memory for a group does not grow with their number.
#[test]
fn scratch_memory_does_not_grow_with_groups() {
    for (channels, filters, stride) in [(16, 16, 1), (24, 24, 2), (5, 3, 1), (48, 20, 1)] {
        let of = |groups: usize| {
            let g = in_groups(groups, channels, filters, stride);
            [g.forward_scratch(), g.input_grad_scratch(), g.kernel_grad_scratch()]
        };
        assert_eq!(of(64), of(256), "{channels} to {filters}");
    }
}

#[test]
fn all_three_against_the_interpreter() {
    for case in 0..120u64 {
        let s = &mut (case * 77 + 5);
        let kernel: [usize; 3] = [1 + random(s, 2), 1 + random(s, 3), 1 + random(s, 4)];
        let image: [usize; 3] = [2 + random(s, 2), 3 + random(s, 4), 4 + random(s, 6)];
        let mut of = |n: usize| -> Vec<usize> { (0..3).map(|_| 1 + random(s, n)).collect() };
        let (strides, lhs_dilation, rhs_dilation) = (of(2), of(2), of(2));
        let padding = (0..3).map(|_| (random(s, 3) as i64 - 1, random(s, 3) as i64)).collect();
        let (groups, per_group, filters) = match case % 3 {
            0 if case % 2 == 0 => (1, 1, 1 + random(s, 40)),
            0 => (1, 1 + random(s, 40), 1 + random(s, 40)),
            1 => (2, 1 + random(s, 3), 1 + random(s, 3)),
            _ => (2 + random(s, 20), 1, 1),
        };
        let window = ConvWindow { strides, padding, lhs_dilation, rhs_dilation, groups };
        check(case, [1 + random(s, 3), per_group, filters], image, kernel, window);
    }
}

/// Kernels of 3x3 over many channels go by tiles.
#[test]
fn tiles_against_the_interpreter() {
    for case in 0..6u64 {
        let s = &mut (case * 77 + 5);
        let sizes = [4, 12 + random(s, 16), 12 + random(s, 24)];
        let image = [1, 7 + random(s, 4), 7 + random(s, 4)];
        let mut pad = || (random(s, 3) as i64, random(s, 3) as i64);
        let padding = vec![(0, 0), pad(), pad()];
        assert!(check(case, sizes, image, [1, 3, 3], plain(vec![1; 3], padding)));
    }
    // Sums over more channels than one pass adds.
    let window = plain(vec![1; 3], vec![(0, 0), (1, 1), (1, 1)]);
    assert!(check(99, [1, 270, 12], [1, 13, 13], [1, 3, 3], window));
}

/// The gradient of a kernel of 3x3 over padded images.
fn kernel_grad_of(x: &[f32], dy: &[f32], image: [usize; 3], channels: usize, filters: usize) -> Vec<f32> {
    let window = plain(vec![1; 3], vec![(0, 0), (1, 1), (1, 1)]);
    let shape = |n| [image[0], 1, image[1], image[2], n];
    let kernel = [1, 3, 3, channels, filters];
    let geometry =
        crate::kernels::geometry(&window, DType::F32, &shape(channels), &kernel, &shape(filters)).unwrap();
    let mut scratch = crate::aligned::Aligned::zeroed(geometry.kernel_grad_scratch());
    let mut dw = vec![f32::NAN; 9 * channels * filters];
    // SAFETY: all are as large as the geometry says.
    unsafe { geometry.kernel_grad(x.as_ptr(), dy.as_ptr(), dw.as_mut_ptr(), scratch.as_mut_ptr()) };
    dw
}

/// Sums over tiles that are larger than what they add, by parts (60 channels) and over all tiles (130), against those of a few
/// channels at a time.
#[test]
fn many_channels_are_as_few_at_a_time() {
    let image = [9, 21, 22];
    let places: usize = image.iter().product();
    for (channels, filters) in [(60, 63), (130, 128)] {
        let s = &mut 3;
        let [x, dy] =
            [channels, filters].map(|n| numbers(&[places, n], s).as_slice::<f32>().unwrap().to_vec());
        let all = kernel_grad_of(&x, &dy, image, channels, filters);
        for from in (0..channels).step_by(20) {
            let n = 20.min(channels - from);
            let some: Vec<f32> = x.chunks(channels).flat_map(|row| &row[from..from + n]).copied().collect();
            let want = kernel_grad_of(&some, &dy, image, n, filters);
            let got: Vec<f32> = all
                .chunks(channels * filters)
                .flat_map(|w| &w[from * filters..(from + n) * filters])
                .copied()
                .collect();
            let largest = want.iter().fold(0f32, |m, v| m.max(v.abs()));
            for (got, want) in got.iter().zip(&want) {
                assert!((got - want).abs() <= 2e-5 * largest, "{channels} channels: {got} {want}");
            }
        }
    }
}

/// Patches that overlap in memory: wide images of some channels.
#[test]
fn overlapping_patches_against_the_interpreter() {
    let mut checked = [0; 2];
    for case in 0..36u64 {
        let s = &mut (case * 31 + 11);
        let filters = [3, 16, 20, 32][random(s, 4)];
        let channels = 2 + random(s, 5);
        let kernel = [1 + random(s, 2), 1 + random(s, 3), 1 + random(s, 5)];
        let stride = 1 + random(s, 2);
        let image = [2, 3 + random(s, 2), 12 + random(s, 10) + 14 * (stride - 1)];
        let strides = vec![1, 1 + random(s, 2), stride];
        let window = plain(strides, (0..3).map(|_| (random(s, 4) as i64 - 1, random(s, 3) as i64)).collect());
        let size = |i: usize| {
            let (low, high) = window.padding[i];
            ((image[i] as i64 + low + high - kernel[i] as i64).max(0) / window.strides[i] as i64 + 1) as usize
        };
        let shapes = ([2, image[0], image[1], image[2], channels], [2, size(0), size(1), size(2), filters]);
        let w = [kernel[0], kernel[1], kernel[2], channels, filters];
        if let Some(g) = crate::kernels::geometry(&window, DType::F32, &shapes.0, &w, &shapes.1) {
            let is_checked = check(case, [2, channels, filters], image, kernel, window);
            checked[0] += usize::from(is_checked && overlap::fits(&g));
            checked[1] += usize::from(is_checked && overlap::fits_kernel_grad(&g));
        }
    }
    assert!(checked.iter().all(|&n| n >= 5), "{checked:?}");
}

#[test]
fn strides_against_the_interpreter() {
    let mut checked = 0;
    for case in 0..60u64 {
        let s = &mut (case * 131 + 7);
        let kernel = [1 + random(s, 2), 1 + random(s, 4), 1 + random(s, 4)];
        let image = [2 + random(s, 3), 3 + random(s, 6), 3 + random(s, 6)];
        let strides = (0..3).map(|_| 1 + random(s, 3)).collect();
        let padding = (0..3).map(|_| (random(s, 4) as i64 - 1, random(s, 3) as i64 - 1)).collect();
        let ones = || vec![1; 3];
        let window = ConvWindow { strides, padding, lhs_dilation: ones(), rhs_dilation: ones(), groups: 1 };
        checked += usize::from(check(case, [2, 1 + random(s, 5), 1 + random(s, 20)], image, kernel, window));
    }
    assert!(checked > 40);
}

/// One place for each position: the image is a matrix as it lies. Many positions go in several passes and parts.
#[test]
fn pointwise_against_the_interpreter() {
    for case in 0..30u64 {
        let s = &mut (case * 177 + 3);
        let groups = if case % 3 == 2 { 1 + random(s, 3) } else { 1 };
        let filters = if case % 2 == 0 { 1 + random(s, 20) } else { [16, 24, 32, 40, 96][random(s, 5)] };
        let image =
            if case % 5 == 0 { [1, 36, 37] } else { [1 + random(s, 2), 1 + random(s, 9), 1 + random(s, 9)] };
        let ones = || vec![1; 3];
        let window = ConvWindow {
            strides: ones(),
            padding: vec![(0, 0); 3],
            lhs_dilation: ones(),
            rhs_dilation: ones(),
            groups,
        };
        let channels = if image[1] == 36 { 1 + random(s, 8) } else { 1 + random(s, 40) };
        assert!(check(case, [2, channels, filters], image, [1; 3], window));
    }
}

/// Channels by themselves: several vectors of them, kernels of many elements, more kinds of positions than are worked on at a
/// time, and an image so large that it is asked for before its turn.
#[test]
fn depthwise_against_the_interpreter() {
    let cases = [
        (70, [1, 9, 11], [1, 3, 3], 1, 1),
        (70, [1, 9, 12], [1, 3, 3], 2, 1),
        (33, [1, 12, 13], [1, 5, 5], 1, 2),
        (17, [3, 7, 7], [2, 3, 5], 3, 1),
        (5, [1, 2, 47], [1, 1, 40], 1, 20),
        (66, [1, 32, 32], [1, 3, 3], 1, 1),
        (66, [1, 33, 31], [1, 3, 3], 2, 0),
    ];
    for (case, (groups, image, kernel, stride, pad)) in cases.into_iter().enumerate() {
        let at = |i: usize| if kernel[i] > 1 { pad } else { 0 };
        let window = ConvWindow {
            strides: (0..3).map(|i| if kernel[i] > 1 { stride } else { 1 }).collect(),
            padding: (0..3).map(|i| (at(i), at(i))).collect(),
            lhs_dilation: vec![1; 3],
            rhs_dilation: vec![1; 3],
            groups,
        };
        assert!(check(case as u64, [1, 1, 1], image, kernel, window));
    }
}
