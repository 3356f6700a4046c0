//! Certificates that are made for a test: who signs, and what was signed.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, Error, IsCa, KeyPair};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Somebody who signs certificates.
pub struct Signer {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Signer {
    /// One of this name, whose files are kept in `folder`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(name: &str, folder: &Path) -> io::Result<Signer> {
        let mut params = CertificateParams::new(Vec::new()).map_err(other)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(other)?).map_err(other)?;
        let signer = Signer { issuer, folder: folder.join(name) };
        fs::create_dir_all(&signer.folder)?;
        fs::write(signer.file(), signer.issuer.pem())?;
        Ok(signer)
    }

    /// Its own certificate, PEM.
    pub fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate for this name and its key, PEM, in one file.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn sign(&self, name: &str) -> io::Result<PathBuf> {
        let key = KeyPair::generate().map_err(other)?;
        let params = CertificateParams::new(vec![name.to_owned()]).map_err(other)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(other)?;
        let file = self.folder.join(format!("{name}.pem"));
        fs::write(&file, certificate.pem() + &key.serialize_pem())?;
        Ok(file)
    }
}

fn other(error: Error) -> io::Error {
    io::Error::other(error)
}
