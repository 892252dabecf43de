"""Writes the fixtures of the parity tests. `python make_fixtures.py [decoders] [encoders] [lora] [generation] [ops]
[optimizer] [oscar] [chats] [flops] [frozen] [quantized] [published] [candle] [gguf]`

Needs the packages of `requirements.txt`. Without an argument it writes everything. The later kinds read models that the
earlier ones wrote.
"""

import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers

import candle_models
import chats
import decoders
import encoders
import flops
import frozen
import generation
import gguf_models
import lora
import ops
import optimizer
import oscar
import published
import quantized

KINDS = {
    "decoders": decoders,
    "encoders": encoders,
    "lora": lora,
    "generation": generation,
    "ops": ops,
    "optimizer": optimizer,
    "oscar": oscar,
    "chats": chats,
    "flops": flops,
    "frozen": frozen,
    "quantized": quantized,
    "published": published,
    "candle": candle_models,
    "gguf": gguf_models,
}


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    for kind in sys.argv[1:] or KINDS:
        if kind not in KINDS:
            sys.exit(f"make_fixtures: no kind {kind!r}; there are {', '.join(KINDS)}")
        KINDS[kind].make()
        print(f"make_fixtures: wrote {kind}")


if __name__ == "__main__":
    main()
