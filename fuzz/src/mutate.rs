//! Changes of files that keep their outer form: JSON stays JSON, archives keep their checksums.
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
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "2",
    "3",
    "0.5",
    "1e300",
    "-1e300",
    "1000000000000000000",
    "-9223372036854775808",
    "18446744073709551615",
    "4294967296",
    "65536",
    "\"\"",
    "\"relu\"",
    "\"same\"",
    "\"channels_first\"",
    "\"float16\"",
    "\"float64\"",
    "[]",
    "{}",
    "[[[]]]",
    "[null, 2]",
    "[1, 1000000]",
    "[3, 3]",
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
        Json::Array(list) => {
            list.iter().enumerate().for_each(|(i, v)| pointers(v, format!("{at}/{i}"), found))
        }
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

/// Flips, sets and cuts of some bytes.
pub fn change_bytes(data: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let mut bytes = data.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        let byte = bytes.get_mut(at)?;
        *byte = match dice.below(5) {
            0 => 0,
            1 => 0xff,
            2 => byte.wrapping_add(1),
            _ => *byte ^ (1 << dice.below(8)),
        };
    }
    if dice.below(8) == 0 {
        bytes.truncate(dice.below(bytes.len()));
    }
    Some(bytes)
}

/// Changes a member of an archive, which is packed anew; now and then the archive itself.
pub fn change_member(data: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    if dice.below(6) == 0 {
        return change_bytes(data, dice);
    }
    let mut all = members(data)?;
    let at = dice.below(all.len());
    let (name, bytes) = all.get_mut(at)?;
    *bytes = if name.ends_with(".json") && dice.below(6) > 0 {
        change_json(bytes, dice)?
    } else {
        change_bytes(bytes, dice)?
    };
    zipped(&all)
}
