//! What a configuration names outside of itself, looked at before anything is started: certificates and keys.

use crate::api::{Certificate, HttpError};
use crate::config::{BrokerKind, Config, QueueKind, SinkKind, Tls};
use crate::{sink, tls};
use std::path::Path;

/// What will not do of what a configuration names: a sentence each, with key, value and mend. Of servers that are not used,
/// nothing is asked.
pub fn mistakes(config: &Config) -> Vec<String> {
    let mut mistakes = Vec::new();
    if let Some((certificate, key)) = &config.api.tls
        && let Err(error @ HttpError::Pem { .. }) = Certificate::read(certificate, key)
    {
        mistakes.push(error.to_string());
    }
    if config.queue == QueueKind::Redis {
        of_server("redis", &config.redis.tls, &mut mistakes);
    }
    if config.broker == BrokerKind::RabbitMq {
        of_server("rabbitmq", &config.rabbitmq.tls, &mut mistakes);
    }
    if config.sink == SinkKind::MongoDb {
        let mongodb = &config.mongodb;
        if let Err(reason) = sink::mongodb::parse(&mongodb.url.0) {
            mistakes.push(format!(
                "mongodb.url = {:?}: {reason}: name a connection string, such as \"mongodb://127.0.0.1:27017/\"",
                mongodb.url.shown()
            ));
        }
        if let Some(path) = &mongodb.ca {
            told("mongodb.ca", path, tls::certificates(path), &mut mistakes);
        }
        if let Some(path) = &mongodb.certificate {
            let both = tls::certificates(path).and_then(|_| tls::private_key(path));
            told("mongodb.certificate", path, both, &mut mistakes);
        }
    }
    mistakes
}

fn of_server(table: &str, files: &Tls, mistakes: &mut Vec<String>) {
    if let Some(path) = &files.ca {
        told(&format!("{table}.ca"), path, tls::certificates(path), mistakes);
    }
    if let Some((certificate, key)) = &files.certificate {
        told(&format!("{table}.certificate"), certificate, tls::certificates(certificate), mistakes);
        told(&format!("{table}.key"), key, tls::private_key(key), mistakes);
    }
}

fn told<T>(key: &str, path: &Path, read: Result<T, String>, mistakes: &mut Vec<String>) {
    if let Err(reason) = read {
        mistakes.push(format!("{key} = {path:?}: {reason}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn files_that_are_not_there_and_a_string_that_is_none_are_told_with_their_keys_where_their_servers_are_used() {
        let none = || Some(PathBuf::from("/nowhere/x.pem"));
        let mut config = Config::default();
        config.redis.tls = Tls { ca: none(), certificate: none().zip(none()) };
        config.rabbitmq.tls = config.redis.tls.clone();
        (config.mongodb.ca, config.mongodb.certificate) = (none(), none());
        config.mongodb.url.0 = "mongodb://u:secret@h/?replicaSet=a&tsl=true".to_owned();
        assert_eq!(mistakes(&config), Vec::<String>::new(), "everything is embedded");
        (config.queue, config.broker, config.sink) = (QueueKind::Redis, BrokerKind::RabbitMq, SinkKind::MongoDb);
        config.api.tls = none().zip(none());
        let told = mistakes(&config);
        let keys: Vec<&str> = told.iter().map(|told| told.split(" = ").next().unwrap()).collect();
        assert_eq!(
            keys,
            [
                "api.certificate",
                "redis.ca",
                "redis.certificate",
                "redis.key",
                "rabbitmq.ca",
                "rabbitmq.certificate",
                "rabbitmq.key",
                "mongodb.url",
                "mongodb.ca",
                "mongodb.certificate"
            ]
        );
        for sentence in &told {
            let is_named = sentence.contains("/nowhere/x.pem") || sentence.contains("tsl");
            assert!(is_named && sentence.contains(": name a") && !sentence.contains("secret"), "{sentence}");
        }
    }
}
