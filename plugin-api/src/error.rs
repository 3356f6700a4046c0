//! What an app answers when it cannot go on, or cannot take a row.
//!
//! | type | means | becomes |
//! |---|---|---|
//! | [`AppError`] | the whole run fails | the task's reason |
//! | [`Reject`] | this row, message or document is not taken | a dead letter with this reason |
//! | [`SinkError`] | the host refused a call, or ends the run | either of the above, by `?` |
//!
//! `?` turns every ordinary error, and every string, into an [`AppError`] or a [`Reject`], whichever the function
//! returns. An [`AppError`] inside a function that returns [`Reject`] is not watered down: it still ends the run.

use std::error::Error;
use std::fmt;
use std::io;

/// Why a run fails. Made from any error or string by `?` or [`AppError::new`].
///
/// ```
/// use mysimbdp_plugin_api::AppError;
///
/// fn year(text: &str) -> Result<u16, AppError> {
///     let year = text.parse()?;
///     if year < 1970 {
///         return Err(AppError::new(format_args!("{year} lies before 1970")));
///     }
///     Ok(year)
/// }
/// assert_eq!(year("196").unwrap_err().to_string(), "196 lies before 1970");
/// assert_eq!(year("x").unwrap_err().to_string(), "invalid digit found in string");
/// ```
///
/// Like `anyhow::Error`, it does not implement [`std::error::Error`] itself: that is what lets `?` take every error.
pub struct AppError {
    message: String,
    stopped: bool,
}

impl AppError {
    /// An error that says `message`.
    pub fn new(message: impl fmt::Display) -> AppError {
        AppError { message: message.to_string(), stopped: false }
    }

    /// The run was ended by the host, nothing is wrong with the app. Return it at once.
    pub fn stopped() -> AppError {
        AppError { message: SinkError::Stopped.to_string(), stopped: true }
    }

    /// Whether the host ended the run (a cancellation, a limit) and the app merely passes that on.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Says first what the app was doing: `"reading the header: unexpected end of file"`.
    #[must_use]
    pub fn context(self, doing: impl fmt::Display) -> AppError {
        AppError { message: format!("{doing}: {}", self.message), stopped: self.stopped }
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppError({:?})", self.message)
    }
}

impl<E: Into<Box<dyn Error>>> From<E> for AppError {
    #[cold]
    fn from(error: E) -> AppError {
        let error = error.into();
        AppError { message: with_sources(error.as_ref()), stopped: is_stop(error.as_ref()) }
    }
}

impl From<Reject> for AppError {
    #[cold]
    fn from(reject: Reject) -> AppError {
        match reject.0 {
            Cause::Row(message) => AppError { message, stopped: false },
            Cause::Run(error) => error,
        }
    }
}

/// Why a row, a message or a document is not taken: it becomes a dead letter with this reason, and the run goes on.
///
/// Made by [`reject!`](crate::reject), [`Reject::new`], or from any error or string by `?`. Made from an [`AppError`] it
/// ends the run instead.
///
/// ```
/// use mysimbdp_plugin_api::{reject, Reject};
///
/// fn cents(fare: &str) -> Result<i64, Reject> {
///     let fare: f64 = fare.parse()?;
///     if fare < 0.0 {
///         return Err(reject!("fare {fare} is negative"));
///     }
///     Ok((fare * 100.0).round() as i64)
/// }
/// assert_eq!(cents("2.50").unwrap(), 250);
/// assert_eq!(cents("-1").unwrap_err().to_string(), "fare -1 is negative");
/// assert_eq!(cents("abc").unwrap_err().to_string(), "invalid float literal");
/// ```
pub struct Reject(Cause);

enum Cause {
    Row(String),
    Run(AppError),
}

impl Reject {
    /// A rejection for this reason.
    #[cold]
    pub fn new(reason: impl fmt::Display) -> Reject {
        Reject(Cause::Row(reason.to_string()))
    }

