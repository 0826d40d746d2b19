//! What the targets share: what they do, and how inputs are changed where it counts.
pub mod mutate;
pub mod targets;

use mutate::{Dice, change_json, members, zipped};

/// Lets the fuzzer change bytes of a member, or a config as JSON, so that checksums stay right.
pub fn change_archive(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut dice = Dice::new(seed);
    let mutate = |data: &mut [u8]| libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    if dice.below(4) == 0 {
        return mutate(data);
    }
    let Some(mut all) = members(&data[..size]).filter(|m| !m.is_empty()) else { return mutate(data) };
    let at = dice.below(all.len());
    let (name, bytes) = &mut all[at];
    let changed = if name.ends_with(".json") && dice.below(8) > 0 {
        change_json(bytes, &mut dice)
    } else {
        let (was, room) = (bytes.len(), bytes.len() + 64);
        bytes.resize(room, 0);
        let now = libfuzzer_sys::fuzzer_mutate(bytes, was, room);
        bytes.truncate(now);
        Some(std::mem::take(bytes))
    };
    let Some(changed) = changed else { return mutate(data) };
    all[at].1 = changed;
    match zipped(&all) {
        Some(new) if new.len() <= max_size => {
            data[..new.len()].copy_from_slice(&new);
            new.len()
        }
        _ => mutate(data),
    }
}

/// Lets a config become another config, or the fuzzer change its bytes.
pub fn change_config(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut dice = Dice::new(seed);
    let changed = if dice.below(6) > 0 { change_json(&data[..size], &mut dice) } else { None };
    match changed {
        Some(new) if new.len() <= max_size => {
            data[..new.len()].copy_from_slice(&new);
            new.len()
        }
        _ => libfuzzer_sys::fuzzer_mutate(data, size, max_size),
    }
}
