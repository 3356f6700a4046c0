//! Files that are no apps, and apps that were built otherwise.

mod frozen_abi;
mod loadable;
mod refused;
mod twins;
