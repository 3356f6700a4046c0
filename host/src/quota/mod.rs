//! What a tenant may have, and what it has had: limits that are looked at before anything is queued, and the bill.

pub mod bucket;
pub mod check;
mod usage;

pub use usage::{Usage, UsageError, UsageKey, UsageLine, Used};

/// Digits in groups of three: `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_come_in_groups_of_three() {
        let told = [0, 999, 1000, 12_345, 4_000_000_001].map(grouped);
        assert_eq!(told, ["0", "999", "1,000", "12,345", "4,000,000,001"]);
    }
}
