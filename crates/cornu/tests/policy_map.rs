//! Policies of dtypes by the paths of layers. The expected values are those that Keras 3.15.1 gave.
#![allow(clippy::unwrap_used)]
use cornu::mixed_precision::DTypePolicy;
use cornu::prelude::*;
use serde_json::json;

/// What Keras 3.15.1 wrote is read, and written again.
#[test]
fn policies_by_path() {
    let x = Input::new([4, 3]).tensor();
    let dense = |policy: DTypePolicy| Dense::new(2).name("dense").dtype(policy).apply(&x);
    for (key, dtype) in
        [("dense", DType::BF16), ("d.*e", DType::BF16), ("dens", DType::F32), (".*/dense", DType::F32)]
    {
        let y = dense(DTypePolicy::map("float32", [(key, "mixed_bfloat16")]));
        assert_eq!(y.dtype(), dtype, "{key}");
    }
    for (keys, word) in [(["d.*", ".*e"], "several keys"), (["(", "d"], "DTypePolicyMap")] {
        let y = dense(DTypePolicy::map("float32", keys.map(|key| (key, "float16"))));
        let message = Model::new([x.clone()], [y]).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
    // The cell is named within its layer, the projections within theirs.
    let policy =
        DTypePolicy::map("float32", [("m/query", "mixed_bfloat16"), ("m/attention_output", "float16")]);
    let attention = MultiHeadAttention::new(2, 3).name("m").dtype(policy);
    let y = attention.apply([&x, &x]);
    // As at run time in Keras, whose symbolic tensor says float32.
    assert_eq!(y.dtype(), DType::F16);
    let weights = attention.share().weights();
    let dtypes: Vec<DType> = weights.iter().map(|w| w.variable.spec.dtype).collect();
    assert_eq!(dtypes, [[DType::F32; 6].as_slice(), &[DType::F16; 2]].concat());
    let cells = LSTM::new(2).name("l").dtype(DTypePolicy::map("float32", [("l/lstm_cell", "float16")]));
    assert_eq!(cells.apply(&x).dtype(), DType::F32);
    assert!(cells.share().weights().iter().all(|w| w.variable.spec.dtype == DType::F16));

    let policy = |name: serde_json::Value| json!({"module": "keras", "class_name": "DTypePolicy", "config": {"name": name}, "registered_name": null});
    for (default, own, dtype) in [
        (json!("float32"), json!("mixed_bfloat16"), DType::BF16),
        (json!("mixed_float16"), json!("float32"), DType::F32),
        // So Keras writes a map without a default: what it forgets of the others is the global policy.
        (json!(null), json!(null), DType::F32),
    ] {
        let map = json!({"module": "keras.dtype_policies", "class_name": "DTypePolicyMap", "registered_name": null,
            "config": {"default_policy": default, "policy_map": {"d": policy(own)}}});
        let saved = json!({"module": "keras", "class_name": "Sequential", "registered_name": "Sequential", "config": {
            "name": "s", "trainable": true, "dtype": policy(json!("float32")), "layers": [
                {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [null, 3], "name": "x"}},
                {"module": "keras.layers", "class_name": "Dense", "config": {"name": "d", "units": 2, "dtype": map}}]}});
        let model = cornu::saving::model_from_json(&saved.to_string()).unwrap();
        assert_eq!(model.outputs().unwrap()[0].dtype(), dtype);
        let again = model.get_config().unwrap()["layers"][1]["config"]["dtype"].clone();
        if !default.is_null() {
            assert_eq!(again, map);
        }
    }
}
