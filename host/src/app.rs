//! The wiring: the only file that names concrete adapters.

use crate::sink::DocumentSink;
use crate::sink::embedded::Store;
use crate::sink::null::NullSink;
