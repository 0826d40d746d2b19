//! What `#[config]` gives a struct.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::config;
use cornu::object::{KerasObject, envelope, from_envelope};
use serde_json::json;

/// An object with an argument of each kind.
#[config("my_package")]
pub struct Kinds {
    /// Required.
    pub units: usize,
    /// A float.
    #[default(0.5)]
    pub rate: f64,
    /// A text.
    #[default("same")]
    pub padding: String,
    /// A number or nothing.
    #[default(None)]
    pub seed: Option<u64>,
    /// A text or nothing.
    #[default(None)]
    pub mode: Option<String>,
    /// A list.
    #[default([1, 2])]
    pub axes: Vec<i64>,
    /// A word of Rust.
    #[default(true)]
    pub r#loop: bool,
}

/// An object without arguments.
#[config("keras.things")]
pub struct Plain;

/// An object that is saved in another order than it is made.
#[config("keras.things", order(b, a))]
pub struct Reordered {
    /// First of `new`.
    pub a: usize,
    /// Left out while it is 0.
    #[default(0)]
    #[omit_default]
    pub b: i64,
}

#[test]
fn saved_in_another_order() {
    let saved = |object: &Reordered| serde_json::to_string(object).unwrap();
    assert_eq!(saved(&Reordered::new(1)), r#"{"a":1}"#);
    assert_eq!(saved(&Reordered::new(1).b(2)), r#"{"b":2,"a":1}"#);
}

#[test]
fn arguments_keep_their_order() {
    let object = Kinds::new(3).seed(7).mode("fast").axes([4]).r#loop(false);
    let text = r#"{"units":3,"rate":0.5,"padding":"same","seed":7,"mode":"fast","axes":[4],"loop":false}"#;
    assert_eq!(serde_json::to_string(&object).unwrap(), text);
    assert_eq!(serde_json::from_str::<Kinds>(text).unwrap(), object);
}

#[test]
fn missing_keys_have_defaults() {
    let read: Kinds = serde_json::from_value(json!({"units": 3, "mode": null})).unwrap();
    assert_eq!(read, Kinds::new(3));
}

#[test]
fn wrong_configs_name_the_key() {
    let error = |config| serde_json::from_value::<Kinds>(config).unwrap_err().to_string();
    assert_eq!(error(json!({})), "config of Kinds: `units` is missing");
    assert_eq!(
        error(json!({"units": 1, "rates": 2})),
        "config of Kinds: unknown key `rates`; did you mean `rate`?"
    );
    assert_eq!(
        error(json!({"units": "a"})),
        "config of Kinds: `units`: invalid type: string \"a\", expected usize"
    );
    assert_eq!(
        error(json!({"units": -1})),
        "config of Kinds: `units`: invalid value: integer `-1`, expected usize"
    );
    assert!(error(json!(3)).starts_with("config of Kinds: invalid type: integer `3`"));
}

#[test]
fn envelopes() {
    let object = Kinds::new(2);
    let saved = envelope(&object).unwrap();
    assert_eq!(saved["registered_name"], "my_package>Kinds");
    assert_eq!(from_envelope::<Kinds>(&saved).unwrap(), object);
    let keras = r#"{"module":"keras.things","class_name":"Plain","config":{},"registered_name":null}"#;
    assert_eq!(envelope(&Plain::new()).unwrap().to_string(), keras);
    assert_eq!(Plain::default(), Plain::new());
    assert_eq!(Plain::registered_name(), None);
    assert_eq!(
        from_envelope::<Plain>(&saved).unwrap_err().to_string(),
        "Plain: expected a saved Plain, got {\"module\":\"my_package\",\"class_name\":\"Kinds\",\"config\":{\"units..."
    );
}
