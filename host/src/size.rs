//! Sizes as people write them: `512M`, `4GB`, `4GiB`, `65536`.
//!
//! A unit alone (K, M, G, T) and one with `iB` count in 1,024s, one with `B` counts in 1,000s: `4GB` is 4·10⁹ bytes, `4GiB`
//! and `4G` are 4·2³⁰. Capital and small letters are the same.

const UNITS: [(&str, u64); 14] = [
    ("", 1),
    ("b", 1),
    ("k", 1 << 10),
    ("kib", 1 << 10),
    ("kb", 1_000),
    ("m", 1 << 20),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
    ("t", 1 << 40),
    ("tib", 1 << 40),
    ("tb", 1_000_000_000_000),
];

/// A text that is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a size: write a number of bytes, or one with K, M or G, such as 512M")]
pub struct NotASize(String);

/// Reads a whole number of bytes, with or without a unit.
///
/// # Errors
/// See [`NotASize`].
pub fn parse(text: &str) -> Result<u64, NotASize> {
    let refuse = || NotASize(text.to_owned());
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let (_, factor) = UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name)).ok_or_else(refuse)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse());
    }
    digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor)).ok_or_else(refuse)
}

/// A size for people, rounded.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn show(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.2} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

/// A size to the byte, as short as it can be written: [`parse`] gives the same number again.
pub fn exact(bytes: u64) -> String {
    const SHOWN: [(&str, u64); 8] = [
        ("TB", 1_000_000_000_000),
        ("TiB", 1 << 40),
        ("GB", 1_000_000_000),
        ("GiB", 1 << 30),
        ("MB", 1_000_000),
        ("MiB", 1 << 20),
        ("kB", 1_000),
        ("KiB", 1 << 10),
    ];
    let unit = SHOWN.iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor));
    unit.map_or_else(|| bytes.to_string(), |(name, factor)| format!("{}{name}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(parse("65536"), Ok(65536));
        assert_eq!(parse("512M"), Ok(512 << 20));
        assert_eq!(parse("512m"), Ok(512 << 20));
        assert_eq!(parse("4GiB"), Ok(4 << 30));
        assert_eq!(parse("4GB"), Ok(4_000_000_000));
        assert_eq!(parse("1TB"), Ok(1_000_000_000_000));
        assert_eq!(parse("7b"), Ok(7));
        assert_eq!(parse("0"), Ok(0));
    }

    #[test]
    fn whatever_else_is_no_size_and_the_sentence_says_what_is() {
        for text in
            ["much", "99999999999999999999G", "18446744073709551615K", "-1", "+1", "", "GB", "1 GB", "1.5G", "1X", "é"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(
            parse("much").unwrap_err().to_string(),
            "\"much\" is not a size: write a number of bytes, or one with K, M or G, such as 512M"
        );
    }

    #[test]
    fn an_exact_size_is_as_short_as_it_can_be() {
        let shown = [0, 7, 1_000, 1_024, 4_000_000_000, 512 << 20, 4_000_000_001].map(exact);
        assert_eq!(shown, ["0", "7", "1kB", "1KiB", "4GB", "512MiB", "4000000001"]);
    }

    proptest! {
        #[test]
        fn an_exact_size_is_read_as_the_same_number(number in any::<u64>(), shift in 0_u32..64) {
            let bytes = number << shift;
            prop_assert_eq!(parse(&exact(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
