//! The rows of `clientbatchingestapp-csv`, as a program without a platform would have them: the same columns, checks and
//! fields, read by the `csv` crate and written by the `bson` crate.
//!
//! Dates are read by the code that the app reads them with: that of `bson` takes several times as long, and it is not
//! what is compared.

use anyhow::{Context as _, Result, ensure};
use bson::DateTime;
use serde::{Deserialize, Serialize};

/// A row, as it stands in the file.
#[derive(Debug, Deserialize)]
pub struct Row<'a> {
    trip_id: i64,
    vendor: &'a str,
    pickup_at: mysimbdp_plugin_api::bson::DateTime,
    dropoff_at: mysimbdp_plugin_api::bson::DateTime,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum YesNo {
    Y,
    N,
}

/// A trip, as it is stored. It outlives its row: whole batches are handed to the driver.
#[derive(Debug, PartialEq, Serialize)]
pub struct Trip {
    trip_id: i64,
    vendor: String,
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
    payment: String,
    fare: f64,
    tip: f64,
    tolls: f64,
    total: f64,
    comment: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Place {
    lon: f64,
    lat: f64,
}

impl Row<'_> {
    /// The row as a trip.
    ///
    /// # Errors
    /// It makes no sense: in one sentence.
    pub fn wrangle(self) -> Result<Trip> {
        ensure!(self.numbers().iter().all(|number| number.is_finite()), "a number is not finite");
        ensure!(self.dropoff_at >= self.pickup_at, "the dropoff is before the pickup");
        ensure!(self.fare >= 0.0, "the fare is negative");
        let duration_s = (self.dropoff_at.millis() - self.pickup_at.millis()) / 1000;
        #[expect(clippy::cast_precision_loss, reason = "a trip does not take a hundred million years")]
        let speed_kmh = (duration_s != 0).then(|| self.distance_km * 3600.0 / duration_s as f64);
        Ok(Trip {
            trip_id: self.trip_id,
            vendor: self.vendor.to_owned(),
            pickup_at: DateTime::from_millis(self.pickup_at.millis()),
            dropoff_at: DateTime::from_millis(self.dropoff_at.millis()),
            duration_s,
            passengers: self.passengers,
            distance_km: self.distance_km,
            speed_kmh,
            pickup: Place { lon: self.pickup_lon, lat: self.pickup_lat },
            dropoff: Place { lon: self.dropoff_lon, lat: self.dropoff_lat },
            rate_code: self.rate_code,
            store_and_forward: self.store_and_forward == YesNo::Y,
            payment: self.payment.to_owned(),
            fare: self.fare,
            tip: self.tip,
            tolls: self.tolls,
            total: self.total,
            comment: self.comment.map(str::to_owned),
        })
    }

    fn numbers(&self) -> [f64; 9] {
        let places = [self.pickup_lon, self.pickup_lat, self.dropoff_lon, self.dropoff_lat];
        let [a, b, c, d] = places;
        [self.distance_km, a, b, c, d, self.fare, self.tip, self.tolls, self.total]
    }
}

/// A record as a trip. Its columns are those of [`Row`], in that order, as a program for one kind of file has it.
///
/// # Errors
/// A field does not fit, or the row makes no sense.
pub fn trip(record: &csv::StringRecord) -> Result<Trip> {
    let row: Row<'_> = record.deserialize(None)?;
    let at = record.position().map_or(0, csv::Position::line);
    row.wrangle().with_context(|| format!("line {at}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &str = "1,CMT,2013-01-01T00:00:07Z,2013-01-01T00:11:25Z,2,3.72,-73.978165,40.757977,-73.989838,40.751171,\
                          1,N,CRD,12.50,2.50,0.00,15.00,";

    fn parsed(fields: &str) -> Result<Trip> {
        trip(&csv::StringRecord::from(fields.split(',').collect::<Vec<_>>()))
    }

    #[test]
    fn a_row_becomes_the_document_that_the_app_makes_of_it() {
        let document = bson::serialize_to_document(&parsed(FIELDS).unwrap()).unwrap();
        let keys = document.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
        let expected = "trip_id vendor pickup_at dropoff_at duration_s passengers distance_km speed_kmh pickup dropoff \
                        rate_code store_and_forward payment fare tip tolls total comment";
        assert_eq!(keys, expected);
        assert_eq!(document.get_i64("duration_s").unwrap(), 678);
        assert_eq!(document.get_datetime("pickup_at").unwrap().timestamp_millis(), 1_356_998_407_000);
        assert_eq!(document.get("comment"), Some(&bson::Bson::Null));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (field, other) in [("12.50", "-1"), ("15.00", "NaN"), ("T00:11:25", "T00:00:00"), ("CMT", "CMT,more")] {
            assert!(parsed(&FIELDS.replace(field, other)).is_err(), "{other}");
        }
    }
}
