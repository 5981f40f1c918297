//! Reading paths out of JSON documents without panics.

use serde_json::Value;

/// The value at a JSON pointer; `Null` if there is none.
pub(super) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// The string at a JSON pointer; `""` if there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    at(value, pointer).as_str().unwrap_or_default()
}

/// The integer at a JSON pointer; 0 if there is none.
pub(super) fn int(value: &Value, pointer: &str) -> i64 {
    at(value, pointer).as_i64().unwrap_or_default()
}

/// The boolean at a JSON pointer; false if there is none.
pub(super) fn truth(value: &Value, pointer: &str) -> bool {
    at(value, pointer).as_bool().unwrap_or_default()
}

/// The elements of the array at a JSON pointer; empty if there is none.
pub(super) fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    at(value, pointer).as_array().map_or(&[], Vec::as_slice)
}

/// Sets `object[key]`, where `object` is the map at `pointer`; does nothing if there is none.
pub(super) fn set(value: &mut Value, pointer: &str, key: &str, new: Value) {
    if let Some(map) = value.pointer_mut(pointer).and_then(Value::as_object_mut) {
        map.insert(key.to_owned(), new);
    }
}
