//! Decimal128 as text, as the BSON specification has it.
//!
//! ```text
//!   127    sign
//!   126..  11110: infinity   11111: NaN
//!          11: 14 bits of exponent, then a coefficient above 34 digits, which counts as zero
//!          otherwise: 14 bits of exponent, 113 bits of coefficient
//! ```

/// What is added to an exponent before it is stored.
const BIAS: i32 = 6176;
/// The largest coefficient: 34 nines. A larger one counts as zero.
const MAX_COEFFICIENT: u128 = 10_u128.pow(34) - 1;

/// Appends the decimal that `bytes` hold.
pub(super) fn append(bytes: [u8; 16], out: &mut Vec<u8>) {
    let bits = u128::from_le_bytes(bytes);
    let negative = bits >> 127 == 1;
    let special = bits >> 122 & 0b1_1111;
    if special == 0b1_1111 {
        out.extend_from_slice(b"NaN");
        return;
    }
    if negative {
        out.push(b'-');
    }
    if special == 0b1_1110 {
        out.extend_from_slice(b"Infinity");
        return;
    }
    let too_large = bits >> 125 & 0b11 == 0b11;
    let biased = if too_large { bits >> 111 } else { bits >> 113 } & 0x3fff;
    let coefficient = bits & ((1 << 113) - 1);
    let coefficient = if too_large || coefficient > MAX_COEFFICIENT { 0 } else { coefficient };
    append_finite(coefficient, biased as i32 - BIAS, out);
}

fn append_finite(coefficient: u128, exponent: i32, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(coefficient).as_bytes();
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "there are 1 to 34 digits")]
    let adjusted = exponent + digits.len() as i32 - 1;

    if exponent > 0 || adjusted < -6 {
        append_scientific(digits, adjusted, out);
        return;
    }
    let behind_point = exponent.unsigned_abs() as usize;
    match digits.len().checked_sub(behind_point) {
        Some(whole) if behind_point == 0 => out.extend_from_slice(&digits[..whole]),
        Some(whole) if whole > 0 => {
            out.extend_from_slice(&digits[..whole]);
            out.push(b'.');
            out.extend_from_slice(&digits[whole..]);
        }
        _ => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + behind_point - digits.len(), b'0');
            out.extend_from_slice(digits);
        }
    }
}

fn append_scientific(digits: &[u8], adjusted: i32, out: &mut Vec<u8>) {
    let (first, rest) = digits.split_at(1);
    out.extend_from_slice(first);
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest);
    }
    out.extend_from_slice(if adjusted < 0 { b"E" } else { b"E+" });
    out.extend_from_slice(itoa::Buffer::new().format(adjusted).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(bytes: [u8; 16]) -> String {
        let mut out = Vec::new();
        append(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_form_of_a_decimal_comes_back_as_it_was_written() {
        for written in [
            "0",
            "-0",
            "1",
            "0.1",
            "0.001",
            "12.50",
            "0.000001",
            "1E-7",
            "1.2E-7",
            "1E+3",
            "1.05E+3",
            "0E-6176",
            "NaN",
            "Infinity",
            "-Infinity",
            "-9.999999999999999999999999999999999E+6144",
        ] {
            assert_eq!(text(written.parse::<bson::Decimal128>().unwrap().bytes()), written);
        }
    }

    #[test]
    fn a_coefficient_that_is_too_large_counts_as_zero() {
        assert_eq!(text((0x6c10_u128 << 112 | 5).to_le_bytes()), "0");
        assert_eq!(text((0x3041_u128 << 112 | ((1 << 112) - 1)).to_le_bytes()), "0");
    }

    proptest! {
        #[test]
        fn any_sixteen_bytes_read_as_the_bson_crate_reads_them(bytes in any::<[u8; 16]>()) {
            prop_assert_eq!(text(bytes), bson::Decimal128::from_bytes(bytes).to_string());
        }

        #[test]
        fn plausible_decimals_read_as_the_bson_crate_reads_them(
            coefficient in 0_u128..1 << 113, shift in 0..113_u32, exponent in 6120_u128..6230, negative: bool
        ) {
            let bits = u128::from(negative) << 127 | exponent << 113 | coefficient >> shift;
            let bytes = bits.to_le_bytes();
            prop_assert_eq!(text(bytes), bson::Decimal128::from_bytes(bytes).to_string());
        }
    }
}
