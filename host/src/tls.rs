//! Which cryptography TLS uses here: ring, for every connection that the host makes. And what PEM files hold.
//!
//! The crates that speak TLS are built without a choice of their own, so that one is made, once for the process.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Once;

/// Makes the choice, if it was not made. Call before anything that may speak TLS is made.
pub fn ready() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails where somebody else has made it: then there is one.
        let _chosen_before = rustls::crypto::ring::default_provider().install_default();
    });
}

/// The certificates in a PEM file, at least one.
///
/// # Errors
/// What is wrong with the file, and how to mend it.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path)?;
    let none =
        || "there is no certificate in it: name a PEM file that begins with -----BEGIN CERTIFICATE-----".to_owned();
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(none)
}

/// The private key in a PEM file.
///
/// # Errors
/// What is wrong with the file, and how to mend it.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let pem = read(path)?;
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| "there is no private key in it: name a PEM file with one, without a passphrase".to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| {
        format!("cannot be read ({error}): name a file that is there and that the user of mysimbdp may read")
    })
}
