//! The table that is an app's own: whatever stands in it is handed on as a JSON object.

use super::kind::Kind;
use super::written::{Entries, Value, Written};
use serde_json::{Map, Number, Value as Json};

/// Longest JSON that is handed on, in bytes.
const LONGEST: usize = 1 << 20;
const NOT_A_TABLE: &str = "not a table: such as { delimiter = \";\" }";

/// A table, as JSON; in a variable it is JSON already.
#[derive(Clone, Copy, Debug)]
pub(super) struct AppTable;

impl Kind for AppTable {
    type Value = String;

    fn read(&self, value: &Value) -> Result<String, String> {
        let object = match value {
            Value::Table(entries) => object(entries)?,
            Value::Variable(text) => {
                let object: Map<String, Json> = serde_json::from_str(text)
                    .map_err(|error| format!("not a JSON object, such as {{\"delimiter\":\";\"}}: {error}"))?;
                object.iter().try_for_each(|(key, value)| check(key, value))?;
                object
            }
            _ => return Err(NOT_A_TABLE.to_owned()),
        };
        let json = Json::Object(object).to_string();
        if json.len() > LONGEST {
            return Err(format!("{} bytes of JSON: at most {LONGEST} are handed to an app", json.len()));
        }
        Ok(json)
    }
}

fn object(entries: &Entries) -> Result<Map<String, Json>, String> {
    entries.iter().map(|(key, written)| Ok((key.clone(), json(key, written)?))).collect()
}

fn json(key: &str, written: &Written) -> Result<Json, String> {
    Ok(match &written.value {
        Value::Text(text) | Value::Moment(text) | Value::Variable(text) => Json::String(text.clone()),
        Value::Flag(flag) => Json::Bool(*flag),
        Value::Whole { number, text } => match i64::try_from(*number) {
            Ok(number) => number.into(),
            Err(_) => return Err(format!("{key} = {text} fits no 64 bits: write it as text")),
        },
        Value::Fraction { number, text } => match Number::from_f64(*number) {
            Some(number) => Json::Number(number),
            None => return Err(format!("{key} = {text} has no form in JSON: write it as text")),
        },
        Value::List(items) => Json::Array(items.iter().map(|item| json(key, item)).collect::<Result<_, _>>()?),
        Value::Table(entries) => Json::Object(object(entries)?),
    })
}

/// JSON from a variable may hold what a table can, so that the same can be written into a file.
fn check(key: &str, value: &Json) -> Result<(), String> {
    match value {
        Json::Null => Err(format!("{key} is null, for which a table has no word: leave the key out")),
        Json::Number(number) if number.is_u64() && !number.is_i64() => {
            Err(format!("{key} = {number} fits no 64 bits with a sign: write it as text"))
        }
        Json::Array(items) => items.iter().try_for_each(|item| check(key, item)),
        Json::Object(object) => object.iter().try_for_each(|(key, value)| check(key, value)),
        _ => Ok(()),
    }
}
