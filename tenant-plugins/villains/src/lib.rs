//! villains
