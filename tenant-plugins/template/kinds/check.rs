//! my-app: a check that lets a document pass when its price is plausible.

use mysimbdp_plugin_api::prelude::*;

fn plausible(price: Option<f64>) -> Result<(), Reject> {
    match price {
        Some(price) if (0.0..10_000.0).contains(&price) => Ok(()),
        Some(price) => Err(reject!("a price of {price} is not plausible")),
        None => Err(reject!("there is no price")),
    }
}

#[derive(Default)]
struct App;

// `input` and `message` may be answered as well: whether a file or message may be ingested at all.
impl Check for App {
    fn document(&mut self, document: DocumentRef<'_>) -> Result<(), Reject> {
        plausible(document.get("price").and_then(|price| price.as_f64()))
    }
}

export_app! { name: "my-app", check: App }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plausible_prices_pass() {
        assert!(plausible(Some(3.5)).is_ok());
        assert_eq!(plausible(Some(-1.0)).unwrap_err().to_string(), "a price of -1 is not plausible");
        assert_eq!(plausible(None).unwrap_err().to_string(), "there is no price");
    }
}
