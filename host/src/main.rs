//! The `scaledown` binary: the host, with the built-in plugins linked in.

use scaledown_bm25 as _;
use scaledown_cpu as _;
use scaledown_deberta as _;
use scaledown_milvus as _;
use scaledown_mistral as _;
use scaledown_modernbert as _;
use scaledown_n_layers as _;
use scaledown_openai as _;
use scaledown_qdrant as _;
use scaledown_splade as _;

fn main() -> std::process::ExitCode {
    scaledown::cli::main()
}
