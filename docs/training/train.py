"""Step 2: labelled squares → the weights of station/imaging/confidence.py as ONNX.

    python docs/training/train.py TRAIN.npz CHECK.npz OUT.onnx --epochs 10 --seed 0

Needs jax and onnx beside the station's own packages. Prints the log loss and the area under the ROC curve on
CHECK.npz, which must be made of other fingers (another seed).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 24
CONVOLUTIONS = (("c1", 3, 12, 5), ("c2", 12, 24, 3), ("c3", 24, 32, 3))
"""name, planes in, planes out, side; each halves the picture: 24, 12, 6, 3."""
HIDDEN = 48
FLAT = 32 * 3 * 3
BATCH, RATE, DECAY = 256, 2e-3, 1e-4
Weights = dict[str, tuple[Any, Any]]


def begin(rng: np.random.Generator) -> Weights:
    weights: Weights = {}
    for name, planes_in, planes_out, side in CONVOLUTIONS:
        shape, scale = (planes_out, planes_in, side, side), (2.0 / (planes_in * side * side)) ** 0.5
        weights[name] = (rng.normal(0, scale, shape).astype(np.float32), np.zeros(planes_out, np.float32))
    for name, size, out in (("d1", FLAT, HIDDEN), ("d2", HIDDEN, 1)):
        scale = (2.0 / size) ** 0.5
        weights[name] = (rng.normal(0, scale, (size, out)).astype(np.float32), np.zeros(out, np.float32))
    return weights


def logits(weights: Weights, x: Any) -> Any:
    for name, _, _, side in CONVOLUTIONS:
        kernel, bias = weights[name]
        x = jax.lax.conv_general_dilated(x, kernel, (2, 2), [(side // 2, side // 2)] * 2)
        x = jax.nn.relu(x + bias[None, :, None, None])
    x = x.reshape(x.shape[0], -1)
    x = jax.nn.relu(x @ weights["d1"][0] + weights["d1"][1])
    return (x @ weights["d2"][0] + weights["d2"][1])[:, 0]


def loss(weights: Weights, x: Any, y: Any) -> Any:
    z = logits(weights, x)
    return jnp.mean(jnp.logaddexp(0.0, z) - y * z) + DECAY * sum(jnp.sum(w**2) for w, _ in weights.values())


@jax.jit
def step(weights: Weights, m: Any, v: Any, x: Any, y: Any, t: Any, rate: Any) -> tuple[Weights, Any, Any]:
    """One step of Adam."""
    slope = jax.grad(loss)(weights, x, y)
    m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, slope)
    v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, slope)

    def moved(w: Any, a: Any, b: Any) -> Any:
        return w - rate * (a / (1 - 0.9**t)) / (jnp.sqrt(b / (1 - 0.999**t)) + 1e-8)

    return jax.tree.map(moved, weights, m, v), m, v


def train(x: Any, y: Any, epochs: int, seed: int) -> Weights:
    """Mirrored across the direction half the time, contrast varied, rate falling as a cosine."""
    rng = np.random.default_rng(seed)
    weights = begin(rng)
    m, v = (jax.tree.map(np.zeros_like, weights) for _ in range(2))
    count = len(x) // BATCH
    for t in range(epochs * count):
        if t % count == 0:
            order = rng.permutation(len(x))
        rows = order[(t % count) * BATCH :][:BATCH]
        batch = x[rows].astype(np.float32)
        batch = batch[:, :, ::-1] if rng.random() < 0.5 else batch
        batch[:, :2] *= rng.uniform(0.75, 1.3, (BATCH, 1, 1, 1)).astype(np.float32)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * t / (epochs * count)))
        weights, m, v = step(weights, m, v, batch, y[rows], float(t + 1), rate)
    return jax.tree.map(np.asarray, weights)


def check(weights: Weights, x: Any, y: Any) -> str:
    run = jax.jit(logits)
    z = np.concatenate(
        [np.asarray(run(weights, x[k : k + 512].astype(np.float32))) for k in range(0, len(x), 512)]
    )
    rank = np.empty(len(z))
    rank[np.argsort(z)] = np.arange(len(z))
    area = (rank[y == 1].mean() - (y.sum() - 1) / 2) / (y == 0).sum()
    cost = np.mean(np.logaddexp(0, z) - y * z)
    return f"{len(z)} squares, {y.mean():.3f} minutiae, log loss {cost:.4f}, area {area:.4f}\n"


def as_onnx(weights: Weights) -> onnx.ModelProto:
    nodes, tensors, last = [], [], "squares"

    def add(kind: str, name: str, inputs: list[str], **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    for name, pair in weights.items():
        for part, values in zip(("w", "b"), pair, strict=True):
            tensors.append(numpy_helper.from_array(np.asarray(values, np.float32), name + part))
    for name, _, _, side in CONVOLUTIONS:
        pads = [side // 2] * 4
        last = add(
            "Conv", name, [last, name + "w", name + "b"], strides=[2, 2], kernel_shape=[side, side], pads=pads
        )
        last = add("Relu", name + "r", [last])
    last = add("Flatten", "flat", [last], axis=1)
    last = add("Relu", "d1r", [add("Gemm", "d1", [last, "d1w", "d1b"])])
    add("Gemm", "logit", [last, "d2w", "d2b"])
    entry = helper.make_tensor_value_info("squares", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    result = helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph(nodes, "minutia_confidence", [entry], [result], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("train", type=Path)
    parser.add_argument("check", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    given, other = np.load(args.train), np.load(args.check)
    weights = train(given["squares"], given["labels"].astype(np.float32), args.epochs, args.seed)
    sys.stdout.write(check(weights, other["squares"], other["labels"].astype(np.float32)))
    onnx.save(as_onnx(weights), args.out)


if __name__ == "__main__":
    main()
