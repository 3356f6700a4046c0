//! What can be expected of a value. Each kind reads what TOML has written or what stands in a variable, and says in one
//! sentence what would do instead.

use super::nearest::nearest;
use super::written::Value;
use crate::tenant::{NameError, UNLIMITED};
use crate::{duration, size};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// One kind of value.
pub(super) trait Kind {
    /// What it is read as.
    type Value;

    /// Reads it.
    ///
    /// # Errors
    /// A sentence that fits after the value: what it is not, what would do.
    fn read(&self, value: &Value) -> Result<Self::Value, String>;

    /// The value as a mistake shows it.
    fn shown(&self, value: &Value) -> String {
        value.shown()
    }
}

/// How no limit at all is written.
const UNLIMITED_WORD: &str = "unlimited";

/// A whole number within bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    /// What it counts: `whole number`, `number of seconds`.
    pub(super) of: &'static str,
    pub(super) least: u64,
    /// [`UNLIMITED`] where the word is allowed.
    pub(super) most: u64,
    /// A number that would do.
    pub(super) such_as: u64,
}

impl Kind for Count {
    type Value = u64;

    fn read(&self, value: &Value) -> Result<u64, String> {
        let bounds = Bounds::of_numbers(self.least, self.most, self.such_as, |number| number.to_string());
        match whole(value) {
            Some(number) => within(number, self.least, self.most, &bounds),
            None if bounds.allow_unlimited() && word(value) == Some(UNLIMITED_WORD) => Ok(UNLIMITED),
            None => Err(format!("not a {}: {}", self.of, bounds.both())),
        }
    }
}

/// A number of bytes, with or without a unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) least: u64,
    /// [`UNLIMITED`] where the word is allowed.
    pub(super) most: u64,
    /// A size that would do.
    pub(super) such_as: u64,
}

impl Kind for Size {
    type Value = u64;

    fn read(&self, value: &Value) -> Result<u64, String> {
        let show = |bytes| format!("\"{}\"", size::exact(bytes));
        let bounds = Bounds::of_numbers(self.least, self.most, self.such_as, show);
        let number = match (whole(value), word(value)) {
            (Some(number), _) => Some(number),
            (None, Some(UNLIMITED_WORD)) if bounds.allow_unlimited() => return Ok(UNLIMITED),
            (None, word) => word.and_then(|word| size::parse(word).ok()).map(i128::from),
        };
        let number = number.ok_or_else(|| match word(value).map(|word| word.replace(' ', "")) {
            Some(close) if size::parse(&close).is_ok() => {
                let meant = size::parse(&close).map_or(close, size::exact);
                format!("not a size: write it without a space, \"{meant}\"")
            }
            _ => format!("not a size: {}", bounds.both()),
        })?;
        within(number, self.least, self.most, &bounds)
    }
}

/// A duration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    pub(super) least: Duration,
    pub(super) most: Duration,
    /// One that would do.
    pub(super) such_as: Duration,
}

impl Kind for Time {
    type Value = Duration;

    fn read(&self, value: &Value) -> Result<Duration, String> {
        let [least, most, such_as] =
            [self.least, self.most, self.such_as].map(|time| format!("\"{}\"", duration::exact(time)));
        let bounds = Bounds { least, most: Some(most), such_as };
        match word(value).and_then(|word| duration::parse(word).ok()) {
            Some(duration) if duration < self.least => Err(bounds.low()),
            Some(duration) if duration > self.most => Err(bounds.high()),
            Some(duration) => Ok(duration),
            None => Err(format!("not a duration: {}", bounds.both())),
        }
    }
}

/// A part of a hundred.
#[derive(Clone, Copy, Debug)]
pub(super) struct Percent;

impl Kind for Percent {
    type Value = f64;

