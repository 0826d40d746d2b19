//! What the targets share: what they do, and how inputs are changed where it counts.
pub mod targets;

use serde_json::Value as Json;
use std::io::{Cursor, Read, Write};

/// Numbers from a seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u32) -> Dice {
        Dice(u64::from(seed) ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n.max(1) as u64) as usize
    }
}

const ODD: [&str; 28] = [
    "null", "true", "false", "0", "1", "-1", "2", "3", "0.5", "1e300", "-1e300", "1000000000000000000", "-9223372036854775808",
    "18446744073709551615", "4294967296", "65536", "\"\"", "\"relu\"", "\"same\"", "\"channels_first\"", "\"float16\"",
    "\"float64\"", "[]", "{}", "[[[]]]", "[null, 2]", "[1, 1000000]", "[3, 3]",
];

/// Changes a JSON text: values become odd ones, or those of other places.
pub fn change_json(text: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let mut json: Json = serde_json::from_slice(text).ok()?;
    let mut places = vec![];
    pointers(&json, String::new(), &mut places);
    for _ in 0..=dice.below(3) {
        let place = &places[dice.below(places.len())];
        let new = match dice.below(4) {
            0 => json.pointer(&places[dice.below(places.len())]).cloned()?,
            _ => serde_json::from_str(ODD[dice.below(ODD.len())]).ok()?,
        };
        let whole = serde_json::to_string(&new).map_or(0, |t| t.len());
        if whole > 4000 {
            continue;
        }
        match (dice.below(6), json.pointer_mut(place)) {
            (_, None) => {}
            (0, Some(Json::Array(list))) if !list.is_empty() => {
                let at = dice.below(list.len());
                let twin = list[at].clone();
                list.insert(at, twin);
            }
            (1, Some(Json::Array(list))) if !list.is_empty() => {
                list.remove(dice.below(list.len()));
            }
            (_, Some(value)) => *value = new,
        }
    }
    serde_json::to_vec(&json).ok()
}

fn pointers(json: &Json, at: String, found: &mut Vec<String>) {
    match json {
        Json::Object(map) => map.iter().for_each(|(k, v)| {
            pointers(v, format!("{at}/{}", k.replace('~', "~0").replace('/', "~1")), found);
        }),
        Json::Array(list) => list.iter().enumerate().for_each(|(i, v)| pointers(v, format!("{at}/{i}"), found)),
        _ => {}
    }
    found.push(at);
}

/// The members of a zip archive.
pub fn members(data: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(data)).ok()?;
    let mut found = vec![];
    for i in 0..archive.len().min(20) {
        let mut entry = archive.by_index(i).ok()?;
        let name = entry.name().ok()?.into_owned();
        let mut bytes = vec![];
        entry.by_ref().take(1 << 20).read_to_end(&mut bytes).ok()?;
        found.push((name, bytes));
    }
    Some(found)
}

/// A zip archive of these members.
pub fn zipped(members: &[(String, Vec<u8>)]) -> Option<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(vec![]));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in members {
        archive.start_file(name.as_str(), options).ok()?;
        archive.write_all(bytes).ok()?;
    }
    Some(archive.finish().ok()?.into_inner())
}

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
