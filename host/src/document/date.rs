//! BSON dates as ISO 8601, without a calendar crate: only the range in which relaxed Extended JSON writes them so.

/// The last millisecond of the year 9999.
const LAST: i64 = 253_402_300_799_999;

/// Longest text that [`append_iso`] appends.
const LONGEST: usize = "9999-12-31T23:59:59.999Z".len();

/// Appends `millis` since 1970 as `2026-01-31T23:59:59.250Z` (without a fraction where it is zero) and says so; leaves
/// `out` alone where the year is not one of 1970 to 9999.
pub(super) fn append_iso(millis: i64, out: &mut Vec<u8>) -> bool {
    let Some(millis) = u64::try_from(millis).ok().filter(|_| millis <= LAST) else { return false };
    let (days, of_day) = (millis / 86_400_000, millis % 86_400_000);
    let (year, month, day) = civil(days);
    let (second, fraction) = (of_day / 1000, of_day % 1000);

    let mut text = *b"0000-00-00T00:00:00.000Z";
    digits(&mut text[0..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    digits(&mut text[11..13], second / 3600);
    digits(&mut text[14..16], second / 60 % 60);
    digits(&mut text[17..19], second % 60);
    digits(&mut text[20..23], fraction);
    if fraction == 0 {
        out.extend_from_slice(&text[..19]);
        out.push(b'Z');
    } else {
        out.extend_from_slice(&text[..LONGEST]);
    }
    true
}

/// Year, month and day of the `days`th day after 1970-01-01.
///
/// Counts from the first of March of the year 0, so that a leap day is the last of its year, and of its century and
/// of its 400 years where there is one.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

fn digits(into: &mut [u8], mut number: u64) {
    for digit in into.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn iso(millis: i64) -> Option<String> {
        let mut out = Vec::new();
        append_iso(millis, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_corners_of_the_calendar_are_right() {
        assert_eq!(iso(0).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(iso(951_782_400_000).as_deref(), Some("2000-02-29T00:00:00Z"));
        assert_eq!(iso(4_107_542_399_500).as_deref(), Some("2100-02-28T23:59:59.500Z"));
        assert_eq!(iso(4_107_542_400_000).as_deref(), Some("2100-03-01T00:00:00Z"));
        assert_eq!(iso(LAST).as_deref(), Some("9999-12-31T23:59:59.999Z"));
    }

    #[test]
    fn a_date_outside_of_1970_to_9999_is_left_to_the_caller() {
        for millis in [-1, i64::MIN, LAST + 1, i64::MAX] {
            assert_eq!(iso(millis), None);
        }
    }

    proptest! {
        #[test]
        fn every_date_reads_back_as_itself(millis in 0..=LAST) {
            let text = iso(millis).unwrap();
            prop_assert_eq!(bson::DateTime::parse_rfc3339_str(text).unwrap().timestamp_millis(), millis);
        }
    }
}
