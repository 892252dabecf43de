"""Seeded random weights at which a wrong formula shows."""

import torch


def randomize(module, seed, gain=1.2, embedding=1.0, norm=1.0):
    """Overwrites every parameter of `module`, in the order of its state dict, with values that bf16 represents exactly.

    Standard deviations: embeddings `embedding`, matrices `gain / sqrt(fan-in)`, norm weights 0.2 around `norm`, biases 0.2.
    (The initial values of the libraries, matrices of 0.02 and norms of 1, hide mistakes: attention is uniform and a norm's
    weight does nothing.)
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("bias"):
                value = 0.2 * noise
            elif parameter.dim() == 1:
                value = norm + 0.2 * noise
            elif "embed" in name:
                value = embedding * noise
            else:
                value = gain * noise / parameter.shape[-1] ** 0.5
            parameter.copy_(value.to(torch.bfloat16))
    return module
