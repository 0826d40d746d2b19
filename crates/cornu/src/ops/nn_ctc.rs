//! Connectionist temporal classification.
use super::arguments::Text;
use super::dtypes::float;
use crate::losses::ctc_align;
use cornu_graph::{DType, Error, Result, Tensor, Value};

ops! {
    "keras.src.ops.nn";
    /// Minus the logarithm of the probability that the first `output_length` steps of the logits `(batch, steps, classes)`
    /// spell the first `target_length` labels of the targets `(batch, labels)`; class `mask_index` stands between labels.
    CTCLoss ctc_loss(target, output, target_length, output_length) { mask_index: usize } =>
        lost([target, output, target_length, output_length], *mask_index).unwrap_or_else(|e| output.fail(e));
}

ops! {
    "keras.src.ops.nn" many;
    /// The labels that logits `(batch, steps, classes)` spell, and their scores.
    ///
    /// `"greedy"` takes the likeliest class of each step: labels `(1, batch, steps)`, int32, filled up with -1, and minus the
    /// sum of the logits taken, `(batch, 1)`. `"beam_search"` follows the `beam_width` likeliest beginnings: the `top_paths`
    /// best `(top_paths, batch, steps)` and the logarithms of their probabilities `(batch, top_paths)`. Only the first
    /// heeds `merge_repeated`, as in Keras; repetitions are merged in the second.
    CTCDecode ctc_decode(inputs, sequence_lengths) {
        strategy: Text, beam_width: usize, top_paths: usize, merge_repeated: bool, mask_index: usize
    } => {
        let decoded = checked(inputs, sequence_lengths, *mask_index).and_then(|()| match strategy.as_str() {
            "greedy" => Ok(greedy(&float(inputs), sequence_lengths, *merge_repeated, *mask_index)),
            "beam_search" => {
                let beams = Beams { width: *beam_width, top: *top_paths, blank: *mask_index };
                beams.search(&float(inputs), sequence_lengths)
            }
            other => Err(Error::unknown("strategy", other, ["greedy", "beam_search"])),
        });
        decoded.unwrap_or_else(|e| vec![inputs.fail(e.clone()), inputs.fail(e)])
    };
}

fn lost([target, output, target_length, output_length]: [&Value; 4], blank: usize) -> Result<Value> {
    checked(output, output_length, blank)?;
    let batch = output.dim(0);
    if target.rank() != 2 || target.dim(0) != batch || target_length.shape() != [batch] {
        let message = format!(
            "takes targets (batch, labels) and one length for each of {batch} samples, got {:?} and {:?}",
            target.shape(),
            target_length.shape()
        );
        return Err(Error::op("ctc_loss", message));
    }
    let output = output.cast(DType::promote(output.dtype(), DType::F32));
    let count = target_length.cast(DType::I32);
    ctc_align(&target.cast(DType::I32), &output, &count, Some(output_length), blank)
}

fn checked(logits: &Value, lengths: &Value, blank: usize) -> Result<()> {
    let &[batch, steps, classes] = logits.shape() else {
        return Err(Error::op(
            "ctc",
            format!("takes logits (batch, steps, classes), got {:?}", logits.shape()),
        ));
    };
    if lengths.shape() != [batch] || steps == 0 {
        let message = format!(
            "takes a length for each of {batch} samples of at least one step, got {:?}",
            lengths.shape()
        );
        return Err(Error::op("ctc", message));
    }
    if blank >= classes {
        return Err(Error::argument("mask_index", format!("must be below {classes}, got {blank}")));
    }
    Ok(())
}

fn greedy(logits: &Value, lengths: &Value, merge: bool, blank: usize) -> Vec<Value> {
    let (batch, steps) = (logits.dim(0), logits.dim(1));
    let step = logits.builder().iota(DType::I32, [batch, steps], 1);
    let lengths = lengths.cast(DType::I32).expand_dims(-1).broadcast_to(&[batch, steps]);
    let within = step.lt(&lengths);
    let blanks = step.full_like(blank as f64);
    let best = within.select(&logits.argmax(-1).cast(DType::I32), &blanks);
    let score = logits.max([-1]);
    let score = within.select(&score, &score.full_like(0.0)).sum([-1]);
    let mut kept = best.not_equal(&blanks);
    if merge {
        let before = best.slice_axis(1, 0, steps - 1).pad_axis(1, 1, 0, -1.0);
        kept = kept.and(&best.not_equal(&before));
    }
    // Labels first, in their order.
    let order = kept.select(&step, &step.full_like(steps as f64)).argsort(-1);
    let labels = kept.select(&best, &step.full_like(-1.0)).take_along_axis(&order, -1);
    vec![labels.expand_dims(0), (-score).expand_dims(-1)]
}

