//! The shuffles of Python: a seed gives the order that it gives there.
//!
//! The generator is M. Matsumoto and T. Nishimura's *Mersenne Twister* (ACM TOMACS 8, 1998), 32 bits, as NumPy's `RandomState` and
//! Python's `random` use it.

const SIZE: usize = 624;
const MIDDLE: usize = 397;

/// Mersenne Twister.
pub(crate) struct RandomState {
    state: [u32; SIZE],
    next: usize,
}

impl RandomState {
    /// `numpy.random.RandomState(seed)`.
    pub fn new(seed: u32) -> RandomState {
        let mut state = [0; SIZE];
        state[0] = seed;
        for i in 1..SIZE {
            state[i] = mixed(state[i - 1]).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        RandomState { state, next: SIZE }
    }

    /// `random.seed(seed)`.
    pub fn python(seed: u64) -> RandomState {
        let RandomState { mut state, .. } = RandomState::new(19_650_218);
        let key = [seed as u32, (seed >> 32) as u32];
        let key = if key[1] == 0 { &key[..1] } else { &key[..] };
        let mut i = 1;
        let step = |state: &mut [u32; SIZE], i: &mut usize| {
            *i += 1;
            if *i == SIZE {
                state[0] = state[SIZE - 1];
                *i = 1;
            }
        };
        for round in 0..SIZE {
            let j = round % key.len();
            let old = state[i] ^ mixed(state[i - 1]).wrapping_mul(1_664_525);
            state[i] = old.wrapping_add(key[j]).wrapping_add(j as u32);
            step(&mut state, &mut i);
        }
        for _ in 1..SIZE {
            let old = state[i] ^ mixed(state[i - 1]).wrapping_mul(1_566_083_941);
            state[i] = old.wrapping_sub(i as u32);
            step(&mut state, &mut i);
        }
        state[0] = 0x8000_0000;
        RandomState { state, next: SIZE }
    }

    fn next_u32(&mut self) -> u32 {
        if self.next == SIZE {
            for i in 0..SIZE {
                let y = self.state[i] & 0x8000_0000 | self.state[(i + 1) % SIZE] & 0x7fff_ffff;
                let turned = y >> 1 ^ if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + MIDDLE) % SIZE] ^ turned;
            }
            self.next = 0;
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c_5680;
        y ^= y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }

    /// `RandomState.shuffle`.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            let mask = (i as u32 + 1).checked_next_power_of_two().map_or(u32::MAX, |n| n - 1);
            let j = std::iter::repeat_with(|| self.next_u32() & mask).find(|&j| j as usize <= i);
            values.swap(i, j.unwrap_or(0) as usize);
        }
    }

    /// `random.shuffle`.
    pub fn python_shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            let unused = (i as u32 + 1).leading_zeros();
            let j = std::iter::repeat_with(|| self.next_u32() >> unused).find(|&j| j as usize <= i);
            values.swap(i, j.unwrap_or(0) as usize);
        }
    }
}

fn mixed(x: u32) -> u32 {
    x ^ x >> 30
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_python() {
        let mut values: Vec<u32> = (0..10).collect();
        RandomState::new(42).shuffle(&mut values);
        // numpy.random.RandomState(42).shuffle
        assert_eq!(values, NUMPY);
        let mut values: Vec<u32> = (0..10).collect();
        RandomState::python(1337).python_shuffle(&mut values);
        // random.seed(1337); random.shuffle
        assert_eq!(values, PYTHON);
        let mut values: Vec<u32> = (0..10).collect();
        RandomState::python(1 << 40).python_shuffle(&mut values);
        assert_eq!(values, PYTHON_LARGE);
        let mut values: Vec<u32> = (0..2000).collect();
        RandomState::new(7).shuffle(&mut values);
        assert_eq!(values[..5], NUMPY_LONG);
    }

    const NUMPY: [u32; 10] = [8, 1, 5, 0, 7, 2, 9, 4, 3, 6];
    const PYTHON: [u32; 10] = [0, 3, 7, 2, 1, 6, 4, 5, 8, 9];
    const PYTHON_LARGE: [u32; 10] = [7, 8, 2, 4, 6, 0, 3, 9, 5, 1];
    const NUMPY_LONG: [u32; 5] = [1072, 1048, 204, 694, 1758];
}
