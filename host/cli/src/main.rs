//! The `scaledown` binary.

fn main() -> std::process::ExitCode {
    scaledown::main()
}
