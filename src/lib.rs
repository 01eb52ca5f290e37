//! musonym
pub mod domain;
pub mod generate;
pub mod ollama;
pub mod store;
