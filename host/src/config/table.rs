//! Reads tables of the tree: takes keys off by what is expected of them, and collects every mistake instead of ending at the
//! first.
//!
//! A [`Table`] notes which keys were asked for. What is left when it is [finished](Table::finish) is unknown, and the
//! [`Reading`] knows in the end which keys there are in all: that is what tells somebody where a misplaced key belongs, and
//! what a test compares with the documentation.

use super::kind::Kind;
use super::mistake::{Mistake, Place};
use super::nearest::nearest;
use super::written::{Entries, Value, Written};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;

/// Keys that were asked for, by the pattern of their table: `tenants.<tenant>.apps.<app>`.
pub(super) type Known = BTreeMap<String, Vec<&'static str>>;

/// What is collected while a tree is read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    found: RefCell<Found>,
}

#[derive(Debug, Default)]
struct Found {
    mistakes: Vec<Mistake>,
    /// Mistakes of one place about another: `no such profile`.
    dangling: Vec<Mistake>,
    unknown: Vec<Unknown>,
    known: Known,
}

#[derive(Debug)]
struct Unknown {
    place: Place,
    pattern: String,
    path: String,
    key: String,
}

/// All that was found.
#[derive(Debug)]
pub(super) struct Findings {
    /// What is wrong with single keys.
    pub(super) mistakes: Vec<Mistake>,
    /// What is wrong between two of them.
    pub(super) dangling: Vec<Mistake>,
    /// The keys that were asked for.
    pub(super) known: Known,
}

impl Reading {
    /// The top of a tree.
    pub(super) fn root(&self, entries: Entries) -> Table<'_> {
        Table {
            reading: self,
            path: String::new(),
            pattern: String::new(),
            place: None,
            entries,
            asked: BTreeMap::new(),
        }
    }

    /// Ends it. `everywhere` are the keys of all tables there can be.
    pub(super) fn end(self, everywhere: impl FnOnce() -> Known) -> Findings {
        let Found { mut mistakes, dangling, unknown, known } = self.found.into_inner();
        if !unknown.is_empty() {
            let everywhere = everywhere();
            mistakes.extend(unknown.iter().map(|unknown| unknown.mistake(&known, &everywhere)));
        }
        Findings { mistakes, dangling, known }
    }

    fn tell(&self, place: Place, sentence: String) {
        self.found.borrow_mut().mistakes.push(Mistake { place, sentence });
    }
}

impl Unknown {
    fn mistake(&self, known: &Known, everywhere: &Known) -> Mistake {
        let here = known.get(&self.pattern).map_or(&[][..], Vec::as_slice);
        let elsewhere = everywhere.iter().filter(|(_, keys)| keys.contains(&self.key.as_str()));
        let elsewhere: Vec<String> = elsewhere.map(|(pattern, _)| stands_in(pattern)).collect();
        let hint = if let Some(meant) = nearest(&self.key, here.iter().copied()) {
            format!("; did you mean {meant}?")
        } else if elsewhere.is_empty() {
            format!("; there are {}", here.join(", "))
        } else {
            format!(" here: it stands {}", elsewhere.join(", "))
        };
        let path = join(&self.path, &self.key);
        Mistake { place: self.place.clone(), sentence: format!("{path}: no such key{hint}") }
    }
}

fn stands_in(pattern: &str) -> String {
    if pattern.is_empty() { "above all tables".to_owned() } else { format!("in [{pattern}]") }
}

/// A table that is being read.
#[must_use = "finish it, so that unknown keys are told"]
pub(super) struct Table<'r> {
    reading: &'r Reading,
    path: String,
    pattern: String,
    place: Option<Place>,
    entries: Entries,
    /// What was asked for; with place and value where it was written.
    asked: BTreeMap<&'static str, Option<(Place, String)>>,
}

impl<'r> Table<'r> {
    /// Takes a key off: its value, or `None` where it is not written or will not do.
    pub(super) fn take<K: Kind>(&mut self, key: &'static str, kind: &K) -> Option<K::Value> {
        let written = self.take_off(key)?;
        if let Some(Some((_, shown))) = self.asked.get_mut(key) {
            *shown = kind.shown(&written.value);
        }
        kind.read(&written.value).map_err(|sentence| self.wrong(key, sentence)).ok()
    }

    /// Takes a number off that fits its type, since its kind has such bounds.
    pub(super) fn number<N: TryFrom<u64>>(&mut self, key: &'static str, kind: &impl Kind<Value = u64>) -> Option<N> {
        self.take(key, kind).and_then(|number| N::try_from(number).ok())
    }