/// A search that keeps the likeliest beginnings.
struct Beams {
    width: usize,
    top: usize,
    blank: usize,
}

impl Beams {
    /// The best paths and their scores. Prefix search (Graves, 2012): of each beginning the probabilities are known to have
    /// ended in a blank, and not to.
    fn search(&self, logits: &Value, lengths: &Value) -> Result<Vec<Value>> {
        let (batch, steps, width) = (logits.dim(0), logits.dim(1), self.width);
        if width == 0 || self.top == 0 || self.top > width {
            let message = format!("must be between 1 and the beam width {width}, got {}", self.top);
            return Err(Error::argument("top_paths", message));
        }
        // Every pair of beginnings is compared.
        let compared =
            [width, width, steps.max(logits.dim(2))].iter().try_fold(batch, |a, &b| a.checked_mul(b));
        if compared.is_none_or(|n| n > 1 << 32) {
            return Err(Error::argument("beam_width", format!("{width} needs more memory than there is")));
        }
        let b = logits.builder();
        let log_p = logits.log_softmax(-1).swap_axes(0, 1);
        let step = b.iota(DType::I32, [steps, batch, 1], 0);
        // The first step counts even where there is none, as in Keras.
        let within = step
            .lt(&lengths.cast(DType::I32).maximum(&b.constant(Tensor::scalar(1i32))).reshape(&[1, batch, 1]));
        let never = b.constant(Tensor::full([], log_p.dtype(), f64::NEG_INFINITY));
        let start = [
            b.constant(Tensor::scalar(-1i32)).broadcast_to(&[batch, width, steps]),
            b.constant(Tensor::scalar(0i32)).broadcast_to(&[batch, width]),
            Value::concat(
                &[&never.full_like(0.0).broadcast_to(&[batch, 1]), &never.broadcast_to(&[batch, width - 1])],
                1,
            ),
            never.broadcast_to(&[batch, width]),
        ];
        let (last, _) = b.scan(&start, &[log_p, within], steps, false, |_, state, now| {
            let ([_, _, _, _], [log_p, within]) = (state, now) else {
                return Err(Error::op("ctc_decode", "lost its state"));
            };
            let next = self.step(state, log_p);
            let chosen = next.iter().zip(state).map(|(next, old)| {
                let mut mask = within.clone();
                for _ in mask.rank()..next.rank() {
                    mask = mask.expand_dims(-1);
                }
                mask.broadcast_to(next.shape()).select(next, old)
            });
            Ok((chosen.collect(), vec![]))
        })?;
        let (paths, scores) = (&last[0], log_add(&last[2], &last[3]));
        let (scores, best) = scores.top_k(self.top);
        let best = best.expand_dims(-1).broadcast_to(&[batch, self.top, steps]);
        Ok(vec![paths.take_along_axis(&best, 1).swap_axes(0, 1), scores])
    }

