//! Amounts of money: text with two places in a message, whole hundredths here, a decimal in a document.
//!
//! Never a float on the way: `0.1 + 0.2` is not `0.3` to one, and totals are compared.

use mysimbdp_plugin_api::prelude::*;
use serde::de::{Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::ops::Add;

/// Digits of the largest amount, places included: 99,999.99. So no sum of amounts overflows.
const MOST_DIGITS: usize = 7;

/// An amount in hundredths, never below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Money(i64);

impl Money {
    fn parse(text: &str) -> Option<Money> {
        let (whole, places) = text.split_once('.')?;
        let digits = whole.bytes().chain(places.bytes());
        let fits = !whole.is_empty() && places.len() == 2 && whole.len() + 2 <= MOST_DIGITS;
        if !fits || !digits.clone().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        Some(Money(digits.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))))
    }
}

impl Add for Money {
    type Output = Money;

    fn add(self, more: Money) -> Money {
        Money(self.0 + more.0)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        #[derive(Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

        let Text(text) = Text::deserialize(deserializer)?;
        Money::parse(&text).ok_or_else(|| {
            D::Error::custom(format_args!("{text:?} is no amount from \"0.00\" to \"99999.99\" with two places"))
        })
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match Decimal128::new(self.0.into(), -2) {
            Some(decimal) => decimal.serialize(serializer),
            None => Err(S::Error::custom("an amount has too many digits")),
        }
    }
}
