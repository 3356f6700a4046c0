//! Messages that are published here: the lines of a body, or a body that is one message.
//!
//! A body of 32 MiB may have sixteen million lines, and a message takes a hundred times the memory of so short a line. So lines
//! become messages by the portion, and the broker has each portion before the next is made. A portion that cannot be published
//! ends it; those before stay accepted, and the sentence says from which line on to send again.

use super::Platform;
use super::error::{ActionError, Kind};
use super::portions::Portions;
use crate::broker::{Envelope, Outgoing, StreamKey};
use crate::stream::Told;
use crate::stream::manager::StreamError;
use crate::tenant::TenantId;
use crate::worker::delivery::Message;
use serde::{Deserialize, Serialize};

/// Refusals that one answer lists.
const LISTED: usize = 1_000;
/// That a message has a delivery mode, and which: one that outlives a restart of the broker.
const PERSISTENT: (u8, u8) = (1, 2);

/// What became of messages that were published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PublishAnswer {
    /// Accepted and durable.
    pub accepted: u64,
    /// Not accepted, the first 1,000 of them: place among the lines, from 0, and why.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    pub refused: Vec<(usize, String)>,
    /// How many were not accepted in all.
    #[serde(default)]
    pub refused_in_all: u64,
}

/// A message that is published on its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Single<'a> {
    /// Its content, byte by byte.
    pub body: &'a [u8],
    /// The publisher's identity of the message.
    pub id: Option<&'a str>,
    /// One of those of its stream; the first where none is named.
    pub routing_key: Option<&'a str>,
    /// MIME type of the body.
    pub content_type: Option<&'a str>,
}

impl PublishAnswer {
    /// Adds what became of a portion.
    fn add(&mut self, accepted: u64, refused: Vec<(usize, String)>) {
        self.accepted += accepted;
        self.refused_in_all += refused.len() as u64;
        let room = LISTED.saturating_sub(self.refused.len());
        self.refused.extend(refused.into_iter().take(room));
    }
}

impl Platform {
    /// Publishes each line to a stream, under its first routing key: as JSON, and where there are `ids`, with the message id
    /// `<ids>-<number of the line>`, of which `first` is the first. An empty line is none, and is counted all the same.
    ///
    /// # Errors
    /// There is no such tenant or stream, or the broker cannot; of the messages of the portion that failed nothing is known
    /// then.
    pub async fn publish_lines(
        &self,
        key: &StreamKey,
        ids: Option<&str>,
        first: u64,
        lines: &[u8],
    ) -> Result<PublishAnswer, ActionError> {
        if first.checked_add(lines.len() as u64).is_none() {
            let sentence =
                format!("the first line has the number {first}, which leaves none for others: give a smaller one");
            return Err(ActionError::invalid("bad_query", sentence));
        }
        let told = self.streams.get(key)?;
        let routing_key = usual_key(&told);
        let mut answer = PublishAnswer::default();
        for (begins, portion) in Portions::of(lines) {
            let begins = first + begins as u64;
            let cut_off = |error| cut_off(error, &answer, begins);
            let most = self.active(&key.tenant).map_err(cut_off)?.limits.message_bytes;
            let message = |(place, line): (usize, &[u8])| {
                let id = ids.map(|ids| format!("{ids}-{}", first + place as u64));
                let message = Message {
                    body: line,
                    message_id: id.as_deref().map(str::as_bytes),
                    routing_key: Some(routing_key.as_bytes()),
                    content_type: Some(b"application/json"),
                    ..lasting()
                };
                let allowed = within(line, most).and_then(|()| outgoing(routing_key, &message));
                (place, allowed)
            };
            let portion = portion.into_iter().map(message).collect();
            let (accepted, refused) = self.publish(&key.tenant, portion).await.map_err(cut_off)?;
            answer.add(accepted, refused);
            // Where all of it is refused the broker waits for nothing, and others wait for this thread.
            tokio::task::yield_now().await;
        }
        Ok(answer)
    }

