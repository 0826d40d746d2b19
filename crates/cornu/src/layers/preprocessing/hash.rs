//! Bins by hash, as TensorFlow finds them.
use serde::{Deserialize, Deserializer, Serialize};
use siphasher::sip::SipHasher24;

/// The key of a hash: two numbers, or one for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Salt([i64; 2]);

impl From<i64> for Salt {
    fn from(key: i64) -> Salt {
        Salt([key, key])
    }
}

impl From<[i64; 2]> for Salt {
    fn from(keys: [i64; 2]) -> Salt {
        Salt(keys)
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a whole number, or two")]
        enum Form {
            One(i64),
            Two([i64; 2]),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::One(key) => key.into(),
            Form::Two(keys) => keys.into(),
        })
    }
}

/// The bin of a token among `bins`: by FarmHash64, or with a salt by SipHash-2-4.
pub(super) fn bin(token: &str, bins: usize, salt: Option<Salt>) -> usize {
    let hash = match salt {
        None => farmhash::fingerprint64(token.as_bytes()),
        Some(Salt([a, b])) => SipHasher24::new_with_keys(a as u64, b as u64).hash(token.as_bytes()),
    };
    (hash % bins as u64) as usize
}

/// A hash that a combination of values starts from, and one with a further value in it.
pub(super) const CROSS_START: u64 = 0x00DE_CAFC_AFFE;

/// `hash` with a further value in it.
pub(super) fn cross(hash: u64, value: u64) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    let mix = |x: u64| x ^ (x >> 47);
    let both = hash ^ FACTOR ^ mix(value.wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
    mix(mix(both.wrapping_mul(FACTOR)).wrapping_mul(FACTOR))
}

/// What is hashed of a string.
pub(super) fn fingerprint(token: &str) -> u64 {
    farmhash::fingerprint64(token.as_bytes())
}
