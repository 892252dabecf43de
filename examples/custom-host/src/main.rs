//! A `scaledown` of one's own: the whole command line with chosen built-in plugins, and a plugin
//! that is written here.
//!
//! ```sh
//! cargo build -p scaledown-custom-host
//! target/debug/scaledown-custom-host plugin list
//! ```

mod overlap;

fn main() -> std::process::ExitCode {
    scaledown::main()
}
