"""Fixtures of single instructions: values and gradients of PyTorch for every instruction of `sdk/src/tensor/op.rs`.

`ops.json` lists the cases: `name`, `op` (as serde writes the Rust enum), the numbers of inputs and outputs, and `gradients`, the
inputs whose gradient is recorded. `ops.safetensors` holds `NAME/input.I`, `NAME/output.I`, `NAME/grad_output` (the gradient that
reaches output 0), `NAME/grad_output.1` where one reaches output 1, and `NAME/grad.I`.
"""

import torch

import op_cases_elements
import op_cases_fused
import op_cases_rows
import op_cases_transformer
from op_cases import Case
from recording import FIXTURES, prefixed, write, write_json


# The cases that are recorded in bf16 too: one of each instruction whose inputs are all of one type.
BF16 = set(
    "unary.Silu unary.Exp unary.Gelu unary.Log affine binary.Add.both binary.Mul.both binary.Div.both permute broadcast slice "
    "write_slice concat reduce.Sum.02 reduce.Mean.02 reduce.Max.ties matmul.batch linear.bias.2x3x4 embedding rms_norm.2x3x8 "
    "layer_norm.bias.2x3x8 softmax gated.Silu gated.Gelu attention.grouped.causal "
    "gated.halves.Silu bias_activation.Gelu split".split()
)


def run(case: Case, seed):
    """The case's inputs, outputs and gradients."""
    inputs = [x.clone().requires_grad_(i in case.gradients) for i, x in enumerate(case.inputs)]
    outputs = case.function(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    recorded = {f"input.{i}": x for i, x in enumerate(case.inputs)} | {f"output.{i}": y for i, y in enumerate(outputs)}
    if case.gradients:
        grad = torch.randn(outputs[0].shape, generator=torch.Generator().manual_seed(seed)).to(outputs[0].dtype)
        recorded["grad_output"] = grad
        if case.both:
            second = torch.randn(outputs[1].shape, generator=torch.Generator().manual_seed(seed + 1)).to(outputs[1].dtype)
            recorded["grad_output.1"] = second
            torch.autograd.backward(outputs[:2], [grad, second])
        else:
            outputs[0].backward(grad)
        recorded |= {f"grad.{i}": inputs[i].grad for i in case.gradients}
    return recorded, len(outputs)


def rounded(case: Case):
    """The case with all its floats in bf16, as `NAME.bf16`."""
    inputs = [x.to(torch.bfloat16) if x.is_floating_point() else x for x in case.inputs]
    return Case(f"{case.name}.bf16", case.op, inputs, case.function, case.gradients, case.both)


def make():
    """Writes `ops.json` and `ops.safetensors`."""
    cases = [*op_cases_elements.cases(), *op_cases_rows.cases(), *op_cases_transformer.cases(), *op_cases_fused.cases()]
    cases += [rounded(case) for case in cases if case.name in BF16]
    cases += op_cases_elements.casts()
    tensors, manifest = {}, []
    for seed, case in enumerate(cases):
        recorded, outputs = run(case, seed)
        if any(entry["name"] == case.name for entry in manifest):
            raise SystemExit(f"ops: two cases are called {case.name}")
        tensors |= prefixed(case.name, recorded)
        entry = {"name": case.name, "op": case.op, "inputs": len(case.inputs), "outputs": outputs}
        manifest.append(entry | {"gradients": list(case.gradients)})
    write(FIXTURES / "ops.safetensors", tensors)
    write_json(FIXTURES / "ops.json", manifest)
