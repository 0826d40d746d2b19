use super::*;

fn random(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}

fn numbers(n: usize, state: &mut u64) -> Vec<f32> {
    (0..n).map(|_| (random(state) % 2000) as f32 / 1000.0 - 1.0).collect()
}

#[test]
fn products_of_any_shape_and_strides() {
    let mut state = 7;
    for case in 0..360 {
        let s = &mut state;
        let (m, n, k) = match case % 6 {
            // Many columns, and passes of most lengths.
            5 => (1 + random(s) % 60, 100 + random(s) % 200, [256, 512, 513, 700, 1100][random(s) % 5]),
            0 => (1 + random(s) % 300, 1 + random(s) % 100, 1 + random(s) % 40),
            1 => (1 + random(s) % 20, 1 + random(s) % 20, 1 + random(s) % 3000),
            2 => (1, 1 + random(s) % 700, 1 + random(s) % 100),
            3 => (1 + random(s) % 700, 1, 1 + random(s) % 100),
            _ => (1 + random(s) % 60, 1 + random(s) % 60, random(s) % 700),
        };
        let of = |rows: usize, cols: usize, transposed: bool, extra: usize| {
            if transposed {
                (Strides { row: 1 + extra % 2, col: rows * 2 }, rows * 2 * cols.max(1))
            } else {
                (Strides { row: cols + extra, col: 1 }, (cols + extra) * rows)
            }
        };
        let (a, len_a) = of(m, k, random(s).is_multiple_of(2), random(s) % 3);
        let (b, len_b) = of(k, n, random(s).is_multiple_of(2), random(s) % 3);
        let gemm = Gemm { m, n, k, a, b, c_row: n + random(s) % 3 };
        let (x, y) = (numbers(len_a.max(1), s), numbers(len_b.max(1), s));
        let (scale, bias, start) = (numbers(n, s), numbers(n, s), numbers(m * gemm.c_row, s));
        let mut perhaps =
            |v: &Vec<f32>| if random(s).is_multiple_of(2) { v.as_ptr() } else { std::ptr::null() };
        let epilogue = Epilogue {
            scale: perhaps(&scale),
            bias: perhaps(&bias),
            cap: if perhaps(&bias).is_null() { f32::INFINITY } else { 0.5 },
            relu: random(s).is_multiple_of(2),
            accumulate: random(s).is_multiple_of(2),
        };
        let mut scratch = crate::aligned::Aligned::zeroed(gemm.scratch_bytes());
        let (mut c, mut alone) = (start.clone(), start.clone());
        // SAFETY: the vectors hold what the strides reach.
        unsafe {
            gemm.run(x.as_ptr(), y.as_ptr(), c.as_mut_ptr(), &epilogue, scratch.as_mut_ptr());
            gemm.run_small(x.as_ptr(), y.as_ptr(), alone.as_mut_ptr(), &epilogue);
        }
        for i in 0..m {
            for j in 0..n {
                let term =
                    |t: usize| f64::from(x[i * a.row + t * a.col]) * f64::from(y[t * b.row + j * b.col]);
                let mut want: f64 = (0..k).map(term).sum();
                let size: f64 = (0..k).map(|t| term(t).abs()).sum::<f64>() + 2.0;
                let at = i * gemm.c_row + j;
                want += if epilogue.accumulate { f64::from(start[at]) } else { 0.0 };
                want *= if epilogue.scale.is_null() { 1.0 } else { f64::from(scale[j]) };
                want += if epilogue.bias.is_null() { 0.0 } else { f64::from(bias[j]) };
                want = if epilogue.relu { want.max(0.0) } else { want };
                want = want.min(f64::from(epilogue.cap));
                for got in [c[at], alone[at]] {
                    let error = (f64::from(got) - want).abs();
                    assert!(error < 2e-6 * size, "case {case} {gemm:?} at {i}, {j}: {got}, not {want}");
                }
            }
        }
    }
}

/// A result that goes past the caches, and one beside it that does not, for its lines do not begin where vectors do.
#[test]
fn large_results() {
    let (m, n, k) = (super::LARGE / (48 * 4) + 7, 48, 3);
    let mut state = 5;
    let (x, y) = (numbers(m * k, &mut state), numbers(k * n, &mut state));
    let mut c = crate::aligned::Aligned::zeroed((m * n + 1) * 4);
    for shift in 0..2 {
        let (a, b) = (Strides { row: k, col: 1 }, Strides { row: n, col: 1 });
        let gemm = Gemm { m, n, k, a, b, c_row: n };
        let epilogue = Epilogue { relu: true, ..Epilogue::default() };
        // SAFETY: the vectors hold what the strides reach, the memory the result at either place.
        let c = unsafe {
            let c = c.as_mut_ptr().cast::<f32>().add(shift);
            gemm.run(x.as_ptr(), y.as_ptr(), c, &epilogue, std::ptr::null_mut());
            std::slice::from_raw_parts(c, m * n)
        };
        for (i, j) in (0..m).step_by(997).chain(m - 20..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
            let want: f32 = (0..k).map(|t| x[i * k + t] * y[t * n + j]).sum();
            let got = c[i * n + j];
            assert!((got - want.max(0.0)).abs() < 1e-5, "at {i}, {j}: {got}, not {want}");
        }
    }
}
