//! The certificate of the port: read at the start, and again when somebody asks; connections that are open keep theirs.

use super::server::HttpError;
use crate::telemetry::metrics::Metrics;
use jiff::Timestamp;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// A certificate and its key, from two PEM files.
pub struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
    held: RwLock<Arc<CertifiedKey>>,
    /// Who wants to know when it ends.
    watched: OnceLock<Metrics>,
}

impl Certificate {
    /// Reads it.
    ///
    /// # Errors
    /// One of the files will not do.
    pub fn read(certificate: &Path, key: &Path) -> Result<Certificate, HttpError> {
        let held = RwLock::new(Arc::new(certified(certificate, key)?));
        Ok(Certificate { certificate: certificate.to_owned(), key: key.to_owned(), held, watched: OnceLock::new() })
    }

    /// Reads the files again, for connections that are made from now on.
    ///
    /// # Errors
    /// One of the files will not do: what was read before stays.
    pub fn read_again(&self) -> Result<(), HttpError> {
        let renewed = Arc::new(certified(&self.certificate, &self.key)?);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        self.tell();
        Ok(())
    }

    /// When it is good no more; `None` where it cannot be read, of which whoever connects will hear.
    pub fn ends(&self) -> Option<Timestamp> {
        let held = Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner));
        held.cert.iter().filter_map(end_of).min()
    }

    /// Tells the metrics when it ends, now and whenever it is read again.
    pub(super) fn watched_by(&self, metrics: Metrics) {
        // It is served once.
        let _ = self.watched.set(metrics);
        self.tell();
    }

    fn tell(&self) {
        if let (Some(metrics), Some(at)) = (self.watched.get(), self.ends()) {
            metrics.certificate_ends(at);
        }
    }

    /// TLS with it.
    pub(super) fn acceptor(self: &Arc<Certificate>) -> TlsAcceptor {
        crate::tls::ready();
        let resolver = Arc::clone(self) as Arc<dyn ResolvesServerCert>;
        let mut config = rustls::ServerConfig::builder().with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn end_of(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

fn certified(certificate: &Path, key: &Path) -> Result<CertifiedKey, HttpError> {
    let wrong = |name, path: &Path, reason: String| HttpError::Pem { key: name, path: path.to_owned(), reason };
    let chain = crate::tls::certificates(certificate).map_err(|reason| wrong("certificate", certificate, reason))?;
    let secret = crate::tls::private_key(key).map_err(|reason| wrong("key", key, reason))?;
    CertifiedKey::from_der(chain, secret, &ring::default_provider()).map_err(|error| {
        let reason = match error {
            rustls::Error::InconsistentKeys(_) => {
                "it is not the key of api.certificate: name the two that belong together".to_owned()
            }
            error => format!("{error}: name a certificate and its key, as PEM files"),
        };
        wrong("key", key, reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mysimbdp_servers::Signer;
    use std::fs;

    #[test]
    fn what_is_read_again_holds_and_what_will_not_do_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::new("us", folder.path()).unwrap();
        let (one, other) = (signer.sign("one").unwrap(), signer.sign("other").unwrap());
        let file = folder.path().join("host.pem");
        fs::copy(&one, &file).unwrap();
        let certificate = Certificate::read(&file, &file).unwrap();
        let held = || certificate.held.read().unwrap().cert[0].to_vec();
        let first = held();
        fs::write(&file, "half a file").unwrap();
        let told = certificate.read_again().unwrap_err().to_string();
        assert!(told.starts_with("api.certificate = \"") && told.contains("there is no certificate in it"), "{told}");
        assert_eq!(held(), first);
        fs::copy(&other, &file).unwrap();
        certificate.read_again().unwrap();
        assert_ne!(held(), first);
        // As the tests' signer has it.
        assert_eq!(certificate.ends(), Some("4096-01-01T00:00:00Z".parse().unwrap()));
        let told = Certificate::read(&one, &other).unwrap_err().to_string();
        assert!(told.starts_with("api.key = \"") && told.contains("it is not the key of api.certificate"), "{told}");
        let told = Certificate::read(&folder.path().join("none.pem"), &other).unwrap_err().to_string();
        assert!(told.contains("cannot be read (No such file") && told.contains("may read"), "{told}");
    }
}
