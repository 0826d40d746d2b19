//! Functions that take closures: branches, loops, gradients of one's own; on the host, and in steps that are trained.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::prelude::*;

fn scalar(x: f32) -> Tensor {
    Tensor::scalar(x)
}

fn numbers(y: Result<Vec<Tensor>>) -> Vec<Vec<f64>> {
    y.unwrap().iter().map(Tensor::to_f64).collect()
}

/// The loss and the trained number of one step of gradient descent on `f(w)`, with w = 2 and a rate of 1.
fn step(f: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Result<(f64, f64)> {
    let loss = Loss::function("f", move |_: &Value, y_pred: &Value| f(&y_pred.index_axis(1, 0)));
    let dense = Dense::new(1).use_bias(false).kernel_initializer(initializer(2.0));
    let mut model = Sequential::new().add(Input::new([1])).add(dense);
    model.compile(Compile::new(SGD::new().learning_rate(1.0), loss))?;
    let one = Tensor::ones([1, 1], DType::F32);
    let history = model.fit(&one, &one, Fit::new().verbose(0))?;
    Ok((history.last("loss").unwrap(), model.get_weights()?[0].item()?))
}

fn initializer(value: f64) -> cornu::initializers::Initializer {
    cornu::initializers::Constant::new().value(value).into()
}

/// The derivative of `f` at 2, found by one step.
#[track_caller]
fn derivative(f: impl Fn(&Value) -> Value + Send + Sync + 'static) -> f64 {
    2.0 - step(f).unwrap().1
}

#[test]
fn branches() {
    let x = Tensor::from([1f32, -2.0]);
    let both = |yes: bool| {
        let double = |v: &[Value]| vec![&v[0] * 2.0];
        let square = |v: &[Value]| vec![v[0].square()];
        numbers(ops::cond(&Tensor::scalar(yes), double, square, std::slice::from_ref(&x)))
    };
    assert_eq!((both(true), both(false)), (vec![vec![2.0, -4.0]], vec![vec![1.0, 4.0]]));
    let pick = |i: i32| {
        let branches: [ops::Branch; 3] =
            [&|v| vec![v[0].clone()], &|v| vec![-&v[0]], &|v| vec![v[0].full_like(7.0)]];
        numbers(ops::switch(&Tensor::scalar(i), &branches, std::slice::from_ref(&x))).remove(0)[0]
    };
    assert_eq!([-5, 0, 1, 2, 9].map(pick), [1.0, 1.0, -1.0, 7.0, 7.0]);

    // In a graph the gradient is that of the branch taken.
    let rule = |w: &Value| {
        let large = w.sum([0]).gt(&w.sum([0]).full_like(1.0));
        ops::cond(&large, |v| vec![v[0].square() * &v[0]], |v| vec![v[0].clone()], std::slice::from_ref(w))
            .remove(0)
    };
    assert_eq!(derivative(rule), 12.0);
    let rule = |w: &Value| {
        let index = w.sum([0]).cast(DType::I32);
        let branches: [ops::Branch; 3] =
            [&|v| vec![v[0].clone()], &|v| vec![v[0].clone()], &|v| vec![v[0].square()]];
        ops::switch(&index, &branches, std::slice::from_ref(w)).remove(0)
    };
    assert_eq!(derivative(rule), 4.0);
    let e = step(|w| {
        let yes = w.sum([0]).gt(&w.sum([0]));
        ops::cond(&yes, |v| vec![v[0].clone()], |v| vec![v[0].sum([0])], std::slice::from_ref(w)).remove(0)
    });
    assert!(e.unwrap_err().to_string().contains("branches give"));
}

#[test]
fn loops() {
    let collatz = |limit: Option<usize>| {
        let odd = |x: &Value| x.rem(&x.full_like(2.0)).equal(&x.full_like(1.0));
        let body = |v: &[Value]| {
            let next = odd(&v[0]).select(&(&v[0] * 3.0 + 1.0), &v[0].div(&v[0].full_like(2.0)));
            vec![next, &v[1] + 1.0]
        };
        let start = [Tensor::scalar(7i32), Tensor::scalar(0i32)];
        numbers(ops::while_loop(|v| v[0].gt(&v[0].full_like(1.0)), body, &start, limit))
    };
    assert_eq!(collatz(None), [[1.0], [16.0]]);
    assert_eq!(collatz(Some(2)), [[11.0], [2.0]]);
    assert_eq!(collatz(Some(0)), [[7.0], [0.0]]);

    let power = |i: &Value, v: &[Value]| vec![&v[0] * i.cast(DType::F32)];
    let factorial = |upper: ops::Arg<Tensor>| numbers(ops::fori_loop(1, upper, power, &[scalar(1.0)]));
    assert_eq!(factorial(6.into()), [[120.0]]);
    assert_eq!(factorial(Tensor::scalar(6i32).into()), [[120.0]]);
    assert_eq!(factorial(1.into()), [[1.0]]);
    let cube = |w: &Value| ops::fori_loop(0, 3, |_, v| vec![&v[0] * w], &[w.full_like(1.0)]).remove(0);
    assert_eq!(rounded(step(move |w| cube(w)).unwrap()), (8.0, -10.0));
    let e = step(|w| {
        ops::while_loop(|v| v[0].sum([0]).lt(&v[0].sum([0])), |v| v.to_vec(), std::slice::from_ref(w), None)
            .remove(0)
    });
    assert!(e.unwrap_err().to_string().contains("has no gradient"));
    let e = ops::fori_loop(0, 2.5, |_, v| v.to_vec(), &[scalar(1.0)]).unwrap_err().to_string();
    assert!(e.contains("integers"), "{e}");
}

fn rounded((loss, w): (f64, f64)) -> (f64, f64) {
    ((loss * 1e5).round() / 1e5, (w * 1e5).round() / 1e5)
}

#[test]
fn scans_and_maps() {
    let xs = Tensor::from([[1f32, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    let f = |carry: &[Value], x: &[Value]| {
        let next = &carry[0] * 2.0 + x[0].sum([0]);
        (vec![next.clone()], vec![next, x[0].clone()])
    };
    let forward = numbers(ops::scan(f, &[scalar(1.0)], std::slice::from_ref(&xs), None, false, 1));
    assert_eq!(forward, [vec![45.0], vec![5.0, 17.0, 45.0], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]);
    let back = numbers(ops::scan(f, &[scalar(1.0)], std::slice::from_ref(&xs), None, true, 1));
    assert_eq!(back[..2], [vec![69.0], vec![69.0, 33.0, 13.0]]);
    let counted =
        ops::scan(|c, _| (vec![&c[0] * 2.0], vec![c[0].clone()]), &[scalar(1.0)], &[], Some(4), false, 1);
    assert_eq!(numbers(counted), [vec![16.0], vec![1.0, 2.0, 4.0, 8.0]]);
    let e = ops::scan(f, &[scalar(1.0)], std::slice::from_ref(&xs), None, false, 4).unwrap_err().to_string();
    assert!(e.contains("unroll"), "{e}");
    assert!(ops::scan(|c, _| (c.to_vec(), vec![]), &[scalar(1.0)], &[], None, false, 1).is_err());

    let rows = [xs.clone(), Tensor::from([10f32, 20.0, 30.0])];
    let sums = |x: &[Value]| vec![x[0].sum([0]) + &x[1], x[0].clone()];
    assert_eq!(numbers(ops::map(sums, &rows))[0], [13.0, 27.0, 41.0]);
    assert_eq!(numbers(ops::vectorized_map(sums, &rows)), numbers(ops::map(sums, &rows)));
    let squares = |w: &Value| {
        let each = Value::stack(&[w, &(w * 2.0)], 0);
        ops::map(|x| vec![x[0].square()], &[each]).remove(0).sum([0])
    };
    assert_eq!(derivative(squares), 20.0);

    // Matrices do not commute: the order counts. Every length has its own way.
    for (n, reverse) in (1..10).flat_map(|n| [(n, false), (n, true)]) {
        let x = random::normal([2, n, 2, 2], 0.0, 1.0, None, n as u64).unwrap();
        let product = |a: &[Value], b: &[Value]| vec![a[0].matmul(&b[0])];
        let got = ops::associative_scan(product, std::slice::from_ref(&x), reverse, 1).unwrap().remove(0);
        let ahead = ops::swapaxes(&x, 0, 1).unwrap();
        let one = |c: &[Value], x: &[Value]| {
            let next = c[0].matmul(&x[0]);
            (vec![next.clone()], vec![next])
        };
        let unit = Tensor::new([2, 2, 2], vec![1f32, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0]).unwrap();
        let want = ops::scan(one, &[unit], &[ahead], None, reverse, 1).unwrap().remove(1);
        let want = ops::swapaxes(&want, 0, 1).unwrap();
        let apart = got
            .to_f64()
            .iter()
            .zip(want.to_f64())
            .map(|(a, b)| (a - b).abs() / (1.0 + b.abs()))
            .fold(0.0, f64::max);
        assert!(got.shape() == x.shape() && apart < 1e-5, "{n} {reverse}: {apart}");
    }
    let one = Tensor::zeros([3], DType::F32);
    let two = Tensor::zeros([4], DType::F32);
    assert!(ops::associative_scan(|a, _| a.to_vec(), &[one, two], false, 0).is_err());
}

#[test]
fn gradients_of_ones_own() {
    let clipped = |w: &Value| {
        let f = ops::custom_gradient(|x: &[Value]| {
            (vec![x[0].square() * 100.0], |up: &[Value]| vec![up[0].clip(-1.0, 1.0) * 3.0])
        });
        f(std::slice::from_ref(w)).remove(0) * 5.0
    };
    assert_eq!(rounded(step(clipped).unwrap()), (2000.0, -1.0));
    // It may use what it computed on the way.
    let tripled = |w: &Value| {
        let f = ops::custom_gradient(|x: &[Value]| {
            let e = x[0].exp();
            let used = e.clone();
            let gradient = move |up: &[Value]| vec![&up[0] * &used * &used.full_like(0.0) + &up[0] * 3.0];
            (vec![e], gradient)
        });
        f(std::slice::from_ref(w)).remove(0)
    };
    assert_eq!(derivative(tripled), 3.0);
    let wrong = ops::custom_gradient(|x: &[Value]| (vec![x[0].clone()], |_: &[Value]| vec![]));
    assert!(wrong(&[scalar(1.0)]).unwrap_err().to_string().contains("0 gradients for 1 sources"));
}

#[test]
fn derivatives_forward() {
    let x = Tensor::from([0.5f32, 2.0]);
    let t = Tensor::from([1f32, -3.0]);
    let f = |v: &[Value]| vec![(&v[0] * &v[1]).sin(), v[1].clone(), v[0].full_like(1.0), v[0].exp()];
    let y = numbers(ops::jvp(f, &[x.clone(), x.clone()], &[t.clone(), Tensor::zeros([2], DType::F32)], true));
    let close = |a: &[f64], b: [f64; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert_eq!(y.len(), 7);
    assert!(close(&y[0], [0.25f64.sin(), 4f64.sin()]));
    assert!(close(&y[3], [0.25f64.cos() * 0.5, 4f64.cos() * 2.0 * -3.0]), "{y:?}");
    assert!(close(&y[4], [0.0; 2]) && close(&y[5], [0.0; 2]) && close(&y[6], [0.5f64.exp(), 2f64.exp()]));
    // Through loops, and differentiated again.
    let curve = |w: &Value| {
        let cube = |v: &[Value]| ops::fori_loop(0, 3, |_, c| vec![&c[0] * &v[0]], &[v[0].full_like(1.0)]);
        ops::jvp(cube, std::slice::from_ref(w), &[w.full_like(1.0)], false).remove(1)
    };
    assert_eq!(rounded(step(curve).unwrap()), (12.0, -10.0));
    let e = ops::jvp(f, &[x.clone(), x], &[t], false).unwrap_err().to_string();
    assert!(e.contains("tangent"), "{e}");
}

#[test]
fn functions_of_last_axes() {
    let x = random::normal([2, 1, 3, 4], 0.0, 1.0, None, 1).unwrap();
    let v = random::normal([5, 4], 0.0, 1.0, None, 2).unwrap();
    let product = |x: &[Value]| vec![x[0].matmul(&x[1])];
    let f = ops::vectorize(product, &[], Some("(m,n),(n)->(m)")).unwrap();
    let got = f(&[x.clone(), v.clone()]).unwrap().remove(0);
    let want = ops::einsum([&x, &v], "abmn,cn->abcm").unwrap();
    let want = ops::reshape(&want, [2, 5, 3]).unwrap();
    assert_eq!(got.shape(), [2, 5, 3]);
    assert!(got.to_f64().iter().zip(want.to_f64()).all(|(a, b)| (a - b).abs() < 1e-5));
    // Scalars without a signature, broadcast; one argument is passed on whole.
    let horner = |x: &[Value]| vec![&x[0] * &x[1].index_axis(0, 0) + x[1].index_axis(0, 1)];
    let f = ops::vectorize(horner, &[1], None).unwrap();
    let y = numbers(f(&[Tensor::from([[1f32, 2.0], [3.0, 4.0]]), Tensor::from([10f32, 1.0])]));
    assert_eq!(y, [[11.0, 21.0, 31.0, 41.0]]);
    assert!(ops::vectorize::<Tensor>(product, &[], Some("(m,n)(n)->(m)")).is_err());
    let f = ops::vectorize(product, &[], Some("(m,n),(n)->(m,n)")).unwrap();
    assert!(f(&[x, v]).unwrap_err().to_string().contains("signature"));
}
