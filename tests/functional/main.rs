//! What an honest app gets, whatever the data is like.

mod check;
mod citizen;
mod csv;
mod identity;
mod new;
mod usage;
