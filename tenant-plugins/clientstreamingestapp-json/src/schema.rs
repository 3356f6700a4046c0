//! What a message may look like. Each refusal names the field and the reason.

use crate::money::Money;
use mysimbdp_plugin_api::bson::ValueRef;
use mysimbdp_plugin_api::prelude::*;
use mysimbdp_plugin_api::serde_json;
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// The body of a message. Texts are borrowed from it where they have no escapes.
#[derive(Deserialize)]
pub(crate) struct Message<'a> {
    pub(crate) trip_id: i64,
    #[serde(borrow)]
    pub(crate) vendor: Cow<'a, str>,
    pub(crate) pickup: End,
    pub(crate) dropoff: End,
    pub(crate) passengers: i32,
    pub(crate) distance_km: f64,
    pub(crate) rate_code: i32,
    pub(crate) store_and_forward: bool,
    pub(crate) payment: Payment,
    #[serde(borrow)]
    pub(crate) price: Amounts<'a>,
    #[serde(borrow)]
    pub(crate) comment: Option<Cow<'a, str>>,
}

/// An end of a trip.
#[derive(Deserialize)]
pub(crate) struct End {
    pub(crate) at: DateTime,
    pub(crate) lon: f64,
    pub(crate) lat: f64,
}

#[derive(Deserialize)]
pub(crate) struct Amounts<'a> {
    #[serde(borrow)]
    pub(crate) currency: Cow<'a, str>,
    pub(crate) fare: Money,
    pub(crate) tip: Money,
    pub(crate) tolls: Money,
    pub(crate) total: Money,
}

/// A code in a message, a word in a document.
#[derive(Clone, Copy, Deserialize, Serialize)]
pub(crate) enum Payment {
    #[serde(rename(deserialize = "CRD", serialize = "card"))]
    Card,
    #[serde(rename(deserialize = "CSH", serialize = "cash"))]
    Cash,
    #[serde(rename(deserialize = "DIS", serialize = "disputed"))]
    Disputed,
}

/// The header `schema-version`, as a number or as text, where there is one.
pub(crate) fn check_version(properties: &Properties<'_>) -> Result<(), Reject> {
    match properties.header("schema-version") {
        None | Some(ValueRef::Int32(1) | ValueRef::Int64(1) | ValueRef::String("1")) => Ok(()),
        Some(other) => Err(reject!("header `schema-version` is {other:?}; this app knows version 1 alone")),
    }
}

/// Reads the body. What does not fit is read once more to see where it was, so that what fits pays nothing for that.
pub(crate) fn parse(body: &[u8]) -> Result<Message<'_>, Reject> {
    serde_json::from_slice(body).map_err(|error| {
        let again = &mut serde_json::Deserializer::from_slice(body);
        match serde_path_to_error::deserialize::<_, Message<'_>>(again) {
            Err(at) if error.is_data() && at.path().iter().len() > 0 => {
                reject!("field `{}`: {}", at.path(), at.inner())
            }
            _ => error.into(),
        }
    })
}

impl Message<'_> {
    /// What types cannot say. JSON has no NaN, and a number that is too large for a double does not parse: all are finite.
    pub(crate) fn check(&self) -> Result<(), Reject> {
        within("passengers", self.passengers, 1..=8)?;
        within("distance_km", self.distance_km, 0.0..=1000.0)?;
        within("rate_code", self.rate_code, 1..=6)?;
        for (name, end) in [("pickup", &self.pickup), ("dropoff", &self.dropoff)] {
            within(&format_args!("{name}.lon"), end.lon, -180.0..=180.0)?;
            within(&format_args!("{name}.lat"), end.lat, -90.0..=90.0)?;
        }
        if self.vendor.is_empty() {
            return Err(reject!("field `vendor`: is empty"));
        }
        let (pickup, dropoff) = (self.pickup.at, self.dropoff.at);
        if dropoff < pickup {
            return Err(reject!("field `dropoff.at`: {dropoff} is before the pickup at {pickup}"));
        }
        self.price.check()
    }
}

impl Amounts<'_> {
    fn check(&self) -> Result<(), Reject> {
        let Amounts { currency, fare, tip, tolls, total } = self;
        if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
            return Err(reject!(
                "field `price.currency`: {currency:?} is no currency of three capitals, such as \"USD\""
            ));
        }
        let sum = *fare + *tip + *tolls;
        if sum != *total {
            return Err(reject!("field `price.total`: {total}, but fare, tip and tolls are {sum}"));
        }
        Ok(())
    }
}

fn within<T: PartialOrd + std::fmt::Display>(
    field: &(impl std::fmt::Display + ?Sized),
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), Reject> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(reject!("field `{field}`: {value} is not from {} to {}", range.start(), range.end()))
}
