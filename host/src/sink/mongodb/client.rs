//! From settings to the driver's client.

use super::{Settings, SettingsError};
use mongodb::Client;
use mongodb::options::{ClientOptions, ConnectionString, Tls, TlsOptions};

/// Connections to one server, where the connection string does not say how many: enough for a dozen collections.
const CONNECTIONS: u32 = 40;

/// Makes a client, whose tasks live on the runtime that this is called on. Connects to nothing yet; the name of a
/// `mongodb+srv://` is looked up.
///
/// # Errors
/// The connection string, or what it says, will not do; a certificate cannot be read.
pub(super) async fn client(settings: &Settings) -> Result<Client, SettingsError> {
    let refuse = |error: mongodb::error::Error| SettingsError(without_secrets(&settings.url, &error.kind.to_string()));
    let mut options = ClientOptions::parse(&settings.url).await.map_err(refuse)?;
    options.app_name.get_or_insert_with(|| "mysimbdp".into());
    options.connect_timeout.get_or_insert(settings.connected_within);
    options.server_selection_timeout.get_or_insert(settings.connected_within);
    options.max_pool_size.get_or_insert(CONNECTIONS);
    if settings.ca_file.is_some() || settings.client_certificate.is_some() || !settings.check_server {
        let mut tls = match options.tls.take() {
            Some(Tls::Enabled(tls)) => tls,
            _ => TlsOptions::default(),
        };
        if let Some(file) = &settings.ca_file {
            tls.ca_file_path = Some(file.clone());
        }
        if let Some(file) = &settings.client_certificate {
            tls.cert_key_file_path = Some(file.clone());
        }
        if !settings.check_server {
            tls.allow_invalid_certificates = Some(true);
        }
        options.tls = Some(Tls::Enabled(tls));
    }
    Client::with_options(options).map_err(refuse)
}

/// Reads a connection string, and asks nobody.
///
/// # Errors
/// Why it is none, without the secrets in it.
pub fn parse(url: &str) -> Result<(), String> {
    match ConnectionString::parse(url) {
        Ok(_) => Ok(()),
        Err(error) => Err(without_secrets(url, &error.kind.to_string())),
    }
}

/// `words` without the user and the password of a connection string, should somebody quote it.
fn without_secrets(url: &str, words: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let Some((user, _)) = rest.rsplit_once('@') else { return words.to_owned() };
    let password = user.split_once(':').map_or("", |(_, password)| password);
    let mut words = words.replace(user, "…");
    if !password.is_empty() {
        words = words.replace(password, "…");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    async fn refused(settings: Settings) -> String {
        client(&settings).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_connection_string_that_will_not_do_is_told_without_its_password() {
        for url in
            ["", "localhost", "http://localhost", "mongodb://user:ge/heim@localhost", "mongodb://u:geheim@/?w=x=y"]
        {
            let told = refused(Settings::new(url)).await;
            assert!(told.starts_with("the settings of the MongoDB sink will not do: "), "{told}");
            assert!(!told.contains("heim"), "{told}");
        }
    }

    #[tokio::test]
    async fn a_certificate_that_cannot_be_read_is_told() {
        let missing = Some(PathBuf::from("/nowhere/ca.pem"));
        let told = refused(Settings { ca_file: missing.clone(), ..Settings::new("mongodb://localhost") }).await;
        assert!(told.contains("/nowhere/ca.pem"), "{told}");
        let told = refused(Settings { client_certificate: missing, ..Settings::new("mongodb://localhost") }).await;
        assert!(told.contains("No such file"), "{told}");
    }

    #[test]
    fn secrets_are_cut_out_of_whatever_quotes_them() {
        let url = "mongodb://user:geheim@a,b/?x=y";
        assert_eq!(without_secrets(url, "bad user:geheim@a"), "bad …@a");
        assert_eq!(without_secrets(url, "bad geheim"), "bad …");
        assert_eq!(without_secrets("mongodb://a", "bad a"), "bad a");
    }
}
