//! A villain that was built with `-C panic=abort`: no guard can catch its panics, the process dies of SIGABRT.

#![allow(missing_docs, reason = "an app has no public items of its own")]

use mysimbdp_plugin_api::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Row {
    n: u64,
}

#[derive(Default)]
struct Aborts;

impl BatchIngest for Aborts {
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
        let mut rows = input.csv()?;
        while let Some(row) = rows.next()? {
            assert!(row.get("deed") != Some("panic"), "this panic cannot be caught");
            match row.parse::<Row>() {
                Ok(Row { n }) => sink.emit(&Row { n })?,
                Err(why) => sink.reject(why)?,
            }
        }
        Ok(())
    }
}

export_app! { name: "aborts", batch: Aborts }
