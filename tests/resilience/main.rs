//! Deaths: who is blamed for them, what is kept, and what a second run makes of it.

mod blame;
mod limits;
mod neighbours;
mod power_failure;
