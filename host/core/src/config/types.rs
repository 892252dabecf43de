//! The keyword `type` of JSON schemas, as configurations are read: 10.0 is not an integer.
//!
//! JSON Schema counts every whole number as an integer. TOML tells 10.0 from 10, and so do those
//! who take the value.

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value};

/// The types that a value may have, by their names.
struct Types(Vec<String>);

/// Makes the check for the types that a schema gives, a name or a list of names. The schema's own
/// check reports unknown names.
pub(super) fn keyword<'a>(
    _schema: &'a Map<String, Value>,
    types: &'a Value,
    _place: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    let names = types.as_array().map_or(std::slice::from_ref(types), Vec::as_slice);
    Ok(Box::new(Types(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())))
}

impl<'i> Keyword<'i> for Types {
    fn validate(&self, value: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(value) { Ok(()) } else { Err(ValidationError::custom("wrong type")) }
    }

    fn is_valid(&self, value: &'i Value) -> bool {
        self.0.iter().any(|name| is_of(name, value))
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}
