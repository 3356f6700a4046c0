//! Documents as raw BSON bytes: whether they are what they claim, how they are numbered, how they read as JSON. Pure.
//!
//! A worker's bytes are hostile until [`validate()`] has passed over them once. After that they are never decoded: a
//! numbered `_id` is written over its placeholder in place ([`id`]), a sink stores the bytes as they are or writes them
//! as text ([`extjson`]).
//!
//! ```text
//!   worker ──▶ validate ──▶ DocumentId::number_in_place ──▶ MongoDB: the bytes themselves
//!                                                      └──▶ embedded sink: id_text, extjson::append
//! ```

pub mod extjson;
pub mod id;
pub mod id_text;
mod row;
pub mod validate;

mod date;
mod decimal;
mod elements;
mod escape;
mod invalid;
mod kind;
mod scan;

pub use elements::NotValidated;
pub use id::DocumentId;
pub use id::IdError;
pub use id_text::id_text;
pub use invalid::Invalid;
pub use row::{Fault, Placed, check_row};
pub use validate::{Checked, MAX_DEPTH, validate};
