//! What the C library opens lazily is opened while files can still be opened: the time zone, and iconv's converters.
//!
//! This runs before the sandbox and before the app is loaded, so none of it needs a rule, and no hostile code has had a
//! hand in it. App and worker share one C library, so what is loaded here is there for the app. Converters beyond the
//! list cannot be loaded later: `iconv_open` then answers with an error.

use core::ffi::CStr;

/// Encodings that files of tenants come in, beside UTF-8. glibc keeps a converter as long as a descriptor uses it.
const ENCODINGS: &[&CStr] = &[c"UTF-16", c"ISO-8859-1", c"ISO-8859-15", c"CP1252"];

unsafe extern "C" {
    safe fn tzset();
}

/// Reads the time zone (`TZ=UTC`, the only variable a worker has).
pub(super) fn time_zone() {
    tzset();
}

/// Loads the common converters, both ways, and keeps them. One that this machine does not have is left out.
pub(super) fn converters() {
    for encoding in ENCODINGS {
        for (to, from) in [(c"UTF-8", *encoding), (*encoding, c"UTF-8")] {
            // SAFETY: both names are terminated and live on; the descriptor, valid or not, is kept and never used.
            let _kept = unsafe { libc::iconv_open(to.as_ptr(), from.as_ptr()) };
        }
    }
}
