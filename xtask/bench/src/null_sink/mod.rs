//! The *null sink*: as much of a MongoDB server as its drivers need, which acknowledges inserts and stores nothing.
//!
//! With it the cost of a client is seen apart from that of a server. It has to be cheap, or it is what is measured: of an
//! insert it reads the lengths of the documents and nothing else.
//!
//! `wire` reads messages and makes them, `answer` knows what is answered to which command, `arrivals` when what has come and how
//! long it took; all are pure. The program `null_sink` has the threads.

pub mod answer;
pub mod arrivals;
pub mod wire;
