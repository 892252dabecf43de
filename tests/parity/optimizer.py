"""Fixtures of the optimizer: steps of `torch.optim.AdamW` and `clip_grad_norm_`.

`optimizer.json` holds the settings; `optimizer.safetensors` holds `adamw/parameter`, and after step `I` (from 1)
`adamw/grad.I`, `adamw/parameter.I`, `adamw/m.I`, `adamw/v.I`; and `clip/LIMIT/grad.I`, `clip/LIMIT/norm`, `clip/LIMIT/clipped.I`.
"""

import torch

from op_cases import random
from recording import FIXTURES, write, write_json

SETTINGS = {"lr": [1e-2, 5e-3, 5e-3, 0.0, 1e-3], "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1}
# The norm of the gradients is about 5: one limit clips them, the other does not.
LIMITS = [1.0, 100.0]


def adamw():
    """Five steps with a rate of its own for each, one of them 0."""
    parameter = torch.nn.Parameter(random(4, 3))
    recorded = {"adamw/parameter": parameter.detach().clone()}
    betas = (SETTINGS["beta1"], SETTINGS["beta2"])
    optimizer = torch.optim.AdamW([parameter], betas=betas, eps=SETTINGS["eps"], weight_decay=SETTINGS["weight_decay"])
    for step, lr in enumerate(SETTINGS["lr"], start=1):
        optimizer.param_groups[0]["lr"] = lr
        # One element's gradient is always 0: its second moment too, and eps alone keeps the step finite.
        parameter.grad = random(4, 3, seed=step) * (torch.arange(12).reshape(4, 3) > 0)
        optimizer.step()
        state = optimizer.state[parameter]
        recorded[f"adamw/grad.{step}"] = parameter.grad
        recorded[f"adamw/parameter.{step}"] = parameter.detach().clone()
        recorded[f"adamw/m.{step}"] = state["exp_avg"].clone()
        recorded[f"adamw/v.{step}"] = state["exp_avg_sq"].clone()
    return recorded


def clip(limit):
    """The norm of all gradients together, and the clipped gradients."""
    parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in ((4, 3), (7,), ())]
    recorded = {}
    for i, parameter in enumerate(parameters):
        parameter.grad = random(*parameter.shape, seed=i)
        recorded[f"clip/{limit}/grad.{i}"] = parameter.grad.clone()
    recorded[f"clip/{limit}/norm"] = torch.nn.utils.clip_grad_norm_(parameters, limit)
    return recorded | {f"clip/{limit}/clipped.{i}": parameter.grad for i, parameter in enumerate(parameters)}


def make():
    """Writes `optimizer.json` and `optimizer.safetensors`."""
    recorded = adamw()
    for limit in LIMITS:
        recorded |= clip(limit)
    write(FIXTURES / "optimizer.safetensors", recorded)
    write_json(FIXTURES / "optimizer.json", {"adamw": SETTINGS, "clip": LIMITS})
