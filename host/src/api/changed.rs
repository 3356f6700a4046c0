//! What a change of settings has changed, in words, for the audit log. Pure.

use serde_json::Value;
use std::collections::BTreeMap;

/// Characters of the words; the rest is left out.
const MOST: usize = 2_000;
/// What lies below such a key is an app's own, and may be secret: that it changed is told, and not what it is.
const SECRET: &str = "config";

/// `weight is 2, and was 1; limits.file_bytes is "9GB", and was not set`.
pub(super) fn changed(before: Option<&Value>, after: Option<&Value>) -> String {
    let (mut was, mut is) = (BTreeMap::new(), BTreeMap::new());
    before.into_iter().for_each(|settings| flatten("", settings, &mut was));
    after.into_iter().for_each(|settings| flatten("", settings, &mut is));
    let mut words = Vec::new();
    match (before, after) {
        (None, Some(_)) => words.push("it is new".to_owned()),
        (Some(_), None) => words.push("it is gone".to_owned()),
        _ => {}
    }
    let names: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    for name in names {
        let (was, is) = (was.get(name), is.get(name));
        if was == is {
            continue;
        }
        let is_secret = name.split('.').any(|part| part == SECRET);
        words.push(match (was, is) {
            (Some(_), Some(_)) if is_secret => format!("{name} is another"),
            (Some(was), Some(is)) => format!("{name} is {is}, and was {was}"),
            (None, Some(_)) if is_secret => format!("{name} is set, and was not"),
            (None, Some(is)) => format!("{name} is {is}, and was not set"),
            (Some(_), None) if is_secret => format!("{name} is not set any more"),
            (Some(was), None) => format!("{name} is not set any more, and was {was}"),
            (None, None) => continue,
        });
    }
    if words.is_empty() { "nothing is another".to_owned() } else { words.join("; ").chars().take(MOST).collect() }
}

fn flatten(name: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() && !name.ends_with(SECRET) => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                flatten(&name, value, into);
            }
        }
        Value::Object(_) if name.is_empty() => {}
        value => {
            into.insert(name.to_owned(), value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_another_is_told_with_what_it_was_and_secrets_are_not() {
        let before = json!({ "weight": 1, "limits": { "file_bytes": "4GB" }, "apps": { "a": { "config": { "key": "s3cret" } } } });
        let after =
            json!({ "weight": 2, "limits": {}, "sinks": ["x"], "apps": { "a": { "config": { "key": "other" } } } });
        let told = changed(Some(&before), Some(&after));
        let expected = "apps.a.config is another; limits is {}, and was not set; limits.file_bytes is not set any more, and was \
                        \"4GB\"; sinks is [\"x\"], and was not set; weight is 2, and was 1";
        assert_eq!(told, expected);
        assert!(!told.contains("s3cret"));
        assert_eq!(changed(Some(&before), Some(&before)), "nothing is another");
        assert_eq!(changed(None, Some(&json!({ "weight": 3 }))), "it is new; weight is 3, and was not set");
        assert!(changed(Some(&before), None).starts_with("it is gone; apps.a.config is not set any more; "));
        let long = changed(None, Some(&json!({ "name": "x".repeat(5_000) })));
        assert_eq!(long.chars().count(), MOST);
    }
}
