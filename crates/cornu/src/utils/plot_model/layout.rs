//! Where blocks and arrows lie: rows from the inputs on, as K. Sugiyama and others, *Methods for visual understanding of
//! hierarchical system structures* (IEEE Transactions on Systems, Man, and Cybernetics 11, 1981).

/// Space between rows, and between what is beside each other in one.
const BETWEEN_ROWS: f64 = 34.0;
const BETWEEN: f64 = 22.0;
/// Width of an arrow that passes a row.
const ARROW: f64 = 8.0;

/// The middle of each block, and the points on the way of each arrow.
pub(super) struct Layout {
    pub size: (f64, f64),
    pub blocks: Vec<(f64, f64)>,
    pub arrows: Vec<Vec<(f64, f64)>>,
}

/// Lays out blocks of these sizes from top to bottom. Arrows go from and to the number of a block, and never back.
pub(super) fn lay_out(sizes: &[(f64, f64)], arrows: &[(usize, usize)]) -> Layout {
    let rows_of = rows_of(sizes.len(), arrows);
    // An arrow over several rows has a place in each.
    let mut points: Vec<(f64, usize)> = sizes.iter().map(|s| s.0).zip(rows_of.iter().copied()).collect();
    let mut links: Vec<(usize, usize)> = vec![];
    let mut ways: Vec<Vec<usize>> = vec![];
    for &(from, to) in arrows {
        let mut way = vec![from];
        for row in rows_of[from] + 1..rows_of[to] {
            points.push((ARROW, row));
            way.push(points.len() - 1);
        }
        way.push(to);
        links.extend(way.windows(2).map(|pair| (pair[0], pair[1])));
        ways.push(way);
    }
    let count = points.iter().map(|p| p.1 + 1).max().unwrap_or(0);
    let mut rows: Vec<Vec<usize>> = vec![vec![]; count];
    points.iter().enumerate().for_each(|(i, (_, row))| rows[*row].push(i));
    let mut x = vec![0.0; points.len()];
    rows.iter().for_each(|row| spread(row, &points, &mut x));
    let above: Vec<Vec<usize>> = neighbours(points.len(), links.iter().map(|&(a, b)| (b, a)));
    let below: Vec<Vec<usize>> = neighbours(points.len(), links.iter().copied());
    // Rows are sorted by where their neighbours are, down and up again, which takes most crossings away.
    for round in 0..6 {
        let near = if round % 2 == 0 { &above } else { &below };
        let order: Vec<usize> =
            if round % 2 == 0 { (0..count).collect() } else { (0..count).rev().collect() };
        for row in order {
            let wish = |i: usize, x: &[f64]| match near[i].len() {
                0 => x[i],
                n => near[i].iter().map(|&k| x[k]).sum::<f64>() / n as f64,
            };
            let wishes: Vec<f64> = (0..points.len()).map(|i| wish(i, &x)).collect();
            rows[row].sort_by(|&a, &b| wishes[a].total_cmp(&wishes[b]));
            rows[row].iter().for_each(|&i| x[i] = wishes[i]);
            push_apart(&rows[row], &points, &mut x);
        }
    }
    let left = (0..points.len()).map(|i| x[i] - points[i].0 / 2.0).fold(f64::INFINITY, f64::min);
    x.iter_mut().for_each(|x| *x += BETWEEN - left);
    let width = (0..points.len()).map(|i| x[i] + points[i].0 / 2.0).fold(0.0, f64::max) + BETWEEN;

    let height = |row: &Vec<usize>| row.iter().filter_map(|&i| sizes.get(i)).map(|s| s.1).fold(0.0, f64::max);
    let mut top = BETWEEN;
    let middles: Vec<f64> = rows
        .iter()
        .map(|row| {
            let middle = top + height(row) / 2.0;
            top += height(row) + BETWEEN_ROWS;
            middle
        })
        .collect();
    let place = |i: usize| (x[i], middles[points[i].1]);
    let way = |way: &Vec<usize>| {
        let last = way.len() - 1;
        let ends = |k: usize, i: usize| match k {
            0 => (place(i).0, place(i).1 + sizes[i].1 / 2.0),
            k if k == last => (place(i).0, place(i).1 - sizes[i].1 / 2.0),
            _ => place(i),
        };
        way.iter().enumerate().map(|(k, &i)| ends(k, i)).collect()
    };
    Layout {
        size: (width, top - BETWEEN_ROWS + BETWEEN),
        blocks: (0..sizes.len()).map(place).collect(),
        arrows: ways.iter().map(way).collect(),
    }
}

/// The row of each block: one more than that of the lowest it comes from.
fn rows_of(count: usize, arrows: &[(usize, usize)]) -> Vec<usize> {
    let mut rows = vec![0; count];
    // As many rounds as there are rows.
    for _ in 0..count {
        let before = rows.clone();
        arrows.iter().for_each(|&(from, to)| rows[to] = rows[to].max((rows[from] + 1).min(count)));
        if rows == before {
            break;
        }
    }
    rows
}

fn neighbours(count: usize, links: impl Iterator<Item = (usize, usize)>) -> Vec<Vec<usize>> {
    let mut found = vec![vec![]; count];
    links.for_each(|(a, b)| found[a].push(b));
    found
}

/// Side by side, around 0.
fn spread(row: &[usize], points: &[(f64, usize)], x: &mut [f64]) {
    let total: f64 = row.iter().map(|&i| points[i].0 + BETWEEN).sum();
    let mut at = -total / 2.0;
    for &i in row {
        x[i] = at + points[i].0 / 2.0;
        at += points[i].0 + BETWEEN;
    }
}

/// Moves what overlaps to the right, then the whole row back to where it was in the mean.
fn push_apart(row: &[usize], points: &[(f64, usize)], x: &mut [f64]) {
    let mean = |x: &[f64]| row.iter().map(|&i| x[i]).sum::<f64>() / row.len().max(1) as f64;
    let wanted = mean(x);
    for pair in row.windows(2) {
        let least = x[pair[0]] + (points[pair[0]].0 + points[pair[1]].0) / 2.0 + BETWEEN;
        x[pair[1]] = x[pair[1]].max(least);
    }
    let moved = mean(x) - wanted;
    row.iter().for_each(|&i| x[i] -= moved);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diamond_with_a_shortcut() {
        let sizes = [(40.0, 20.0); 5];
        let arrows = [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (0, 4)];
        let layout = lay_out(&sizes, &arrows);
        let row = |i: usize| layout.blocks[i].1;
        assert!(row(0) < row(1) && row(1) == row(2) && row(2) < row(3) && row(3) < row(4));
        // Nothing overlaps, all is on the paper, and arrows go down from block to block.
        assert!((layout.blocks[1].0 - layout.blocks[2].0).abs() >= 40.0 + BETWEEN);
        for (way, (from, to)) in layout.arrows.iter().zip(arrows) {
            assert_eq!(way[0], (layout.blocks[from].0, row(from) + 10.0));
            assert_eq!(way[way.len() - 1], (layout.blocks[to].0, row(to) - 10.0));
            assert!(way.windows(2).all(|p| p[0].1 < p[1].1));
            assert!(way.iter().all(|p| p.0 > 0.0 && p.0 < layout.size.0 && p.1 < layout.size.1));
        }
        assert_eq!(layout.arrows[5].len(), 4);
        assert_eq!(lay_out(&[], &[]).blocks.len(), 0);
    }
}
