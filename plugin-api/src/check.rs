//! Checks: data-quality gates before and behind the apps that ingest.

use crate::batch::BatchInput;
use crate::bson::DocumentRef;
use crate::create::Create;
use crate::error::Reject;
use crate::stream::{Channel, Delivery, Properties};

/// A data-quality gate. Each of its three questions is answered with `Ok(())` unless the app says otherwise.
///
/// ```
/// use mysimbdp_plugin_api::prelude::*;
///
/// #[derive(Default)]
/// struct Gate;
///
/// impl Check for Gate {
///     fn document(&mut self, document: DocumentRef) -> Result<(), Reject> {
///         match document.get("fare").and_then(|fare| fare.as_f64()) {
///             Some(fare) if fare < 1000.0 => Ok(()),
///             Some(fare) => Err(reject!("a fare of {fare} is not plausible")),
///             None => Err(reject!("there is no fare")),
///         }
///     }
/// }
/// ```
pub trait Check: Create {
    /// May this file be ingested at all?
    ///
    /// # Errors
    /// It may not, for this reason.
    fn input(&mut self, input: &mut BatchInput) -> Result<(), Reject> {
        let _ = input;
        Ok(())
    }

    /// May this message be ingested at all?
    ///
    /// # Errors
    /// It may not, for this reason.
    fn message(
        &mut self,
        channel: &Channel<'_>,
        method: &Delivery<'_>,
        properties: &Properties<'_>,
        body: &[u8],
    ) -> Result<(), Reject> {
        let _ = (channel, method, properties, body);
        Ok(())
    }

    /// May this document be stored?
    ///
    /// # Errors
    /// It may not, for this reason.
    fn document(&mut self, document: DocumentRef<'_>) -> Result<(), Reject> {
        let _ = document;
        Ok(())
    }
}
