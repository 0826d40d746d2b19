use super::*;

#[test]
fn saved_as_keras_does() {
    let saved = |c: Constraint| serde_json::to_value(&c).unwrap()["config"].to_string();
    assert_eq!(saved("max_norm".into()), r#"{"max_value":2,"axis":0}"#);
    assert_eq!(saved(MaxNorm::new().max_value(0.5).axis([0, 1]).into()), r#"{"max_value":0.5,"axis":[0,1]}"#);
    assert_eq!(saved("NonNeg".into()), "{}");
    assert_eq!(saved("unit_norm".into()), r#"{"axis":0}"#);
    assert_eq!(saved("MinMaxNorm".into()), r#"{"min_value":0.0,"max_value":1.0,"rate":1.0,"axis":0}"#);
}
