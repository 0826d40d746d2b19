use super::*;
use serde_json::json;

#[test]
fn saved_as_keras_does() {
    let saved = |r: Regularizer| serde_json::to_string(&r).unwrap();
    let keras = |class: &str, config: &str| {
        format!(
            r#"{{"module":"keras.regularizers","class_name":"{class}","config":{config},"registered_name":null}}"#
        )
    };
    assert_eq!(saved("l1".into()), keras("L1", r#"{"l1":0.009999999776482582}"#));
    assert_eq!(saved("L2".into()), keras("L2", r#"{"l2":0.01}"#));
    assert_eq!(saved("l1_l2".into()), keras("L1L2", r#"{"l1":0.0,"l2":0.0}"#));
    let orthogonal = r#"{"factor":0.009999999776482582,"mode":"rows"}"#;
    assert_eq!(saved("orthogonal_regularizer".into()), keras("OrthogonalRegularizer", orthogonal));
}

#[test]
fn read_from_names_and_envelopes() {
    let read = |saved: Json| serde_json::from_value::<Option<Regularizer>>(saved).unwrap();
    assert_eq!(read(json!(null)), None);
    assert_eq!(read(json!("l2")), Some(L2::new().into()));
    assert_eq!(read(json!({"class_name": "L2", "config": {"l2": 0.5}})), Some(L2::new().l2(0.5).into()));
    assert_eq!(read(json!({"class_name": "L1L2"})), Some(L1L2::new().into()));
}

#[test]
fn what_is_unknown_is_kept_and_reported() {
    let error = Regularizer::from("l3").get().unwrap_err();
    assert_eq!(error.to_string(), "unknown regularizer `l3`; did you mean `l1`?");
    let saved = json!({"module": "a", "class_name": "Mine", "config": {"x": 1}, "registered_name": "a>Mine"});
    let kept: Regularizer = serde_json::from_value(saved.clone()).unwrap();
    assert!(kept.get().is_err());
    assert_eq!(serde_json::to_value(&kept).unwrap(), saved);
}

#[test]
fn wrong_configs_are_refused() {
    let error = |saved: Json| serde_json::from_value::<Regularizer>(saved).unwrap_err().to_string();
    let saved = json!({"class_name": "L2", "config": {"l1": 0.5}});
    assert_eq!(error(saved), "config of L2: unknown key `l1`; did you mean `l2`?");
    assert_eq!(error(json!(3)), "expected the name of a regularizer or a saved one, got 3");
}

#[test]
fn functions_are_saved_by_name() {
    let function = Regularizer::function("mine", |x| Ok(x.sum(x.all_axes())));
    assert_eq!(serde_json::to_value(&function).unwrap(), "mine");
    assert_eq!(function.clone(), function);
}
