//! The thin door: arguments to `cli::run`, its answer to the operating system. Nothing is decided here.
#![forbid(unsafe_code)]

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
