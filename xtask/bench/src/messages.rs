//! Trips as messages of one length, each with a number of the publisher's in its first field. Pure.
//!
//! ```text
//!   {"trip_id":17,"vendor":"CMT", … ,"comment":"two stops"}       a line of the file
//!   {"trip_id":25014302117731,"vendor":"CMT", … ,"comment":"two stops and so on and so on and so"}
//! ```
//! The comment is lengthened until the message has the length that is wanted. The number is the time at which it was published, or
//! whatever else the publisher puts there; it reaches the sink as it is.

use anyhow::{Context as _, Result};
use std::fmt::Write as _;

/// What a comment goes on with.
const MORE: &str = " and so on";

/// Messages, taken in turn.
#[derive(Debug)]
pub struct Messages {
    bytes: usize,
    /// Behind the number, up to the comment's closing quote.
    rests: Vec<String>,
}

impl Messages {
    /// The messages of these lines, which become `bytes` long.
    ///
    /// # Errors
    /// There is none, or one is no trip.
    pub fn new(lines: &str, bytes: usize) -> Result<Messages> {
        let rests = lines.lines().map(|line| rest(line).with_context(|| format!("no trip: {line}")));
        let rests = rests.collect::<Result<Vec<String>>>()?;
        anyhow::ensure!(!rests.is_empty(), "there are no messages");
        Ok(Messages { bytes, rests })
    }

    /// Writes the `index`th message with this number in it over what is in `text`.
    pub fn write(&self, index: usize, number: i64, text: &mut String) {
        text.clear();
        // Writing to a String cannot fail.
        let _ = write!(text, "{{\"trip_id\":{number}{}", self.rests[index % self.rests.len()]);
        let missing = (self.bytes - 2).saturating_sub(text.len());
        text.extend(MORE.chars().cycle().take(missing));
        text.push_str("\"}");
    }
}

fn rest(line: &str) -> Option<String> {
    let (_, rest) = line.strip_prefix("{\"trip_id\":")?.split_once(',')?;
    let rest = rest.strip_suffix('}')?;
    Some(match (rest.contains("\"comment\":"), rest.strip_suffix('"')) {
        (true, Some(open)) => format!(",{open}"),
        _ => format!(",{rest},\"comment\":\"well"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_number_and_its_length_and_ends_in_a_comment() {
        let lines = "{\"trip_id\":1,\"vendor\":\"CMT\"}\n{\"trip_id\":2,\"comment\":\"two \\\"stops\\\"\"}";
        let messages = Messages::new(lines, 72).unwrap();
        let mut text = String::new();
        messages.write(0, 25_014_302_117_731, &mut text);
        let expected = "{\"trip_id\":25014302117731,\"vendor\":\"CMT\",\"comment\":\"well and so on and\"}";
        assert_eq!((text.len(), text.as_str()), (72, expected));
        messages.write(3, -5, &mut text);
        let expected = "{\"trip_id\":-5,\"comment\":\"two \\\"stops\\\" and so on and so on and so on a\"}";
        assert_eq!((text.len(), text.as_str()), (72, expected));
        assert!(Messages::new("", 64).is_err() && Messages::new("{}", 64).is_err());
    }
}
