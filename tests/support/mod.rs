//! What integration tests share.
#![allow(dead_code, reason = "every test binary includes all of it and uses its own part")]

pub mod fake_ollama;
pub mod server;
