//! What integration tests share.
#![allow(dead_code, unused_imports, reason = "every test binary includes all of it and uses its own part")]

pub mod binary;
pub mod cluster;
pub mod fake_ollama;
pub mod postgres;
pub mod receiver;
pub mod server;
pub mod services;
pub mod worker;