    /// Publishes one message to a stream, as it is.
    ///
    /// # Errors
    /// There is no such tenant or stream, the stream does not take that routing key, the message is too large, the queue is
    /// full, or the broker cannot.
    pub async fn publish_message(&self, key: &StreamKey, message: &Single<'_>) -> Result<PublishAnswer, ActionError> {
        let told = self.streams.get(key)?;
        let most = self.active(&key.tenant)?.limits.message_bytes;
        let (usual, keys) = (usual_key(&told), &told.settings.routing_keys);
        let routing_key = message.routing_key.unwrap_or(usual);
        if routing_key != usual && !keys.iter().any(|known| known == routing_key) {
            let sentence = format!(
                "stream {key} does not take the routing key {routing_key:?}: name one that it takes ({}), or none",
                keys.join(", ")
            );
            return Err(ActionError::invalid("bad_routing_key", sentence));
        }
        let whole = Message {
            body: message.body,
            message_id: message.id.map(str::as_bytes),
            routing_key: Some(routing_key.as_bytes()),
            content_type: message.content_type.map(str::as_bytes),
            ..lasting()
        };
        let told = |why| format!("the message {why}");
        let too_large = |why| ActionError { kind: Kind::Limit, code: "message_bytes", sentence: told(why) };
        within(message.body, most).map_err(too_large)?;
        let whole = outgoing(routing_key, &whole).map_err(|why| ActionError::invalid("bad_message", told(why)))?;
        let published =
            self.streams.desk().broker.publish(&key.tenant, vec![whole]).await.map_err(StreamError::Broker)?;
        match published.refused.into_iter().next() {
            Some((_, why)) => Err(ActionError::unavailable("not_accepted", why)),
            None => Ok(PublishAnswer { accepted: published.accepted, ..PublishAnswer::default() }),
        }
    }

    /// Publishes a portion to a tenant's exchange. Answers how many messages were accepted, and which were not.
    async fn publish(&self, tenant: &TenantId, portion: Vec<Attempt>) -> Result<(u64, Vec<Refused>), ActionError> {
        let (mut published, mut places, mut refused) = (Vec::with_capacity(portion.len()), Vec::new(), Vec::new());
        for (place, message) in portion {
            match message {
                Ok(message) => {
                    published.push(message);
                    places.push(place);
                }
                Err(why) => refused.push((place, format!("the message {why}"))),
            }
        }
        let broker = &self.streams.desk().broker;
        let told = broker.publish(tenant, published).await.map_err(StreamError::Broker)?;
        refused.extend(told.refused.into_iter().map(|(index, why)| (places[index], why)));
        refused.sort_unstable_by_key(|(place, _)| *place);
        Ok((told.accepted, refused))
    }
}

/// A message's place, and the message as the broker takes it, or why it is none.
type Attempt = (usize, Result<Outgoing, String>);
/// Place, and why.
type Refused = (usize, String);

/// The routing key of what is published to a stream, where none is named.
fn usual_key(told: &Told) -> &str {
    told.settings.routing_keys.first().map_or(told.key.stream.as_str(), String::as_str)
}

/// What every message has: it outlives a restart of the broker.
fn lasting() -> Message<'static> {
    Message { present: PERSISTENT.0, delivery_mode: PERSISTENT.1, ..Message::default() }
}

fn outgoing(routing_key: &str, message: &Message<'_>) -> Result<Outgoing, String> {
    let envelope = Envelope::of(message).map_err(|error| error.to_string())?;
    Ok(Outgoing { routing_key: routing_key.to_owned(), envelope })
}

/// Whether its tenant's limit allows a message.
fn within(body: &[u8], most: u64) -> Result<(), String> {
    let bytes = body.len();
    if bytes as u64 > most {
        return Err(format!("has {bytes} bytes, where {most} are allowed (message_bytes)"));
    }
    Ok(())
}

/// A portion could not be published, and it may not have been the first.
fn cut_off(mut error: ActionError, before: &PublishAnswer, line: u64) -> ActionError {
    if *before != PublishAnswer::default() {
        let PublishAnswer { accepted, refused_in_all, .. } = before;
        error.sentence += &format!(
            "; of the lines before line {line}, {accepted} were accepted and {refused_in_all} refused: send again from line {line} on"
        );
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_lists_the_first_refusals_and_counts_all() {
        let mut answer = PublishAnswer::default();
        let refused = |from: usize, to: usize| (from..to).map(|place| (place, "full".to_owned())).collect();
        answer.add(2, refused(0, LISTED - 1));
        answer.add(3, refused(LISTED - 1, LISTED + 7));
        assert_eq!((answer.accepted, answer.refused_in_all), (5, LISTED as u64 + 7));
        assert_eq!(answer.refused.len(), LISTED);
        assert_eq!(answer.refused[LISTED - 1].0, LISTED - 1);
    }

    #[test]
    fn a_message_is_as_large_as_its_tenant_is_allowed_and_no_larger() {
        assert_eq!(within(b"four", 4), Ok(()));
        assert_eq!(within(b"fives", 4), Err("has 5 bytes, where 4 are allowed (message_bytes)".to_owned()));
    }

    #[test]
    fn a_portion_that_fails_says_what_became_of_those_before() {
        let error = || ActionError::unavailable("broker_unavailable", "the broker is away");
        assert_eq!(cut_off(error(), &PublishAnswer::default(), 1), error());
        let before = PublishAnswer { accepted: 7, refused_in_all: 1, ..PublishAnswer::default() };
        let told =
            "the broker is away; of the lines before line 9, 7 were accepted and 1 refused: send again from line 9 on";
        assert_eq!(cut_off(error(), &before, 9).sentence, told);
    }
}
