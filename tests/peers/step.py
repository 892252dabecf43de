"""The twin of `scaledown bench step`: one OSCAR training step of N-layers, in PyTorch eager."""

import torch

from measuring import SHAPES, arguments, measure, prepare, print_measurements
from models import NLayers, decoder, prompt, token_loss, tokens, with_lora

LAMBDA = 0.05


def make_step(checkpointing):
    """A function that makes one step: both forward passes, backward, clipping, AdamW."""
    shape = SHAPES["step"]
    base = decoder(checkpointing)
    compressor, generator = NLayers(base).train(), with_lora(base).train()
    if checkpointing:
        generator.enable_input_require_grads()
    adapter = [parameter for parameter in generator.parameters() if parameter.requires_grad]
    parameters = [*compressor.parameters(), *adapter]
    groups = [{"params": list(compressor.parameters()), "lr": 5e-5}, {"params": adapter, "lr": 1e-4}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.1)
    pairs = tokens(shape["batch"] * shape["documents"], shape["query_tokens"] + shape["document_tokens"])
    tail = tokens(shape["batch"], shape["query_tokens"] + shape["answer_tokens"])
    teacher = torch.randn(len(pairs))
    embed = generator.get_input_embeddings()

    def step():
        vectors, scores = compressor(pairs)
        output = generator(inputs_embeds=prompt(embed, vectors, shape["documents"], tail), use_cache=False)
        relevance = ((scores - teacher) ** 2).sum() / shape["batch"]
        loss = token_loss(output.logits, tail, shape["answer_tokens"]) + LAMBDA * relevance
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return step


def saved_bytes(step):
    """The bytes of all tensors that autograd keeps for the backward pass, parameters not counted twice."""
    storages = {}

    def pack(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        step()
    return sum(storages.values())


def main():
    parser = arguments(__doc__)
    parser.add_argument("--checkpointing", action="store_true", help="recompute each layer in the backward pass")
    options = parser.parse_args()
    prepare(options)
    shape = SHAPES["step"]
    count = shape["batch"] * shape["documents"] * (shape["query_tokens"] + shape["document_tokens"])
    step = make_step(options.checkpointing)
    name = "step-checkpointing" if options.checkpointing else "step"
    result = measure(name, step, options, shape, count)
    print_measurements([result | {"saved_bytes": saved_bytes(step)}])


if __name__ == "__main__":
    main()