    fn read(&self, value: &Value) -> Result<f64, String> {
        let number = match value {
            #[expect(clippy::cast_precision_loss, reason = "what is beyond 2^52 is beyond 100, too")]
            Value::Whole { number, .. } => Some(*number as f64),
            Value::Fraction { number, .. } => Some(*number),
            Value::Variable(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            // A zero with a sign is a zero.
            Some(percent) if (0.0..=100.0).contains(&percent) => Ok(percent.abs()),
            Some(percent) if !percent.is_nan() => Err("not a percentage: from 0 to 100, such as 2.5".to_owned()),
            _ => Err("not a number: from 0 to 100, such as 2.5".to_owned()),
        }
    }
}

/// Yes or no.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn read(&self, value: &Value) -> Result<bool, String> {
        match (value, word(value)) {
            (Value::Flag(flag), _) => Ok(*flag),
            (Value::Variable(_), Some("true")) => Ok(true),
            (Value::Variable(_), Some("false")) => Ok(false),
            _ => Err("neither yes nor no: true or false, without quotes".to_owned()),
        }
    }
}

/// One of a few words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice<'c, T>(pub(super) &'c [(&'static str, T)]);

impl<T: Clone> Kind for Choice<'_, T> {
    type Value = T;

    fn read(&self, value: &Value) -> Result<T, String> {
        let words = || self.0.iter().map(|(word, _)| *word);
        let meant = word(value).unwrap_or_default();
        if let Some((_, choice)) = self.0.iter().find(|(word, _)| *word == meant) {
            return Ok(choice.clone());
        }
        Err(match nearest(meant, words()) {
            Some(near) => format!("no such choice; did you mean \"{near}\"?"),
            None => {
                let words: Vec<String> = words().map(|word| format!("\"{word}\"")).collect();
                format!("no such choice; there is {}", words.join(", "))
            }
        })
    }
}

/// The name of a profile, a sink, …
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<T> {
    parse: fn(&str) -> Result<T, NameError>,
}

impl<T: FromStr<Err = NameError>> Name<T> {
    pub(super) fn new() -> Name<T> {
        Name { parse: T::from_str }
    }
}

impl<T> Kind for Name<T> {
    type Value = T;

    fn read(&self, value: &Value) -> Result<T, String> {
        // What is no text is no name either.
        (self.parse)(word(value).unwrap_or_default()).map_err(|error| error.rule())
    }
}

/// Text that is looked up afterwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    /// What it is, with an article: `the name of a profile`.
    pub(super) what: &'static str,
    pub(super) such_as: &'static str,
}

impl Kind for Text {
    type Value = String;

    fn read(&self, value: &Value) -> Result<String, String> {
        word(value).map(str::to_owned).ok_or_else(|| format!("not {}, such as \"{}\"", self.what, self.such_as))
    }
}

/// The path of a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folder {
    pub(super) such_as: &'static str,
}

impl Kind for Folder {
    type Value = PathBuf;

    fn read(&self, value: &Value) -> Result<PathBuf, String> {
        let path = word(value).filter(|path| !path.is_empty() && !path.contains('\0'));
        path.map(PathBuf::from).ok_or_else(|| format!("not the path of a directory, such as \"{}\"", self.such_as))
    }
}

/// The name of a collection: what every home of a sink takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Collection;

impl Kind for Collection {
    type Value = String;

    fn read(&self, value: &Value) -> Result<String, String> {
        const RULE: &str = "not the name of a collection: 1 to 120 letters, digits, _, - and . that begin with a letter or \
                            digit, and not with sqlite_ or system., which are the databases' own";
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let is_reserved = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.starts_with("sqlite_") || name.starts_with("system.")
        };
        let will_do = |name: &&str| {
            (1..=120).contains(&name.len())
                && name.starts_with(|first: char| first.is_ascii_alphanumeric())
                && name.bytes().all(is_allowed)
                && !is_reserved(name)
        };
        word(value).filter(will_do).map(str::to_owned).ok_or_else(|| RULE.to_owned())
    }
}

/// Extensions of files; in a variable with commas between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extensions;

impl Kind for Extensions {
    type Value = Vec<String>;