    /// Takes a table off; an empty one where it is not written.
    pub(super) fn table(&mut self, key: &'static str) -> Table<'r> {
        let written = self.take_off(key);
        let (path, pattern) = (join(&self.path, key), join(&self.pattern, key));
        self.below(path, pattern, written)
    }

    /// Takes a table off whose keys are names that somebody has given, each of a table.
    pub(super) fn tables(&mut self, key: &'static str, stands_for: &str) -> Vec<(String, Table<'r>)> {
        let Table { path, entries, .. } = self.table(key);
        let pattern = join(&join(&self.pattern, key), stands_for);
        let below = |(name, written): (String, Written)| {
            let table = self.below(join(&path, &name), pattern.clone(), Some(written));
            (name, table)
        };
        entries.into_iter().map(below).collect()
    }

    /// What a name means that stands for a table, if it will do.
    pub(super) fn named<T, E: Display>(&self, name: Result<T, E>) -> Option<T> {
        name.map_err(|error| self.wrong_at_all(error)).ok()
    }

    /// Says what is wrong with the value of a key that was taken off.
    pub(super) fn wrong(&self, key: &'static str, sentence: impl Display) {
        if let Some(mistake) = self.mistake(key, sentence) {
            self.reading.found.borrow_mut().mistakes.push(mistake);
        }
    }

    /// Says what is wrong between the value of a key that was taken off and something that stands elsewhere.
    pub(super) fn dangles(&self, key: &'static str, sentence: impl Display) {
        if let Some(mistake) = self.mistake(key, sentence) {
            self.reading.found.borrow_mut().dangling.push(mistake);
        }
    }

    /// Whether a key that was asked for is written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.asked.get(key).is_some_and(Option::is_some)
    }

    /// Ends it: what is left is unknown.
    pub(super) fn finish(self) {
        let mut found = self.reading.found.borrow_mut();
        for (key, written) in self.entries {
            let (pattern, path) = (self.pattern.clone(), self.path.clone());
            found.unknown.push(Unknown { place: written.place, pattern, path, key });
        }
        found.known.entry(self.pattern).or_insert_with(|| self.asked.into_keys().collect());
    }

    fn take_off(&mut self, key: &'static str) -> Option<Written> {
        let written = self.entries.remove(key);
        let shown = written.as_ref().map(|written| (written.place.clone(), written.value.shown()));
        self.asked.insert(key, shown);
        written
    }

    fn below(&self, path: String, pattern: String, written: Option<Written>) -> Table<'r> {
        let (place, entries) = match written {
            Some(Written { place, value: Value::Table(entries) }) => (Some(place), entries),
            Some(Written { place, value }) => {
                let shown = value.shown();
                let mend = match &place {
                    Place::Variable(variable) => format!("its keys are set by variables like {variable}__KEY"),
                    Place::File(_) | Place::Line(..) => format!("write its keys below [{path}]"),
                };
                self.reading.tell(place.clone(), format!("{path} = {shown}: not a table: {mend}"));
                (Some(place), Entries::new())
            }
            None => (None, Entries::new()),
        };
        Table { reading: self.reading, path, pattern, place, entries, asked: BTreeMap::new() }
    }

    /// A mistake at a key, or at the table where the key is not written. What is written nowhere has no mistakes.
    fn mistake(&self, key: &'static str, sentence: impl Display) -> Option<Mistake> {
        let path = join(&self.path, key);
        if let Some(Some((place, shown))) = self.asked.get(key) {
            return Some(Mistake { place: place.clone(), sentence: format!("{path} = {shown}: {sentence}") });
        }
        let place = self.place.clone()?;
        Some(Mistake { place, sentence: format!("{path}: {sentence}") })
    }

    /// Says what is wrong with the table as such.
    pub(super) fn wrong_at_all(&self, sentence: impl Display) {
        if let Some(place) = &self.place {
            self.reading.tell(place.clone(), format!("{}: {sentence}", self.path));
        }
    }
}

/// A key below a path, quoted where TOML wants it.
fn join(path: &str, key: &str) -> String {
    let is_placeholder = key.starts_with('<');
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let key = match !key.is_empty() && key.bytes().all(is_bare) || is_placeholder {
        true => key.to_owned(),
        false => Value::Text(key.to_owned()).shown(),
    };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
