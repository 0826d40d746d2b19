//! `cornu::random`: distributions, judged by their moments, supports and distances; seeds.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::prelude::*;
use cornu::random::{self, SeedGenerator};

const COUNT: usize = 20_000;

fn moments(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    (mean, x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n)
}

/// The largest distance between the share of numbers up to each and what it should be (Kolmogorov and Smirnov). Of `n` numbers
/// it is above `1.95 / sqrt(n)` once in a thousand times.
#[track_caller]
fn distributed(x: &Tensor, cdf: impl Fn(f64) -> f64) {
    let mut x = x.to_f64();
    x.sort_by(f64::total_cmp);
    let n = x.len() as f64;
    let apart =
        |(i, v): (usize, &f64)| (cdf(*v) - i as f64 / n).abs().max((cdf(*v) - (i + 1) as f64 / n).abs());
    let distance = x.iter().enumerate().map(apart).fold(0.0, f64::max);
    assert!(distance < 1.95 / n.sqrt(), "distance {distance} of {n} numbers");
}

/// Mean and variance within five standard errors, taking the tails for at most as heavy as an exponential's.
#[track_caller]
fn has_moments(x: &Tensor, mean: f64, variance: f64) {
    let (m, v) = moments(&x.to_f64());
    let n = x.len() as f64;
    assert!((m - mean).abs() < 5.0 * (variance / n).sqrt(), "mean {m}, want {mean}");
    assert!((v / variance - 1.0).abs() < 5.0 * (8.0 / n).sqrt(), "variance {v}, want {variance}");
}

fn normal_cdf(x: f64) -> f64 {
    0.5 * (1.0 + cornu_graph::special::erf(x / 2f64.sqrt()))
}

/// The share of a gamma distribution below `x`, by its series.
fn gamma_cdf(shape: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (1.0 / shape, 1.0 / shape, shape);
    for _ in 0..500 {
        k += 1.0;
        term *= x / k;
        sum += term;
    }
    (sum.ln() + shape * x.ln() - x - cornu_graph::special::lgamma(shape)).exp().min(1.0)
}

/// How likely each number of successes is.
fn binomial_pmf(n: usize, p: f64) -> Vec<f64> {
    let lgamma = |k: usize| cornu_graph::special::lgamma(k as f64 + 1.0);
    let log =
        |k: usize| lgamma(n) - lgamma(k) - lgamma(n - k) + k as f64 * p.ln() + (n - k) as f64 * (-p).ln_1p();
    (0..=n).map(|k| log(k).exp()).collect()
}

#[test]
fn normal_and_uniform() {
    let x = random::normal([COUNT], 2.0, 3.0, None, 1).unwrap();
    distributed(&x, |v| normal_cdf((v - 2.0) / 3.0));
    has_moments(&x, 2.0, 9.0);
    let x = random::uniform([COUNT], -1.0, 3.0, None, 2).unwrap();
    distributed(&x, |v| (v + 1.0) / 4.0);
    let x = random::truncated_normal([COUNT], 1.0, 2.0, None, 3).unwrap();
    let (low, high) = (normal_cdf(-2.0), normal_cdf(2.0));
    distributed(&x, |v| (normal_cdf((v - 1.0) / 2.0) - low) / (high - low));
    assert!(x.to_f64().iter().all(|v| (v - 1.0).abs() <= 4.0));
    assert_eq!(random::normal([3], 0.0, 1.0, Some(DType::F16), 1).unwrap().dtype(), DType::F16);
    assert!(random::uniform([3], 0.0, 1.0, Some(DType::I32), 1).is_err());
}

#[test]
fn gamma_numbers() {
    for (seed, alpha) in [0.2, 0.9, 1.0, 2.5, 30.0].into_iter().enumerate() {
        let x = random::gamma([COUNT], alpha, None, seed as u64).unwrap();
        has_moments(&x, alpha, alpha);
        distributed(&x, |v| gamma_cdf(alpha, v));
    }
    let each = Tensor::from([[0.5f32], [40.0]]);
    let x = random::gamma([2, COUNT], &each, None, 9).unwrap();
    has_moments(&x.rows(0, 1).unwrap(), 0.5, 0.5);
    has_moments(&x.rows(1, 2).unwrap(), 40.0, 40.0);
    let e = random::gamma([2], 0.0, None, 1).unwrap_err().to_string();
    assert!(e.contains("alpha") && e.contains("positive"), "{e}");
}

#[test]
fn beta_numbers() {
    // Of whole parameters the distribution is that of order statistics: the share of binomial numbers.
    for (a, b) in [(1, 1), (2, 5), (4, 1)] {
        let x = random::beta([COUNT], a as f64, b as f64, None, 5).unwrap();
        let cdf = |v: f64| binomial_pmf(a + b - 1, v.clamp(1e-12, 1.0 - 1e-12))[a..].iter().sum::<f64>();
        distributed(&x, cdf);
    }
    let x = random::beta([COUNT], 0.05, 0.05, None, 6).unwrap();
    assert!(x.to_f64().iter().all(|v| (0.0..=1.0).contains(v)));
    has_moments(&x, 0.5, 0.25 / 1.1);
}

