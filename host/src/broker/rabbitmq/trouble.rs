//! What the broker and the client library say, told as an error of the port.

use crate::broker::BrokerError;
use lapin::{Error, ErrorKind};
use std::time::Duration;
use tokio::time::timeout;

/// How long the broker may take to answer anything.
const ANSWER: Duration = Duration::from_secs(20);

/// Reply codes of AMQP.
pub(super) const ACCESS_REFUSED: u16 = 403;
pub(super) const NOT_FOUND: u16 = 404;
pub(super) const PRECONDITION_FAILED: u16 = 406;
pub(super) const NOT_ALLOWED: u16 = 530;

/// The reply code of an error that the broker has answered with.
pub(super) fn code(error: &Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// What may pass is tried again; what needs a person does not.
pub(super) fn told(error: &Error) -> BrokerError {
    let words = words(error);
    match code(error) {
        Some(ACCESS_REFUSED | PRECONDITION_FAILED | NOT_ALLOWED) => BrokerError::Permanent(words),
        _ if is_of_certificates(&words) => BrokerError::Permanent(words),
        _ => BrokerError::Transient(words),
    }
}

fn words(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => format!("RabbitMQ answers: {}", error.get_message()),
        ErrorKind::IOError(error) if error.to_string().contains("CertificateRequired") => {
            format!("RabbitMQ wants to see a certificate of ours: name one and its key under [rabbitmq] ({error})")
        }
        ErrorKind::IOError(error) => format!("RabbitMQ: {error}"),
        _ => format!("RabbitMQ: {error}"),
    }
}

/// A certificate does not change by waiting. What the other side thinks of ours comes as an alert.
fn is_of_certificates(words: &str) -> bool {
    words.contains("certificate") || words.contains("received fatal alert")
}

/// Waits for an answer of the broker.
pub(super) async fn answered<T>(
    answer: impl Future<Output = lapin::Result<T>>,
) -> Result<lapin::Result<T>, BrokerError> {
    let silent = |_| BrokerError::Transient(format!("RabbitMQ has not answered for {} s", ANSWER.as_secs()));
    timeout(ANSWER, answer).await.map_err(silent)
}

/// The same where each error is what it is.
pub(super) async fn done<T>(answer: impl Future<Output = lapin::Result<T>>) -> Result<T, BrokerError> {
    answered(answer).await?.map_err(|error| told(&error))
}
