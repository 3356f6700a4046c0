//! my-app: takes messages with readings of sensors and stores one document for each.

use mysimbdp_plugin_api::prelude::*;
use mysimbdp_plugin_api::serde_json;

/// The body of a message, in JSON.
#[derive(Deserialize)]
struct Message {
    sensor: String,
    celsius: f64,
}

/// What is stored of it.
#[derive(Debug, PartialEq, Serialize)]
struct Reading {
    sensor: String,
    kelvin: f64,
    published_at: Option<DateTime>,
}

fn reading(body: &[u8], published_at: Option<DateTime>) -> Result<Reading, Reject> {
    let Message { sensor, celsius } = serde_json::from_slice(body)?; // What does not fit rejects the message.
    if celsius < -273.15 {
        return Err(reject!("{celsius} degrees Celsius is colder than anything"));
    }
    Ok(Reading { sensor, kelvin: celsius + 273.15, published_at })
}

#[derive(Default)]
struct App;

impl StreamIngest for App {
    fn on_message(
        &mut self,
        _channel: &Channel<'_>,
        _method: &Delivery<'_>,
        properties: &Properties<'_>,
        body: &[u8],
        sink: &mut Sink,
    ) -> Result<(), Reject> {
        sink.emit(&reading(body, properties.timestamp)?)?;
        Ok(())
    }
}

export_app! { name: "my-app", stream: App }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_becomes_a_reading() {
        let reading = reading(br#"{"sensor": "attic", "celsius": 0.0}"#, None).unwrap();
        assert_eq!(reading, Reading { sensor: "attic".into(), kelvin: 273.15, published_at: None });
    }

    #[test]
    fn what_makes_no_sense_is_rejected_with_its_reason() {
        let reason = reading(br#"{"sensor": "attic", "celsius": -300}"#, None).unwrap_err().to_string();
        assert_eq!(reason, "-300 degrees Celsius is colder than anything");
        assert!(reading(b"not JSON", None).is_err());
    }
}
