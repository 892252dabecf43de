//! A custom `scaledown`: the whole command line with selected built-in plugins and one more.
//!
//! ```sh
//! cargo build -p scaledown-custom-host
//! target/debug/scaledown-custom-host plugin list
//! ```

mod overlap;

fn main() -> std::process::ExitCode {
    scaledown::main()
}
