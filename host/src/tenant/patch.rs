//! JSON merge patches (RFC 7396): laid over a value, and laid over each other. Pure.

use serde_json::{Map, Value};

/// Lays a patch over a value.
pub(super) fn merge(value: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *value = patch;
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Some(fields) = value.as_object_mut() else { return };
    for (name, part) in patch {
        match part {
            Value::Null => {
                fields.shift_remove(&name);
            }
            part => merge(fields.entry(name).or_insert(Value::Null), part),
        }
    }
}

/// A value under a patch.
pub(super) fn merged(mut value: Value, patch: Value) -> Value {
    merge(&mut value, patch);
    value
}

/// Makes of a patch of `under` one that does what it does and then what `later` does. What a later `under` says of keys that
/// neither names holds then as well.
pub(super) fn compose(patch: &mut Map<String, Value>, later: Map<String, Value>, under: &Map<String, Value>) {
    for (name, part) in later {
        let beneath = under.get(&name);
        match (patch.get_mut(&name), part) {
            // There is nothing that it would take away.
            (_, Value::Null) if beneath.is_none() => {
                patch.shift_remove(&name);
            }
            (Some(Value::Object(before)), Value::Object(part)) => {
                compose(before, part, beneath.and_then(Value::as_object).unwrap_or(&Map::new()));
            }
            // Nothing of what is beneath showed through, and nothing of it is to.
            (Some(_), Value::Object(part)) => {
                let mut whole = merged(Value::Null, part.into());
                hide(&mut whole, beneath);
                patch.insert(name, whole);
            }
            (None, Value::Object(part)) if beneath.is_some_and(Value::is_object) => {
                patch.insert(name, part.into());
            }
            (None, part @ Value::Object(_)) => {
                patch.insert(name, merged(Value::Null, part));
            }
            (_, part) => {
                patch.insert(name, part);
            }
        }
    }
}

/// Has a value, as a patch, take away whatever is beneath and not in it.
fn hide(value: &mut Value, beneath: Option<&Value>) {
    let (Some(fields), Some(Value::Object(beneath))) = (value.as_object_mut(), beneath) else { return };
    for (name, below) in beneath {
        match fields.get_mut(name) {
            Some(field) => hide(field, Some(below)),
            None => {
                fields.insert(name.clone(), Value::Null);
            }
        }
    }
}

/// The keys that a patch names, with dots between their parts.
pub(super) fn keys(patch: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, found: &mut Vec<String>) {
        match value.as_object().filter(|fields| !fields.is_empty()) {
            Some(fields) => {
                for (name, value) in fields {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    walk(value, &path, found);
                }
            }
            None if path.is_empty() => {}
            None => found.push(path.to_owned()),
        }
    }
    let mut found = Vec::new();
    walk(patch, "", &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_patch_is_laid_over_as_its_standard_says() {
        // The examples of RFC 7396, appendix A.
        for (value, patch, expected) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            assert_eq!(merged(value.clone(), patch.clone()), expected, "{value} under {patch}");
        }
    }

    fn values(with_null: bool) -> impl Strategy<Value = Value> {
        let leaf = if with_null {
            prop_oneof![Just(Value::Null), (0..3).prop_map(Value::from)].boxed()
        } else {
            (0..3).prop_map(Value::from).boxed()
        };
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop::collection::btree_map("[abc]", inner, 0..3).prop_map(|it| Value::Object(it.into_iter().collect()))
        })
    }

    fn objects(with_null: bool) -> impl Strategy<Value = Map<String, Value>> {
        prop::collection::btree_map("[abc]", values(with_null), 0..4).prop_map(|it| it.into_iter().collect())
    }

    proptest! {
        #[test]
        fn one_patch_after_another_is_as_both_in_one(
            under in objects(false), later in prop::collection::vec(objects(true), 0..4)
        ) {
            let (mut patch, mut expected) = (Map::new(), Value::from(under.clone()));
            for later in later {
                compose(&mut patch, later.clone(), &under);
                merge(&mut expected, later.into());
            }
            prop_assert_eq!(merged(under.into(), patch.into()), expected);
        }
    }

    #[test]
    fn what_was_said_stays_said_although_the_file_says_the_same() {
        let (mut patch, under) = (Map::new(), json!({ "weight": 2, "limits": { "attempts": 1 } }));
        let under = under.as_object().unwrap();
        let later = json!({ "weight": 2, "limits": { "streams": 3 }, "enabled": null });
        compose(&mut patch, later.as_object().unwrap().clone(), under);
        let patch = Value::from(patch);
        assert_eq!(patch, json!({ "weight": 2, "limits": { "streams": 3 } }));
        assert_eq!(keys(&patch), ["weight", "limits.streams"]);
    }
}
