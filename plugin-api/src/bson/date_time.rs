//! Dates: milliseconds since 1970-01-01T00:00:00Z, read from and written as RFC 3339.

use super::newtype;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A BSON date: milliseconds since 1970-01-01T00:00:00Z, which may be negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(i64);

const DAY: i64 = 86_400_000;

impl DateTime {
    /// The moment `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> DateTime {
        DateTime(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn millis(self) -> i64 {
        self.0
    }
}

impl From<SystemTime> for DateTime {
    /// Cut to whole milliseconds; what lies hundreds of millions of years away becomes the nearest date there is.
    fn from(time: SystemTime) -> DateTime {
        let millis = |distance: Duration| i64::try_from(distance.as_millis()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => DateTime(millis(after)),
            Err(before) => DateTime(-millis(before.duration())),
        }
    }
}

/// The text is not a date and time of RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateTimeError(());

impl fmt::Display for DateTimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date is written like 2024-05-01T08:30:00Z or 2024-05-01 08:30:00.250+02:00")
    }
}

impl std::error::Error for DateTimeError {}

impl FromStr for DateTime {
    type Err = DateTimeError;

    /// Reads RFC 3339, with a space in place of `T` and without an offset (then it is UTC) or a time (midnight) as well.
    /// Digits beyond milliseconds are cut off.
    fn from_str(text: &str) -> Result<DateTime, DateTimeError> {
        parse(text.as_bytes()).ok_or(DateTimeError(()))
    }
}

fn parse(text: &[u8]) -> Option<DateTime> {
    let mut rest = text;
    let year = number(&mut rest, 4)?;
    literal(&mut rest, b"-")?;
    let month = number(&mut rest, 2)?;
    literal(&mut rest, b"-")?;
    let day = number(&mut rest, 2)?;
    let midnight = days_from_civil(year, month, day)? * DAY;
    if rest.is_empty() {
        return Some(DateTime(midnight));
    }
    literal(&mut rest, b"Tt ")?;
    let hour = number(&mut rest, 2)?;
    literal(&mut rest, b":")?;
    let minute = number(&mut rest, 2)?;
    let mut second = 0;
    let mut millis = 0;
    if literal(&mut rest, b":").is_some() {
        second = number(&mut rest, 2)?;
        if literal(&mut rest, b".,").is_some() {
            millis = fraction(&mut rest)?;
        }
    }
    // 60 is a leap second, which is counted as the next.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset = offset_minutes(rest)?;
    Some(DateTime(midnight + ((hour * 60 + minute - offset) * 60 + second) * 1000 + millis))
}

fn literal(rest: &mut &[u8], any_of: &[u8]) -> Option<()> {
    let (first, more) = rest.split_first()?;
    any_of.contains(first).then(|| *rest = more)
}

fn number(rest: &mut &[u8], digits: usize) -> Option<i64> {
    let (head, more) = rest.split_at_checked(digits)?;
    let mut value = 0;
    for digit in head {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    *rest = more;
    Some(value)
}

fn fraction(rest: &mut &[u8]) -> Option<i64> {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (head, more) = rest.split_at(digits);
    *rest = more;
    let thousandths = (0..3).map(|at| head.get(at).map_or(0, |digit| i64::from(digit - b'0')));
    (digits > 0).then(|| thousandths.fold(0, |value, digit| value * 10 + digit))
}

fn offset_minutes(mut rest: &[u8]) -> Option<i64> {
    let (sign, mut digits) = match rest.split_first() {
        None | Some((b'Z' | b'z', [])) => return Some(0),
        Some((b'+', digits)) => (1, digits),
        Some((b'-', digits)) => (-1, digits),
        Some(_) => return None,
    };
    let hours = number(&mut digits, 2)?;
    rest = digits;
    if literal(&mut rest, b":").is_none() {
        rest = digits;
    }
    let minutes = if rest.is_empty() { 0 } else { number(&mut rest, 2)? };
    (hours < 24 && minutes < 60 && rest.is_empty()).then_some(sign * (hours * 60 + minutes))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar: counted in years that begin in March, so that the leap day
/// is the last of its year, and in eras of 400 years, which all have 146,097 days.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day < 1 || day > days_in_month {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl fmt::Display for DateTime {
    /// RFC 3339 in UTC, with milliseconds where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY));
        let millis = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if millis % 1000 != 0 {
            write!(f, ".{:03}", millis % 1000)?;
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DateTime({self})")
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(newtype::DATE_TIME, &self.0)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    /// From text, as [`FromStr`] reads it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DateTime, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = DateTime;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date like 2024-05-01T08:30:00Z")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<DateTime, E> {
                text.parse().map_err(|error| E::custom(format_args!("{error}, not {text:?}")))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn millis(text: &str) -> Option<i64> {
        text.parse::<DateTime>().ok().map(DateTime::millis)
    }

    #[test]
    fn the_forms_that_data_has_are_read() {
        assert_eq!(millis("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(millis("1970-01-01"), Some(0));
        assert_eq!(millis("1969-12-31 23:59:59.999"), Some(-1));
        assert_eq!(millis("2024-02-29T12:00:00+02:00"), Some(1_709_200_800_000));
        assert_eq!(millis("2024-02-29T12:00:00.123456789-0530"), Some(1_709_227_800_123));
        assert_eq!(millis("2024-05-01 08:30"), Some(1_714_552_200_000));
        assert_eq!(millis("2016-12-31T23:59:60Z"), millis("2017-01-01T00:00:00Z"));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["", "2023-02-29", "2024-13-01", "2024-00-10", "2024-01-32", "24-01-01", "2024-01-01T24:00:00Z"] {
            assert_eq!(millis(text), None, "{text}");
        }
        for text in
            ["2024-01-01T", "2024-01-01T1:00", "2024-01-01T10:00:00.Z", "2024-01-01T10:00:00X", "2024-01-01 10:00+1"]
        {
            assert_eq!(millis(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn dates_agree_with_chrono(millis in -62_135_596_800_000_i64..253_402_300_800_000) {
            let ours = DateTime::from_millis(millis);
            let theirs = chrono::DateTime::from_timestamp_millis(millis).expect("in range");
            let expected = theirs.to_rfc3339_opts(chrono::SecondsFormat::Millis, true).replace(".000Z", "Z");
            prop_assert_eq!(ours.to_string(), expected);
            prop_assert_eq!(ours.to_string().parse::<DateTime>(), Ok(ours));
        }
    }
}
