//! The certificate of the port: read at the start, and again when somebody asks; connections that are open keep theirs.

use super::server::HttpError;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// A certificate and its key, from two PEM files.
#[derive(Debug)]
pub struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
    held: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads it.
    ///
    /// # Errors
    /// One of the files will not do.
    pub fn read(certificate: &Path, key: &Path) -> Result<Certificate, HttpError> {
        let held = RwLock::new(Arc::new(certified(certificate, key)?));
        Ok(Certificate { certificate: certificate.to_owned(), key: key.to_owned(), held })
    }

    /// Reads the files again, for connections that are made from now on.
    ///
    /// # Errors
    /// One of the files will not do: what was read before stays.
    pub fn read_again(&self) -> Result<(), HttpError> {
        let renewed = Arc::new(certified(&self.certificate, &self.key)?);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
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

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner)))
    }
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
        let told = Certificate::read(&one, &other).unwrap_err().to_string();
        assert!(told.starts_with("api.key = \"") && told.contains("it is not the key of api.certificate"), "{told}");
        let told = Certificate::read(&folder.path().join("none.pem"), &other).unwrap_err().to_string();
        assert!(told.contains("cannot be read (No such file") && told.contains("may read"), "{told}");
    }
}
