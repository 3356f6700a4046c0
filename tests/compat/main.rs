//! Files that are no apps, and apps that were built otherwise.

mod loadable;
mod refused;
mod twins;
