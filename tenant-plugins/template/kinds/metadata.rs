//! my-app: says about each file or window how many documents were stored of it, and what they cost together.

use mysimbdp_plugin_api::prelude::*;

/// What is stored about a file or stream.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Summary {
    subject: String,
    bytes: u64,
    documents: u64,
    total: f64,
}

impl Summary {
    fn add(&mut self, total: Option<f64>) {
        self.documents += 1;
        self.total += total.unwrap_or_default();
    }
}

#[derive(Default)]
struct App {
    summary: Summary,
}

impl Metadata for App {
    fn begin(&mut self, subject: &str, size: u64) -> Result<(), AppError> {
        self.summary = Summary { subject: subject.to_owned(), bytes: size, ..Summary::default() };
        Ok(())
    }

    fn observe(&mut self, document: DocumentRef<'_>) -> Result<(), AppError> {
        self.summary.add(document.get("total").and_then(|total| total.as_f64()));
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink) -> Result<(), AppError> {
        sink.emit(&self.summary)?;
        Ok(())
    }
}

export_app! { name: "my-app", metadata: App }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_counted_and_added_up() {
        let mut app = App::default();
        app.begin("orders.csv", 90).unwrap();
        app.summary.add(Some(7.0));
        app.summary.add(None);
        let expected = Summary { subject: "orders.csv".into(), bytes: 90, documents: 2, total: 7.0 };
        assert_eq!(app.summary, expected);
    }
}
