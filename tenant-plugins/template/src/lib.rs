//! my-app: takes files of orders and stores one document for each row.

use mysimbdp_plugin_api::prelude::*;

/// A row of the file: a field for each column that is wanted, under the column's name.
#[derive(Deserialize)]
struct Row {
    id: i64,
    item: String,
    quantity: i32,
    price: f64,
}

/// What is stored of it.
#[derive(Serialize)]
struct Order {
    id: i64,
    item: String,
    quantity: i32,
    price: f64,
    total: f64,
}

#[derive(Default)]
struct App;

impl BatchIngest for App {
    fn ingest(&mut self, input: &mut BatchInput, sink: &mut Sink) -> Result<(), AppError> {
        input.csv()?.each(sink, |row, sink| {
            let Row { id, item, quantity, price } = row.parse()?; // What does not fit rejects the row, with the reason.
            if quantity < 1 {
                return Err(reject!("quantity {quantity} is less than one"));
            }
            sink.emit(&Order { id, item, quantity, price, total: price * f64::from(quantity) })?;
            Ok(())
        })
    }
}

export_app! { name: "my-app", batch: App }

#[cfg(test)]
mod tests {
    use super::App;
    use mysimbdp_plugin_api::testing::{bson::doc, run};

    #[test]
    fn good_rows_become_documents_and_bad_ones_are_rejected() {
        let report = run::<App>("sample.csv", include_bytes!("../sample.csv"));
        assert_eq!(
            report.without_ids()[0],
            doc! { "id": 1_i64, "item": "tea", "quantity": 2, "price": 3.5, "total": 7.0 }
        );
        assert_eq!(report.documents.len(), 2);
        assert_eq!(report.rejects[0].reason, "quantity 0 is less than one");
        assert_eq!(report.rejects[1].line, 5);
    }
}
