//! Taxi trips from JSON messages to documents: `docs/sample-data.md` says what comes in and what goes out.
//!
//! The body is one trip, and the whole schema is in the types: [`Message`] is what may come in, [`Trip`] what is stored.
//! Every field is required but the comment. Fields that are not known are passed over, so that a publisher may add one
//! before this app knows of it; a change that is more than that gets a new `schema-version`, which this app refuses.

mod money;
mod schema;

use money::Money;
use mysimbdp_plugin_api::prelude::*;
use schema::{Amounts, End, Message, Payment};

/// A trip, as it is stored.
#[derive(Serialize)]
struct Trip<'a> {
    trip_id: i64,
    vendor: &'a str,
    pickup: Stop,
    dropoff: Stop,
    duration_s: i64,
    passengers: i32,
    distance_km: f64,
    speed_kmh: Option<f64>,
    rate_code: i32,
    store_and_forward: bool,
    payment: Payment,
    price: Price<'a>,
    comment: Option<&'a str>,
    published: Published<'a>,
}

#[derive(Serialize)]
struct Stop {
    at: DateTime,
    point: Point,
}

/// A place as `GeoJSON` has it, so that a database can look for what is near.
#[derive(Serialize)]
struct Point {
    r#type: &'static str,
    coordinates: [f64; 2],
}

#[derive(Serialize)]
struct Price<'a> {
    currency: &'a str,
    fare: Money,
    tip: Money,
    tolls: Money,
    total: Money,
}

/// What the message says of itself, beside its body.
#[derive(Serialize)]
struct Published<'a> {
    id: Option<&'a str>,
    at: Option<DateTime>,
    key: &'a str,
}

impl Message<'_> {
    /// The message as a trip, or why it makes no sense.
    fn wrangle<'a>(&'a self, method: &Delivery<'a>, properties: &Properties<'a>) -> Result<Trip<'a>, Reject> {
        self.check()?;
        let duration_s = (self.dropoff.at.millis() - self.pickup.at.millis()) / 1000;
        Ok(Trip {
            trip_id: self.trip_id,
            vendor: &self.vendor,
            pickup: self.pickup.stop(),
            dropoff: self.dropoff.stop(),
            duration_s,
            passengers: self.passengers,
            distance_km: self.distance_km,
            speed_kmh: (duration_s != 0).then(|| self.distance_km * 3600.0 / duration_s as f64),
            rate_code: self.rate_code,
            store_and_forward: self.store_and_forward,
            payment: self.payment,
            price: self.price.price(),
            comment: self.comment.as_deref().filter(|comment| !comment.is_empty()),
            published: Published { id: properties.message_id, at: properties.timestamp, key: method.routing_key },
        })
    }
}

impl End {
    fn stop(&self) -> Stop {
        Stop { at: self.at, point: Point { r#type: "Point", coordinates: [self.lon, self.lat] } }
    }
}

impl Amounts<'_> {
    fn price(&self) -> Price<'_> {
        let Amounts { currency, fare, tip, tolls, total } = self;
        Price { currency, fare: *fare, tip: *tip, tolls: *tolls, total: *total }
    }
}

#[derive(Default)]
struct App;

impl StreamIngest for App {
    fn on_message(
        &mut self,
        _channel: &Channel<'_>,
        method: &Delivery<'_>,
        properties: &Properties<'_>,
        body: &[u8],
        sink: &mut Sink,
    ) -> Result<(), Reject> {
        schema::check_version(properties)?;
        let message = schema::parse(body)?; // What does not fit rejects the message, with the field and the reason.
        sink.emit(&message.wrangle(method, properties)?)?;
        Ok(())
    }
}

export_app! { name: "clientstreamingestapp-json", stream: App }

#[cfg(test)]
mod tests;
