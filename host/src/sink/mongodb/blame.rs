//! Whose fault an error of the server is, by its code. Pure.
//!
//! The codes are MongoDB's, from its `error_codes.yml`; those below 1000 have the same meaning since 3.6.

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// Nobody's: it passes.
    Passing,
    /// The sink's: no document can be stored until somebody has mended it.
    Sink,
    /// A document's: the others can be stored.
    Document,
}

/// A key that must be unique exists; the second code is that of old servers.
pub(super) const DUPLICATE_KEY: [i32; 2] = [11000, 11001];
/// The collection exists.
pub(super) const NAMESPACE_EXISTS: i32 = 48;

/// What passes.
const PASSING: &[i32] = &[
    6,     // HostUnreachable
    7,     // HostNotFound
    24,    // LockTimeout
    39,    // FileStreamFailed
    43,    // CursorNotFound
    46,    // LockBusy
    50,    // MaxTimeMSExpired
    63,    // StaleShardVersion
    64,    // WriteConcernTimeout
    82,    // NoProgressMade
    89,    // NetworkTimeout
    91,    // ShutdownInProgress
    107,   // LockFailed
    112,   // WriteConflict
    117,   // ConflictingOperationInProgress
    133,   // FailedToSatisfyReadPreference
    134,   // ReadConcernMajorityNotAvailableYet
    146,   // ExceededMemoryLimit
    150,   // StaleEpoch
    175,   // QueryPlanKilled
    189,   // PrimarySteppedDown
    202,   // NetworkInterfaceExceededTimeLimit
    237,   // CursorKilled
    249,   // StaleDbVersion
    262,   // ExceededTimeLimit
    365,   // TemporarilyUnavailable
    371,   // UserWritesBlocked
    391,   // ReauthenticationRequired
    462,   // IngressRequestRateLimitExceeded
    9001,  // SocketException
    10058, // NotWritablePrimary, of old servers
    10107, // NotWritablePrimary
    11600, // InterruptedAtShutdown
    11601, // Interrupted
    11602, // InterruptedDueToReplStateChange
    13388, // StaleConfig
    13435, // NotPrimaryNoSecondaryOk
    13436, // NotPrimaryOrSecondary
    14031, // OutOfDiskSpace
];

/// What is the sink's, though the server says it of a document.
const SINK: &[i32] = &[
    11,  // UserNotFound
    13,  // Unauthorized
    18,  // AuthenticationFailed
    20,  // IllegalOperation
    59,  // CommandNotFound
    72,  // InvalidOptions
    73,  // InvalidNamespace
    115, // CommandNotSupported
    166, // CommandNotSupportedOnView
];

/// What is a document's, though the server says it of the whole command: it did not get so far as to tell which.
const DOCUMENT: &[i32] = &[
    15,    // Overflow: nested too deeply
    22,    // InvalidBSON
    10334, // BSONObjectTooLarge
];

/// Of an error that the server gives for one document.
pub(super) fn of_document(code: i32) -> Blame {
    match code {
        code if PASSING.contains(&code) => Blame::Passing,
        code if SINK.contains(&code) => Blame::Sink,
        _ => Blame::Document,
    }
}

/// Of an error that the server gives instead of an answer.
pub(super) fn of_command(code: i32) -> Blame {
    match code {
        code if PASSING.contains(&code) => Blame::Passing,
        code if DOCUMENT.contains(&code) => Blame::Document,
        _ => Blame::Sink,
    }
}

/// Of a write concern that was not fulfilled: it passes, unless it can never be fulfilled.
pub(super) fn of_write_concern(code: i32) -> Blame {
    match code {
        // BadValue, InvalidOptions, UnknownReplWriteConcern, UnsatisfiableWriteConcern
        2 | 72 | 79 | 100 => Blame::Sink,
        _ => Blame::Passing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_no_list_is_the_documents_where_the_server_names_one_and_the_sinks_where_not() {
        for code in [121, 2, 16755, 99_999] {
            assert_eq!(of_document(code), Blame::Document);
            assert_eq!(of_command(code), Blame::Sink);
        }
    }

    #[test]
    fn what_passes_is_nobodys_fault_wherever_it_is_said() {
        for code in [10107, 91, 14031, 11600, 50, 189] {
            let all = [of_document(code), of_command(code), of_write_concern(code)];
            assert_eq!(all, [Blame::Passing; 3]);
        }
    }

    #[test]
    fn who_may_not_write_has_no_document_refused() {
        assert_eq!([of_document(13), of_command(13), of_command(18)], [Blame::Sink; 3]);
    }

    #[test]
    fn a_write_concern_that_can_never_be_fulfilled_does_not_pass() {
        assert_eq!(of_write_concern(64), Blame::Passing);
        assert_eq!(of_write_concern(100), Blame::Sink);
    }
}
