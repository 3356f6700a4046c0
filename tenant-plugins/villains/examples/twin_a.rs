//! One of two apps that have the same name and version and do different things: each must run its own code.

#![allow(missing_docs, reason = "an app has no public items of its own")]

use mysimbdp_plugin_api::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Row {
    n: u64,
}

#[derive(Serialize)]
struct Document {
    n: u64,
    twin: &'static str,
}

#[derive(Default)]
struct Twin;

impl BatchIngest for Twin {
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
        let mut rows = input.csv()?;
        while let Some(row) = rows.next()? {
            match row.parse::<Row>() {
                Ok(Row { n }) => sink.emit(&Document { n, twin: "a" })?,
                Err(why) => sink.reject(why)?,
            }
        }
        Ok(())
    }
}

export_app! { name: "twin", version: "1.0.0", batch: Twin }
