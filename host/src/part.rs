//! A part of a list: behind a key, and at most so many. Pure.
//!
//! A key names a place in the list's order and not a position, so what comes or goes between two parts makes none of the others
//! come twice or not at all.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<K> {
    /// Behind this key; from the beginning where it is `None`.
    pub after: Option<K>,
    /// At most so many.
    pub limit: usize,
}

/// A key of two names, in the order of both; written as `first/second`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair<A, B>(pub A, pub B);

impl<K: Ord> Part<K> {
    /// This part of a list, in the order of its keys; and behind which key the rest of it begins, where there is a rest.
    pub fn of<T>(&self, all: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> (Vec<T>, Option<K>) {
        let is_behind = |item: &T| self.after.as_ref().is_none_or(|after| key(item) > *after);
        let mut behind: Vec<T> = all.into_iter().filter(is_behind).collect();
        behind.sort_by_cached_key(&key);
        let is_cut = behind.len() > self.limit;
        behind.truncate(self.limit);
        let next = behind.last().filter(|_| is_cut).map(key);
        (behind, next)
    }
}

impl<A: Display, B: Display> Display for Pair<A, B> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, self.1)
    }
}

impl<A: FromStr, B: FromStr> FromStr for Pair<A, B> {
    type Err = String;

    fn from_str(text: &str) -> Result<Pair<A, B>, String> {
        let parts = text.split_once('/').and_then(|(first, second)| Some((first.parse().ok()?, second.parse().ok()?)));
        let (first, second) = parts.ok_or_else(|| format!("{text:?} is no place in this list"))?;
        Ok(Pair(first, second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_one_behind_the_other_until_nothing_is_left() {
        let all = [5, 1, 4, 2, 3];
        let part = |after| Part { after, limit: 2 }.of(all, |number| *number);
        assert_eq!(part(None), (vec![1, 2], Some(2)));
        assert_eq!(part(Some(2)), (vec![3, 4], Some(4)));
        assert_eq!(part(Some(4)), (vec![5], None));
        assert_eq!(part(Some(5)), (vec![], None));
        assert_eq!(Part { after: None, limit: 5 }.of(all, |number| *number).1, None, "nothing is behind the last");
    }

    #[test]
    fn of_pairs_the_first_name_decides_and_then_the_second() {
        let pair = |text: &str| text.parse::<Pair<String, u8>>().unwrap();
        assert!(pair("a/9") < pair("a-b/1"), "as text it would be the other way round");
        assert_eq!(pair("a/9").to_string(), "a/9");
        assert!("a".parse::<Pair<String, u8>>().is_err() && "a/b".parse::<Pair<String, u8>>().is_err());
    }
}
