//! A small validator of structural schemas: enough to hold the bounds that the API server holds.

use std::sync::LazyLock;

use serde_json::{Map, Value};

/// The schema of the whole object.
pub(crate) fn schema() -> &'static Value {
    static CRD: LazyLock<Value> = LazyLock::new(headroom_api::schema::crd_value);
    CRD.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap()
}

/// Objections of the schema against a value; unknown fields are an objection too.
pub(crate) fn objections(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    look(schema, value, "", &mut found);
    found
}

fn look(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    let count =
        |key: &str| schema.get(key).and_then(Value::as_u64).map(|bound| usize::try_from(bound).unwrap());
    let mut object = |text: String| found.push(format!("{path}: {text}"));
    if let Some(kind) = schema.get("type").and_then(Value::as_str)
        && kind != type_of(value)
    {
        object(format!("is {} instead of {kind}", type_of(value)));
        return;
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        object(format!("{value} is none of {allowed:?}"));
    }
    match value {
        Value::Number(value) => {
            let value = value.as_f64().unwrap();
            if number("minimum").is_some_and(|bound| value < bound)
                || number("maximum").is_some_and(|b| value > b)
            {
                object(format!("{value} is out of range"));
            }
        }
        Value::String(text) => {
            let length = text.chars().count();
            if count("minLength").is_some_and(|bound| length < bound)
                || count("maxLength").is_some_and(|bound| length > bound)
            {
                object(format!("has {length} characters"));
            }
            if schema.get("format") == Some(&Value::from("date-time"))
                && text.parse::<jiff::Timestamp>().is_err()
            {
                object(format!("{text:?} is no time"));
            }
        }
        Value::Array(items) => {
            if count("maxItems").is_some_and(|bound| items.len() > bound) {
                object(format!("has {} items", items.len()));
            }
            unique(schema, items, path, found);
            for (index, item) in items.iter().enumerate() {
                look(&schema["items"], item, &format!("{path}[{index}]"), found);
            }
        }
        Value::Object(fields) => look_at_fields(schema, fields, path, found),
        Value::Null => object("is null".to_owned()),
        Value::Bool(_) => {}
    }
}

fn look_at_fields(schema: &Value, fields: &Map<String, Value>, path: &str, found: &mut Vec<String>) {
    for required in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if !fields.contains_key(required.as_str().unwrap()) {
            found.push(format!("{path}: {required} is missing"));
        }
    }
    for (key, value) in fields {
        match schema.pointer(&format!("/properties/{key}")) {
            Some(field) => look(field, value, &format!("{path}.{key}"), found),
            // `metadata` is known without being named.
            None if path.is_empty()
                && schema.get("properties").is_some_and(|known| known.get("spec").is_some()) => {}
            None => found.push(format!("{path}: {key} is unknown")),
        }
    }
}

fn unique(schema: &Value, items: &[Value], path: &str, found: &mut Vec<String>) {
    let Some(keys) = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array) else { return };
    let mut seen = std::collections::BTreeSet::new();
    for item in items {
        let key: Vec<_> = keys.iter().map(|key| item[key.as_str().unwrap()].to_string()).collect();
        if !seen.insert(key.clone()) {
            found.push(format!("{path}: {key:?} is there twice"));
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