    /// Whether this ends the run instead of rejecting a row: it was made from an [`AppError`], or the host said stop.
    pub fn ends_run(&self) -> bool {
        matches!(self.0, Cause::Run(_))
    }

    /// The reason, or the error that ends the run.
    pub(crate) fn into_reason(self) -> Result<String, AppError> {
        match self.0 {
            Cause::Row(reason) => Ok(reason),
            Cause::Run(error) => Err(error),
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Row(reason) => f.write_str(reason),
            Cause::Run(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Row(reason) => write!(f, "Reject({reason:?})"),
            Cause::Run(error) => error.fmt(f),
        }
    }
}

impl<E: Into<Box<dyn Error>>> From<E> for Reject {
    #[cold]
    fn from(error: E) -> Reject {
        let error = error.into();
        if is_stop(error.as_ref()) {
            return Reject(Cause::Run(AppError::stopped()));
        }
        Reject(Cause::Row(with_sources(error.as_ref())))
    }
}

impl From<AppError> for Reject {
    #[cold]
    fn from(error: AppError) -> Reject {
        Reject(Cause::Run(error))
    }
}

/// Makes a [`Reject`] as `format!` makes a string: `return Err(reject!("fare {fare} is negative"))`.
#[macro_export]
macro_rules! reject {
    ($($reason:tt)+) => {
        $crate::Reject::new(::core::format_args!($($reason)+))
    };
}

/// Why the host did not do what a [`Sink`](crate::Sink) was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkError {
    /// This document or call is refused: too large, not representable, out of place. Others are taken.
    Refused(String),
    /// The run is over (cancelled, or a limit is reached). Return at once; nothing more is taken.
    Stopped,
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SinkError::Refused(reason) => f.write_str(reason),
            SinkError::Stopped => f.write_str("the host ended the run"),
        }
    }
}

impl Error for SinkError {}

/// The error and what it says about its causes, without saying twice what an outer error repeats.
fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        source = cause.source();
    }
    text
}

/// Whether the host's stop lies anywhere below this error.
fn is_stop(error: &(dyn Error + 'static)) -> bool {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(sink) = error.downcast_ref::<SinkError>() {
            return *sink == SinkError::Stopped;
        }
        // The error inside an `io::Error` is not its source, but what it is.
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && inner.downcast_ref::<SinkError>() == Some(&SinkError::Stopped)
        {
            return true;
        }
        link = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejecting(error: impl Into<Reject>) -> Reject {
        error.into()
    }

    #[test]
    fn a_refusal_rejects_the_row_and_a_stop_ends_the_run() {
        let refused = rejecting(SinkError::Refused("too large".into()));
        assert_eq!((refused.ends_run(), refused.to_string()), (false, "too large".to_owned()));
        assert!(rejecting(SinkError::Stopped).ends_run());
        assert!(rejecting(io::Error::other(SinkError::Stopped)).ends_run());
        assert!(rejecting(AppError::new("out of disk")).ends_run());
        assert!(AppError::from(SinkError::Stopped).is_stopped());
        assert!(!AppError::from(SinkError::Refused(String::new())).is_stopped());
    }

    #[test]
    fn strings_and_errors_become_either_kind_by_the_question_mark() {
        fn app() -> Result<(), AppError> {
            Err("plain words")?
        }
        fn row() -> Result<(), Reject> {
            Err(format!("row {}", 7))?
        }
        assert_eq!(app().unwrap_err().to_string(), "plain words");
        assert_eq!(row().unwrap_err().to_string(), "row 7");
        assert_eq!(AppError::new("b").context("a").to_string(), "a: b");
    }

    #[test]
    fn causes_are_told_once() {
        #[derive(Debug)]
        struct Outer(io::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("cannot read the rates")
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        let error = AppError::from(Outer(io::Error::other("disk on fire")));
        assert_eq!(error.to_string(), "cannot read the rates: disk on fire");
    }
}
