//! Sizes as people write them: `512M`, `4G`, `65536`.

/// Reads a number of bytes with an optional binary unit (K, M, G; `KiB`, `MiB`, `GiB` mean the same).
///
/// # Errors
/// A sentence that says what a size looks like.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1_u64 << 30,
        _ => {
            return Err(format!(
                "{text:?} is not a size: write a number of bytes, or one with K, M or G, such as 512M"
            ));
        }
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    number
        .ok_or_else(|| format!("{text:?} is not a size: write a number of bytes, or one with K, M or G, such as 512M"))
}

/// A size for people.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn show(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.2} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(parse("65536"), Ok(65536));
        assert_eq!(parse("512M"), Ok(512 << 20));
        assert_eq!(parse("4GiB"), Ok(4 << 30));
        assert!(parse("much").is_err());
        assert!(parse("99999999999999999999G").is_err());
        assert!(parse("-1").is_err());
    }
}
