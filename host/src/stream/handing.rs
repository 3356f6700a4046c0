//! What has come is given to the worker, but for messages that are larger than they may be: whoever publishes to a broker of its own
//! asks nobody before. They become dead letters when all before them have come to their end.

use super::identity::Identities;
use super::outcomes::{self, Given, Held};
use super::session::{Interruption, Session};
use super::watch::Watch;
use crate::broker::{Arrived, Bundle};
use crate::worker::delivery::Message;
use bytes::Bytes;

impl Session<'_> {
    /// Gives the worker what has come; starts one where there is none.
    pub(super) async fn hand_over(&mut self) -> Result<(), Interruption> {
        let Bundle { payload, messages } = std::mem::take(&mut self.bundle);
        let most = self.crew.settings.limits.message_bytes;
        for given in parts(&self.crew.identities, payload.into(), messages, most) {
            self.give(given).await?;
        }
        Ok(())
    }

    /// Gives the worker these messages.
    pub(super) async fn give(&mut self, given: Given) -> Result<(), Interruption> {
        if given.refused.is_some() {
            self.given.push_back((0, given));
            self.set_aside();
            return Ok(());
        }
        if self.worker.is_none() {
            let worker = self.start().await?;
            self.worker = Some((worker, Watch::new()));
        }
        if let Some((worker, watch)) = &mut self.worker {
            if self.given.is_empty() {
                watch.progressed();
            }
            let tag = worker.deliver(given.payload.clone());
            self.given.push_back((tag, given));
        }
        Ok(())
    }

    /// Brings messages to their end that no worker is given, as far as they come next.
    pub(super) fn set_aside(&mut self) {
        while let Some((_, given)) = self.given.front_mut()
            && let Some(delivery) = outcomes::refuse(given)
        {
            self.done += delivery.tally.messages;
            self.flights.launch(&self.cast.shore, given, delivery);
            self.given.pop_front();
        }
    }
}

/// The messages of a payload, each one that is too large by itself.
fn parts(identities: &Identities, payload: Bytes, messages: Vec<Arrived>, most: u64) -> Vec<Given> {
    let mut parts: Vec<Given> = Vec::with_capacity(1);
    let mut held = Vec::with_capacity(messages.len());
    let mut start = 0;
    let part = |start: usize, held: &mut Vec<Held>, refused: Option<String>| {
        let end = held.last().map_or(start, |held| start + held.arrived.range.end);
        Given { payload: payload.slice(start..end), messages: std::mem::take(held).into(), done: 0, refused }
    };
    for Arrived { range, tag } in messages {
        let mut bytes = &payload[range.clone()];
        let message = Message::decode(&mut bytes).ok().flatten().unwrap_or_default();
        let random = || u128::from(fastrand::u64(..)) << 64 | u128::from(fastrand::u64(..));
        let identity = identities.identify(&message, random);
        let size = message.body.len() as u64;
        if size > most && !held.is_empty() {
            parts.push(part(start, &mut held, None));
            start = range.start;
        }
        let end = range.end;
        held.push(Held { arrived: Arrived { range: range.start - start..end - start, tag }, identity });
        if size > most {
            let reason = format!("the message has {size} bytes, where {most} are allowed (message_bytes)");
            parts.push(part(start, &mut held, Some(reason)));
            start = end;
        }
    }
    if !held.is_empty() {
        parts.push(part(start, &mut held, None));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::StreamKey;

    #[test]
    fn a_message_that_is_too_large_is_a_part_of_its_own() {
        let key = StreamKey { tenant: "acme".parse().unwrap(), stream: "clicks".parse().unwrap() };
        let (mut payload, mut messages) = (Vec::new(), Vec::new());
        for (tag, body) in ["a", "large", "b", "cc", "larger", "largest"].iter().enumerate() {
            let start = payload.len();
            Message { body: body.as_bytes(), ..Message::default() }.encode(&mut payload).unwrap();
            messages.push(Arrived { range: start..payload.len(), tag: tag as u64 });
        }
        let parts = parts(&Identities::of(&key), payload.into(), messages, 4);
        let bodies = |given: &Given| -> Vec<String> {
            let body = |message| String::from_utf8(given.message(message).body.to_vec()).unwrap();
            (0..given.messages.len()).map(body).collect()
        };
        let told: Vec<_> = parts.iter().map(|given| (bodies(given), given.refused.is_some())).collect();
        let expected: [(&[&str], bool); 5] =
            [(&["a"], false), (&["large"], true), (&["b", "cc"], false), (&["larger"], true), (&["largest"], true)];
        assert_eq!(told, expected.map(|(bodies, refused)| (bodies.iter().map(|&b| b.to_owned()).collect(), refused)));
        let tags: Vec<u64> =
            parts.iter().flat_map(|given| given.messages.iter().map(|held| held.arrived.tag)).collect();
        assert_eq!(tags, [0, 1, 2, 3, 4, 5]);
        // What a worker is sent are the messages and nothing else.
        let mut rest = &parts[2].payload[..];
        while Message::decode(&mut rest).unwrap().is_some() {}
        assert!(rest.is_empty());
    }
}
