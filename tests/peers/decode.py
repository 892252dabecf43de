"""The twin of `scaledown bench decode`: greedy decoding with `generate` of transformers."""

import torch

from measuring import SHAPES, arguments, measure, prepare, print_measurements
from models import decoder, tokens


def main():
    options = arguments(__doc__).parse_args()
    prepare(options)
    shape = SHAPES["decode"]
    model = decoder().eval()
    measurements = []
    for batch in shape["batches"]:
        ids = tokens(batch, shape["prompt_tokens"])
        settings = {"attention_mask": torch.ones_like(ids), "do_sample": False, "max_new_tokens": shape["new_tokens"]}
        run = lambda ids=ids, settings=settings: model.generate(ids, **settings)
        if run().shape[1] != shape["prompt_tokens"] + shape["new_tokens"]:
            raise SystemExit("decode: generate stopped early")
        details = {"batch": batch, "prompt_tokens": shape["prompt_tokens"], "new_tokens": shape["new_tokens"]}
        measurements.append(measure(f"decode-{batch}", run, options, details, batch * shape["new_tokens"]))
    print_measurements(measurements)


if __name__ == "__main__":
    main()
