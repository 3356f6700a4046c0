//! Which cryptography TLS uses here: ring, for every connection that the host makes.
//!
//! The crates that speak TLS are built without a choice of their own, so that one is made, once for the process.

use std::sync::Once;

/// Makes the choice, if it was not made. Call before anything that may speak TLS is made.
pub fn ready() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails where somebody else has made it: then there is one.
        let _chosen_before = rustls::crypto::ring::default_provider().install_default();
    });
}