    fn read(&self, value: &Value) -> Result<Vec<String>, String> {
        let words = words(value).ok_or("not a list of extensions, such as [\"csv\", \"jsonl\"]; [] for any")?;
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        let will_do = |word: &&str| (1..=32).contains(&word.len()) && word.bytes().all(is_allowed);
        if let Some(word) = words.iter().find(|word| !will_do(word)) {
            let shown = Value::Text((*word).to_owned()).shown();
            return Err(format!(
                "{shown} is not an extension: 1 to 32 of a-z, 0-9, - and _, without the dot, such as \"csv\""
            ));
        }
        Ok(words.into_iter().map(str::to_owned).collect())
    }
}

/// Routing keys, each once; in a variable with commas between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoutingKeys;

impl Kind for RoutingKeys {
    type Value = Vec<String>;

    fn read(&self, value: &Value) -> Result<Vec<String>, String> {
        /// As many bytes as AMQP has room for.
        const LONGEST: usize = 255;
        const MOST: usize = 100;
        let keys = words(value).filter(|keys| (1..=MOST).contains(&keys.len()));
        let keys = keys.ok_or_else(|| format!("not a list of 1 to {MOST} routing keys, such as [\"orders\"]"))?;
        let will_do = |key: &&str| (1..=LONGEST).contains(&key.len()) && !key.contains(char::is_control);
        let shown = |key: &str| Value::Text(key.to_owned()).shown();
        if let Some(key) = keys.iter().find(|key| !will_do(key)) {
            let key = shown(key);
            return Err(format!("{key} is not a routing key: 1 to {LONGEST} bytes without control characters"));
        }
        if let Some((_, key)) = keys.iter().enumerate().find(|(index, key)| keys[..*index].contains(key)) {
            return Err(format!("{} stands in it twice: once is enough", shown(key)));
        }
        Ok(keys.into_iter().map(str::to_owned).collect())
    }
}

/// The texts of a list, if it is one of texts alone; in a variable with commas between them.
fn words(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::List(items) => items.iter().map(|item| word(&item.value)).collect(),
        Value::Variable(text) => Some(text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()),
        _ => None,
    }
}

/// The number, if it is a whole one; in a variable it may have `_` between digits, as in TOML.
fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Whole { number, .. } => Some(*number),
        Value::Variable(text) => text.trim().replace('_', "").parse().ok(),
        _ => None,
    }
}

/// The text, if it is one.
pub(super) fn word(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        Value::Variable(text) => Some(text.trim()),
        _ => None,
    }
}

/// What has no bound still fits a database's number, so that `unlimited` is the only word for more.
fn within(number: i128, least: u64, most: u64, bounds: &Bounds) -> Result<u64, String> {
    let most = most.min(i64::MAX.cast_unsigned());
    match u64::try_from(number) {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ if number < i128::from(least) => Err(bounds.low()),
        _ => Err(bounds.high()),
    }
}

/// Between what a value has to lie, in words.
struct Bounds {
    least: String,
    /// `None` where there may be no bound at all.
    most: Option<String>,
    such_as: String,
}

impl Bounds {
    fn of_numbers(least: u64, most: u64, such_as: u64, show: impl Fn(u64) -> String) -> Bounds {
        let such_as = show(if such_as == UNLIMITED { 1_000_000 } else { such_as });
        Bounds { least: show(least), most: (most != UNLIMITED).then(|| show(most)), such_as }
    }

    fn allow_unlimited(&self) -> bool {
        self.most.is_none()
    }

    fn low(&self) -> String {
        format!("at least {}, such as {}", self.least, self.such_as)
    }

    fn high(&self) -> String {
        match &self.most {
            Some(most) => format!("at most {most}, such as {}", self.such_as),
            None => format!("no number of this size is counted: \"{UNLIMITED_WORD}\" is for no limit"),
        }
    }

    fn both(&self) -> String {
        match &self.most {
            Some(most) => format!("from {} to {most}, such as {}", self.least, self.such_as),
            None => format!("at least {}, such as {}, or \"{UNLIMITED_WORD}\"", self.least, self.such_as),
        }
    }
}