    /// One step: beginnings (batch, width, steps), their lengths, and logarithms of probabilities to end in a blank and not
    /// to (batch, width).
    fn step(&self, state: &[Value], log_p: &Value) -> Vec<Value> {
        let [paths, length, blank, label] = state else { return vec![] };
        let (batch, width, steps, classes) = (paths.dim(0), self.width, paths.dim(2), log_p.dim(-1));
        let b = paths.builder();
        let never = label.scalar(f64::NEG_INFINITY);
        let all = log_add(blank, label);
        let ends = length.gt(&length.full_like(0.0));
        let end_place = (length - length.full_like(1.0)).maximum(&length.full_like(0.0)).expand_dims(-1);
        let end = paths.take_along_axis(&end_place, -1).squeeze(-1);
        let some_end = ends.select(&end, &end.full_like(0.0));

        // The same beginning: a blank follows, or its last label again.
        let of_blank = log_p.slice_axis(1, self.blank, self.blank + 1);
        let stay_blank = &all + of_blank;
        let of_end = log_p.take_along_axis(&some_end, 1);
        let mut stay_label = ends.select(&(label + of_end), &label.full_like(f64::NEG_INFINITY));

        // Longer by one label; by the same label as its last only after a blank.
        let shape = [batch, width, classes];
        let class = b.iota(DType::I32, shape, 2);
        let spread = |v: &Value| v.expand_dims(-1).broadcast_to(&shape);
        let again = class.equal(&spread(&some_end)).and(&spread(&ends));
        let from = again.select(&spread(blank), &spread(&all));
        let longer = from + log_p.expand_dims(1);
        let longer =
            class.equal(&class.full_like(self.blank as f64)).select(&never.broadcast_to(&shape), &longer);

        // One that is a beginning already is joined with it: `to` is `from` and one label more.
        let place = b.iota(DType::I32, [batch, width, width, steps], 3);
        let pair = [batch, width, width, steps];
        let from_length = length.reshape(&[batch, 1, width, 1]).broadcast_to(&pair);
        let same = paths.expand_dims(2).broadcast_to(&pair).equal(&paths.expand_dims(1).broadcast_to(&pair));
        let same = same.or(&place.ge(&from_length)).all([-1]);
        let to_length = length.expand_dims(2).broadcast_to(&[batch, width, width]);
        let one_more = (length + length.full_like(1.0)).expand_dims(1).broadcast_to(&[batch, width, width]);
        let joins = same.and(&to_length.equal(&one_more));
        let end_of_to = some_end.one_hot(classes, -1, label.dtype());
        let end_hot = end_of_to.gt(&end_of_to.scalar(0.5));
        let wide = [batch, width, width, classes];
        let joined =
            joins.expand_dims(-1).broadcast_to(&wide).and(&end_hot.expand_dims(2).broadcast_to(&wide));
        let coming = joined.select(&longer.expand_dims(1).broadcast_to(&wide), &never.broadcast_to(&wide));
        // Only one beginning is shorter by this label.
        stay_label = log_add(&stay_label, &coming.max([-2, -1]));
        let longer = joined.any([1]).select(&never.broadcast_to(&shape), &longer);

        let candidates = Value::concat(
            &[&log_add(&stay_blank, &stay_label), &longer.reshape(&[batch, width * classes])],
            1,
        );
        let (_, chosen) = candidates.top_k(width);
        let is_longer = chosen.ge(&chosen.full_like(width as f64));
        let beyond = (&chosen - chosen.full_like(width as f64)).maximum(&chosen.full_like(0.0));
        let count = chosen.full_like(classes as f64);
        let parent = is_longer.select(&beyond.div(&count), &chosen);
        let added = beyond.rem(&count);
        let old = |v: &Value| v.take_along_axis(&parent, 1);
        let many = parent.expand_dims(-1).broadcast_to(&[batch, width, steps]);
        let (old_paths, old_length) = (paths.take_along_axis(&many, 1), old(length));
        let here = b.iota(DType::I32, [batch, width, steps], 2);
        let here = here.equal(&old_length.expand_dims(-1).broadcast_to(here.shape()));
        let grown = here.select(&added.expand_dims(-1).broadcast_to(here.shape()), &old_paths);
        let new_score = longer.reshape(&[batch, width * classes]).take_along_axis(&beyond, 1);
        vec![
            is_longer.expand_dims(-1).broadcast_to(here.shape()).select(&grown, &old_paths),
            is_longer.select(&(&old_length + old_length.full_like(1.0)), &old_length),
            is_longer.select(&never.broadcast_to(&[batch, width]), &old(&stay_blank)),
            is_longer.select(&new_score, &old(&stay_label)),
        ]
    }
}

/// `log(exp(a) + exp(b))`, where both may be negative infinity.
fn log_add(a: &Value, b: &Value) -> Value {
    let top = a.maximum(b);
    let shift = top.is_finite().select(&top, &top.full_like(0.0));
    ((a - &shift).exp() + (b - &shift).exp()).log() + shift
}
