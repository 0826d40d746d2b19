use super::*;
use serde_json::json;

#[test]
fn saved_forms() {
    let read = |saved: Json| serde_json::from_value::<Activation>(saved).unwrap();
    for (saved, name) in [
        (json!("relu"), "relu"),
        (json!("swish"), "silu"),
        (json!(null), "linear"),
        (
            json!({"module": "builtins", "class_name": "function", "config": "mine", "registered_name": "mine"}),
            "mine",
        ),
    ] {
        assert_eq!(read(saved).name(), name);
    }
    let layer = json!({"module": "keras.layers", "class_name": "LeakyReLU", "config": {}});
    assert_eq!(serde_json::to_value(read(layer.clone())).unwrap(), layer);
    assert!(serde_json::from_value::<Activation>(json!(1)).is_err());
}

#[test]
fn unknown_names_are_reported() {
    let error = Activation::from("sofmax").check().unwrap_err();
    assert_eq!(error.to_string(), "unknown activation `sofmax`; did you mean `softmax`?");
}
