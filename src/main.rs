//! The program: parse, then dispatch.

use std::process::ExitCode;

fn main() -> ExitCode {
    musonym::cli::main()
}
