//! Which known word somebody may have meant.

/// The known word that is nearest to `word`, if one is near: at most a third of its letters wrong, left out, added or
/// swapped with their neighbour.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word: Vec<char> = word.chars().flat_map(char::to_lowercase).take(LONGEST).collect();
    let near = (word.len() / 3).max(1);
    let distances = known.into_iter().map(|known| (distance(&word, &known.chars().collect::<Vec<_>>()), known));
    distances.filter(|(distance, _)| *distance <= near).min().map(|(_, known)| known)
}

/// No known word is as long; what is longer is near to none of them.
const LONGEST: usize = 200;

/// Edit distance with swaps of neighbours (optimal string alignment), three rows at a time.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &letter) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &other) in b.iter().enumerate() {
            let changed = last[j] + usize::from(letter != other);
            let mut least = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && letter == b[j - 1] && a[i - 1] == other {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_seen_and_another_word_is_not_guessed() {
        let known = ["slots", "sinks", "staging", "lease", "files_per_batch"];
        for (word, meant) in [
            ("slot", Some("slots")),
            ("slots", Some("slots")),
            ("Slots", Some("slots")),
            ("solts", Some("slots")),
            ("stagign", Some("staging")),
            ("file_per_batches", Some("files_per_batch")),
            ("weather", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }

    #[test]
    fn the_distance_counts_letters() {
        let count = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!([count("", ""), count("abc", ""), count("", "abc"), count("abc", "acb")], [0, 3, 3, 1]);
        assert_eq!(count("kitten", "sitting"), 3);
    }
}
