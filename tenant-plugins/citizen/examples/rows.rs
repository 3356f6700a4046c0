//! An app that takes any CSV as it comes: `{row, line, start, fields: {..}}` for each row, with inferred types.
//!
//! Its configuration may say how the file is written: `{"delimiter": ";", "has_headers": false}`.

#![allow(missing_docs, reason = "an app has no public items of its own")]

use mysimbdp_plugin_api::Inferred;
use mysimbdp_plugin_api::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default = "comma")]
    delimiter: char,
    #[serde(default = "yes")]
    has_headers: bool,
}

fn comma() -> char {
    ','
}

fn yes() -> bool {
    true
}

#[derive(Serialize)]
struct Document<'r> {
    row: u64,
    line: u64,
    start: u64,
    fields: Inferred<'r>,
}

struct Rows {
    delimiter: u8,
    has_headers: bool,
}

impl Create for Rows {
    fn create(config: &Config) -> Result<Rows, AppError> {
        let Settings { delimiter, has_headers } = config.parse()?;
        Ok(Rows { delimiter: u8::try_from(delimiter)?, has_headers })
    }
}

impl BatchIngest for Rows {
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
        input.csv()?.delimiter(self.delimiter).has_headers(self.has_headers).each(sink, |row, sink| {
            let (number, line, start) = (row.record_number(), row.line(), row.offset());
            sink.emit(&Document { row: number, line, start, fields: row.infer() })?;
            Ok(())
        })
    }
}

export_app! { name: "rows", batch: Rows }
