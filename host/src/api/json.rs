//! JSON that a request sends: an object that can be read in one way alone.
//!
//! - It is an object. `serde` would take an array for one, its values in the order of the fields: a mistake would be done.
//! - No name stands twice in an object: of two readers each might believe another one.
//! - Nothing that is wanted anywhere is a list of lists, for the same reason as the first.
//!
//! That is looked at before anything is made of it, in one pass that keeps the names of the open objects alone.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use std::collections::HashSet;
use std::fmt;

/// Reads an object.
///
/// # Errors
/// It is none, or not what is wanted: a sentence, with line and column.
pub(super) fn object<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let looked = Look::All.deserialize(&mut reader).and_then(|()| reader.end());
    looked
        .and_then(|()| serde_json::from_slice(text))
        .map_err(|error| format!("the body is not what is wanted: {error}"))
}

/// Looks at a value and keeps nothing of it: the whole of it, one in an object, or one in a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    All,
    InObject,
    InList,
}

impl<'de> DeserializeSeed<'de> for Look {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        match self {
            // Whatever is no map is told by the visitor's own sentence.
            Look::All => value.deserialize_map(self),
            Look::InObject | Look::InList => value.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Look {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Look::All => "an object, {…} with names and values",
            Look::InObject => "a value",
            Look::InList => "a value that is no list itself",
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            map.next_value_seed(Look::InObject)?;
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("{name:?} stands there twice: send it once")));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self != Look::InObject {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        while list.next_element_seed(Look::InList)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value, json};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is read is enough")]
    struct Wanted {
        name: String,
        #[serde(default)]
        parts: Vec<Part>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "what is read is enough")]
    struct Part {
        bytes: u64,
    }

    #[test]
    fn an_object_is_read_and_a_list_in_its_place_is_told_of() {
        assert!(object::<Wanted>(b" {\"name\": \"x\", \"parts\": [{\"bytes\": 1}, {\"bytes\": 2}]} ").is_ok());
        let every = json!({ "a": null, "b": [1, -1, 1.5, "x", true, {}], "c": { "d": {} } });
        assert_eq!(object::<Map<String, Value>>(every.to_string().as_bytes()).map(Value::Object), Ok(every));
        for (text, told) in [
            ("[\"x\"]", "invalid type: sequence, expected an object, {…} with names and values at line 1 column 0"),
            ("null", "invalid type: null, expected an object"),
            ("\"x\"", "invalid type: string \"x\", expected an object"),
            ("{\"name\": \"x\", \"parts\": [[1]]}", "invalid type: sequence, expected a value that is no list itself"),
            ("{\"name\": \"x\"} {}", "trailing characters at line 1 column 15"),
            ("{\"name\": \"x\"}x", "trailing characters"),
            ("{\"name\": \"x\",\n \"name\": \"y\"}", "\"name\" stands there twice: send it once at line 2 column"),
            ("{\"name\": \"x\", \"more\": 1}", "unknown field `more`"),
            ("{", "EOF while parsing"),
        ] {
            let error = object::<Wanted>(text.as_bytes()).unwrap_err();
            assert!(error.starts_with("the body is not what is wanted: ") && error.contains(told), "{text}: {error}");
        }
        let twice = object::<Map<String, Value>>(b"{\"a\": {\"b\": 1, \"\\u0062\": 2}}").unwrap_err();
        assert!(twice.contains("\"b\" stands there twice"), "{twice}");
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        assert!(object::<Map<String, Value>>(&[&b"{\"a\":"[..], &deep, b"}"].concat()).is_err());
        let deep = [b"{\"a\":".repeat(100_000), b"1".to_vec(), vec![b'}'; 100_000]].concat();
        assert!(object::<Map<String, Value>>(&deep).unwrap_err().contains("recursion limit"));
    }
}
