//! Durations as people write them: `250ms`, `5s`, `30m`, `1h`, `7d`.

use std::time::Duration;

/// Units, in milliseconds, the longest first.
const UNITS: [(&str, u64); 7] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration: write a whole number with ms, s, m, h, d or w, such as 30s")]
pub struct NotADuration(String);

/// Reads a whole number with its unit.
///
/// # Errors
/// See [`NotADuration`].
pub fn parse(text: &str) -> Result<Duration, NotADuration> {
    let refuse = || NotADuration(text.to_owned());
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let (_, factor) = UNITS.iter().find(|(name, _)| unit == *name).ok_or_else(refuse)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse());
    }
    let milliseconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
    milliseconds.map(Duration::from_millis).ok_or_else(refuse)
}

/// A duration to the millisecond, as short as it can be written: [`parse`] gives the same again. Weeks are told in days.
pub fn exact(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    let mut shown = UNITS.iter().filter(|(name, _)| !matches!(*name, "w" | "min"));
    let unit = shown.find(|(_, factor)| milliseconds.is_multiple_of(*factor));
    unit.map_or_else(|| format!("{milliseconds}ms"), |(name, factor)| format!("{}{name}", milliseconds / factor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("2min"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("1h"), Ok(Duration::from_secs(3_600)));
        assert_eq!(parse("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(parse("1w"), Ok(Duration::from_secs(7 * 86_400)));
    }

    #[test]
    fn whatever_else_is_no_duration_and_the_sentence_says_what_is() {
        for text in
            ["", "5", "s", "-5s", "5 s", "1.5s", "5S", "1h30m", "99999999999999999999s", "18446744073709551615s"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(
            parse("5").unwrap_err().to_string(),
            "\"5\" is not a duration: write a whole number with ms, s, m, h, d or w, such as 30s"
        );
    }

    #[test]
    fn an_exact_duration_is_as_short_as_it_can_be() {
        let shown = [0, 250, 5_000, 90_000, 3_600_000, 604_800_000].map(|ms| exact(Duration::from_millis(ms)));
        assert_eq!(shown, ["0s", "250ms", "5s", "90s", "1h", "7d"]);
    }

    proptest! {
        #[test]
        fn an_exact_duration_is_read_as_the_same(milliseconds in any::<u64>()) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse(&exact(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
