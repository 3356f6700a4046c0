//! Taxi trips from CSV to documents: `docs/sample-data.md` says what comes in and what goes out.
//!
//! The same in C is `../clientbatchingestapp-csv-c`; both make the same documents, byte for byte.

use mysimbdp_plugin_api::bson::DateTime;
use mysimbdp_plugin_api::prelude::*;

/// A row, as it stands in the file.
#[derive(Deserialize)]
struct Row<'a> {
    trip_id: i64,
    vendor: &'a str,
    pickup_at: DateTime,
    dropoff_at: DateTime,
    passengers: i32,
    distance_km: f64,
    pickup_lon: f64,
    pickup_lat: f64,
    dropoff_lon: f64,
    dropoff_lat: f64,
    rate_code: i32,
    store_and_forward: YesNo,
    payment: &'a str,
    fare: f64,
    tip: f64,
    tolls: f64,
    total: f64,
    comment: Option<&'a str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum YesNo {
    Y,
    N,
}

/// A trip, as it is stored.
#[derive(Serialize)]
struct Trip<'a> {
    trip_id: i64,
    vendor: &'a str,
    pickup_at: DateTime,
    dropoff_at: DateTime,
    duration_s: i64,
    passengers: i32,
    distance_km: f64,
    speed_kmh: Option<f64>,
    pickup: Place,
    dropoff: Place,
    rate_code: i32,
    store_and_forward: bool,
    payment: &'a str,
    fare: f64,
    tip: f64,
    tolls: f64,
    total: f64,
    comment: Option<&'a str>,
}

#[derive(Serialize)]
struct Place {
    lon: f64,
    lat: f64,
}

impl<'a> Row<'a> {
    /// The row as a trip, or why it makes no sense.
    fn wrangle(self) -> Result<Trip<'a>, Reject> {
        self.check_numbers()?;
        if self.dropoff_at < self.pickup_at {
            return Err(reject!("dropoff at {} is before pickup at {}", self.dropoff_at, self.pickup_at));
        }
        if self.fare < 0.0 {
            return Err(reject!("fare {} is negative", self.fare));
        }
        let duration_s = (self.dropoff_at.millis() - self.pickup_at.millis()) / 1000;
        Ok(Trip {
            trip_id: self.trip_id,
            vendor: self.vendor,
            pickup_at: self.pickup_at,
            dropoff_at: self.dropoff_at,
            duration_s,
            passengers: self.passengers,
            distance_km: self.distance_km,
            speed_kmh: (duration_s != 0).then(|| self.distance_km * 3600.0 / duration_s as f64),
            pickup: Place { lon: self.pickup_lon, lat: self.pickup_lat },
            dropoff: Place { lon: self.dropoff_lon, lat: self.dropoff_lat },
            rate_code: self.rate_code,
            store_and_forward: self.store_and_forward == YesNo::Y,
            payment: self.payment,
            fare: self.fare,
            tip: self.tip,
            tolls: self.tolls,
            total: self.total,
            comment: self.comment,
        })
    }

    /// `NaN` and `inf` are numbers to a parser, but not to anybody who adds up fares.
    fn check_numbers(&self) -> Result<(), Reject> {
        let numbers = [
            ("distance_km", self.distance_km),
            ("pickup_lon", self.pickup_lon),
            ("pickup_lat", self.pickup_lat),
            ("dropoff_lon", self.dropoff_lon),
            ("dropoff_lat", self.dropoff_lat),
            ("fare", self.fare),
            ("tip", self.tip),
            ("tolls", self.tolls),
            ("total", self.total),
        ];
        match numbers.iter().find(|(_, number)| !number.is_finite()) {
            Some((name, number)) => Err(reject!("column `{name}`: {number} is not a finite number")),
            None => Ok(()),
        }
    }
}

#[derive(Default)]
struct App;

impl BatchIngest for App {
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
        const COLUMNS: [&str; 18] = [
            "trip_id",
            "vendor",
            "pickup_at",
            "dropoff_at",
            "passengers",
            "distance_km",
            "pickup_lon",
            "pickup_lat",
            "dropoff_lon",
            "dropoff_lat",
            "rate_code",
            "store_and_forward",
            "payment",
            "fare",
            "tip",
            "tolls",
            "total",
            "comment",
        ];
        input.csv()?.require_columns(&COLUMNS).each(sink, |row, sink| {
            let row: Row = row.parse()?; // What does not fit rejects the row, with the reason.
            sink.emit(&row.wrangle()?)?;
            Ok(())
        })
    }
}

export_app! { name: "clientbatchingestapp-csv", batch: App, rows_independent: true }

#[cfg(test)]
mod tests;