#[test]
fn binomial_numbers() {
    for (seed, (n, p)) in
        [(1, 0.5), (12, 0.3), (12, 0.9), (50, 0.5), (200, 0.03), (400, 0.7), (30, 0.0), (30, 1.0)]
            .into_iter()
            .enumerate()
    {
        let x = random::binomial([COUNT], n, p, None, seed as u64).unwrap();
        let mut seen = vec![0.0; n as usize + 1];
        x.to_f64().iter().for_each(|&k| seen[k as usize] += 1.0);
        if p == 0.0 || p == 1.0 {
            assert_eq!(seen[(f64::from(n) * p) as usize], COUNT as f64);
            continue;
        }
        // Chi-squared over the numbers that are likely enough.
        let (mut sum, mut degrees) = (0.0, 0.0);
        for (k, p) in binomial_pmf(n as usize, p).into_iter().enumerate() {
            let want = p * COUNT as f64;
            if want >= 5.0 {
                sum += (seen[k] - want) * (seen[k] - want) / want;
                degrees += 1.0;
            }
        }
        assert!(sum < degrees + 4.0 * (2.0f64 * degrees).sqrt() + 4.0, "{n} {p}: {sum} with {degrees}");
    }
    let counts = Tensor::from([5i32, 1_000_000]);
    let x = random::binomial([2], &counts, 0.25, Some(DType::F64), 3).unwrap().to_f64();
    assert!(x[0] <= 5.0 && (x[1] - 250_000.0).abs() < 5.0 * 433.1, "{x:?}");
    assert!(
        random::binomial([2], 5, 1.5, None, 1).is_err() && random::binomial([2], -1, 0.5, None, 1).is_err()
    );
}

#[test]
fn classes_and_integers() {
    let p = [0.1, 0.6, 0.3];
    let logits =
        Tensor::new([2, 3], [p, [0.3, 0.1, 0.6]].concat().iter().map(|p: &f64| p.ln() as f32).collect())
            .unwrap();
    let x = random::categorical(&logits, COUNT, DType::I32, 4).unwrap();
    assert_eq!((x.shape(), x.dtype()), (&[2, COUNT][..], DType::I32));
    let first = x.rows(0, 1).unwrap().to_f64();
    for (class, want) in p.into_iter().enumerate() {
        let share = first.iter().filter(|&&c| c == class as f64).count() as f64 / COUNT as f64;
        assert!((share - want).abs() < 5.0 * (want * (1.0 - want) / COUNT as f64).sqrt(), "{class}: {share}");
    }
    let x = random::randint([COUNT], -2, 3, DType::I64, 5).unwrap().to_f64();
    for want in -2..3 {
        let share = x.iter().filter(|&&v| v == f64::from(want)).count() as f64 / COUNT as f64;
        assert!((share - 0.2).abs() < 5.0 * (0.16 / COUNT as f64).sqrt(), "{want}: {share}");
    }
    assert!(x.iter().all(|v| (-2.0..3.0).contains(v)));
    assert!(random::randint([2], 3, 3, DType::I32, 1).is_err());
    assert!(random::randint([2], 0, 3, DType::F32, 1).is_err());
}

#[test]
fn order_and_dropout() {
    let x = Tensor::new([4, 5], (0..20).collect::<Vec<i32>>()).unwrap();
    let rows = random::shuffle(&x, 0, 1).unwrap();
    let mut first: Vec<f64> = rows.to_f64().into_iter().step_by(5).collect();
    assert!(rows.to_f64().chunks(5).all(|r| r.windows(2).all(|w| w[1] == w[0] + 1.0)), "{rows:?}");
    first.sort_by(f64::total_cmp);
    assert_eq!(first, [0.0, 5.0, 10.0, 15.0]);
    let columns = random::shuffle(&x, -1, 2).unwrap();
    assert_ne!(columns, x);
    assert!(
        columns.to_f64().chunks(5).enumerate().all(|(i, r)| r.iter().sum::<f64>() == (25 * i + 10) as f64)
    );
    // Each order of three is as likely.
    let three = Tensor::from([0i32, 1, 2]);
    let mut seen = std::collections::HashMap::new();
    (0..600)
        .for_each(|seed| *seen.entry(whole(&random::shuffle(&three, 0, seed).unwrap())).or_insert(0) += 1);
    assert!(seen.len() == 6 && seen.values().all(|n| (60..150).contains(n)), "{seen:?}");

    let ones = Tensor::ones([100, 200], DType::F32);
    let y = random::dropout(&ones, 0.25, None, 3).unwrap();
    assert!(y.to_f64().iter().all(|&v| v == 0.0 || (v - 4.0 / 3.0).abs() < 1e-6));
    has_moments(&y, 1.0, 1.0 / 3.0);
    let y = random::dropout(&ones, 0.5, Some(&[100, 1]), 4).unwrap().to_f64();
    assert!(y.chunks(200).all(|row| row.iter().all(|v| *v == row[0])));
    assert!(random::dropout(&ones, 1.0, None, 1).unwrap().to_f64().iter().all(|v| *v == 0.0));
    assert!(random::dropout(&ones, 1.5, None, 1).is_err());
}

fn whole(x: &Tensor) -> Vec<i64> {
    x.to_f64().into_iter().map(|v| v as i64).collect()
}

#[test]
fn seeds() {
    let draw = |seed: &SeedGenerator| random::gamma([4], 2.0, None, seed).unwrap();
    let (a, b) = (SeedGenerator::new(7), SeedGenerator::new(7));
    let (first, second) = (draw(&a), draw(&a));
    assert_ne!(first, second);
    assert_eq!((first, second), (draw(&b), draw(&b)));
    assert_eq!(a.seed(), 7);
    utils::set_random_seed(3);
    let x = random::beta([3], 1.0, 2.0, None, None).unwrap();
    utils::set_random_seed(3);
    assert_eq!(x, random::beta([3], 1.0, 2.0, None, None).unwrap());
    assert_ne!(x, random::beta([3], 1.0, 2.0, None, None).unwrap());
}
