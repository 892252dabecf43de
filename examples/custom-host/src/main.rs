//! A custom `scaledown`: the whole command line with selected built-in plugins and three more, a
//! retriever, a reranker and a device.
//!
//! ```sh
//! cargo build -p scaledown-custom-host
//! target/debug/scaledown-custom-host plugin list
//! ```

mod lookup;
mod overlap;
mod tally;

fn main() -> std::process::ExitCode {
    scaledown::main()
}
