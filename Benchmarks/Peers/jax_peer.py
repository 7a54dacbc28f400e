#!/usr/bin/env python3
"""Times a training step of the LRU in JAX: forward, loss, backward, Adam, compiled as one function.

The layer is computed as its authors compute it in JAX: a parallel scan over time with the pairs of
a factor and an offset. Prints one JSON object: arch, device, length, batch, hidden, layers,
parameters, threads, jax, tf32, step_ms (median), samples_ms, tokens_per_s.

    jax_peer.py --arch lru --hidden 53 --layers 4 --length 600 --batch 32 --threads 2
"""

import argparse
import json
import math
import os
import statistics
import sys
import time

INPUTS, OUTPUTS = 2, 1  # the adding problem
LOW, HIGH, PHASE = 0.9, 0.999, 6.28
RATE, FIRST, SECOND, EPSILON = 2e-3, 0.9, 0.999, 1e-8  # Adam's


def limit_threads(count):
    """JAX takes as many threads as the process has processors, so it is given that many of them."""
    if not hasattr(os, "sched_setaffinity"):
        sys.exit("jax_peer.py: --threads needs Linux, where a process can be kept to some processors")
    allowed = sorted(os.sched_getaffinity(0))
    if count > len(allowed):
        sys.exit(f"jax_peer.py: --threads must be 1 to {len(allowed)} here, not {count}")
    os.sched_setaffinity(0, allowed[:count])


def linear(random, inputs, outputs):
    bound = 1 / math.sqrt(inputs)
    return {
        "weight": random.uniform(-bound, bound, (outputs, inputs)),
        "bias": random.uniform(-bound, bound, outputs),
    }


def block(random, size, states):
    """The parameters of a linear recurrent unit with norm, gate and skip. Orvieto et al. (2023), section 3."""
    import numpy as np

    nu = np.log(-0.5 * np.log(random.uniform(size=states) * (HIGH**2 - LOW**2) + LOW**2))
    return {
        "nu": nu,
        "theta": np.log(PHASE * random.uniform(size=states)),
        "gamma": 0.5 * np.log(1 - np.exp(-np.exp(nu)) ** 2),
        "b_re": random.normal(size=(states, size)) / math.sqrt(2 * size),
        "b_im": random.normal(size=(states, size)) / math.sqrt(2 * size),
        "c_re": random.normal(size=(size, states)) / math.sqrt(states),
        "c_im": random.normal(size=(size, states)) / math.sqrt(states),
        "d": random.normal(size=size),
        "scale": np.ones(size),
        "shift": np.zeros(size),
        "value": linear(random, size, size),
        "gate": linear(random, size, size),
    }


def model(random, width, blocks):
    return {
        "encoder": linear(random, INPUTS, width),
        "body": [block(random, width, width) for _ in range(blocks)],
        "head": linear(random, width, OUTPUTS),
    }


def measure(options):
    import jax
    import jax.numpy as jnp
    import numpy as np

    def apply(p, x):
        return x @ p["weight"].T + p["bias"]

    def join(first, second):
        return second[0] * first[0], second[0] * first[1] + second[1]

    def unit(p, x):
        mean = x.mean(-1, keepdims=True)
        variance = ((x - mean) ** 2).mean(-1, keepdims=True)
        z = (x - mean) / jnp.sqrt(variance + 1e-5) * p["scale"] + p["shift"]
        decay = jnp.exp(-jnp.exp(p["nu"]) + 1j * jnp.exp(p["theta"]))
        gain = jnp.exp(p["gamma"])[:, None]
        u = z @ (gain * p["b_re"]).T + 1j * (z @ (gain * p["b_im"]).T)
        _, h = jax.lax.associative_scan(join, (jnp.broadcast_to(decay, u.shape), u))
        y = h.real @ p["c_re"].T - h.imag @ p["c_im"].T + p["d"] * z
        y = jax.nn.gelu(y, approximate=False)
        return x + apply(p["value"], y) * jax.nn.sigmoid(apply(p["gate"], y))

    def loss(p, x, y):
        state = apply(p["encoder"], x)
        for each in p["body"]:
            state = unit(each, state)
        return ((apply(p["head"], state.mean(0)) - y) ** 2).mean()

    @jax.jit
    def step(p, first, second, count, x, y):
        gradient = jax.grad(loss)(p, x, y)
        count += 1
        first = jax.tree_util.tree_map(lambda m, g: FIRST * m + (1 - FIRST) * g, first, gradient)
        second = jax.tree_util.tree_map(lambda v, g: SECOND * v + (1 - SECOND) * g * g, second, gradient)
        rate = RATE * jnp.sqrt(1 - SECOND**count) / (1 - FIRST**count)
        p = jax.tree_util.tree_map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), p, first, second
        )
        return p, first, second, count

    # Left to itself, JAX multiplies by TF32 on the GPUs that have it.
    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if options.tf32 else "float32")
    device = jax.devices(options.device)[0]
    random = np.random.default_rng(options.seed)
    p = jax.tree_util.tree_map(
        lambda values: jax.device_put(np.asarray(values, np.float32), device),
        model(random, options.hidden, options.layers),
    )
    zeros = jax.tree_util.tree_map(jnp.zeros_like, p)
    x = jax.device_put(random.uniform(size=(options.length, options.batch, INPUTS)).astype(np.float32), device)
    y = jax.device_put(random.uniform(size=(options.batch, OUTPUTS)).astype(np.float32), device)
    state = (p, zeros, zeros, jnp.float32(0))
    # At least one, as the first one compiles.
    for _ in range(max(1, options.warmup)):
        state = jax.block_until_ready(step(*state, x, y))
    # A GPU that did nothing is slow at first.
    end = time.perf_counter() + options.warmup_seconds
    while time.perf_counter() < end:
        state = jax.block_until_ready(step(*state, x, y))
    samples = []
    for _ in range(options.steps):
        start = time.perf_counter()
        state = jax.block_until_ready(step(*state, x, y))
        samples.append(1e3 * (time.perf_counter() - start))
    median = statistics.median(samples)
    return {
        "arch": options.arch,
        "device": options.device,
        "length": options.length,
        "batch": options.batch,
        "hidden": options.hidden,
        "layers": options.layers,
        "parameters": sum(values.size for values in jax.tree_util.tree_leaves(p)),
        "threads": options.threads or os.cpu_count(),
        "jax": jax.__version__,
        "tf32": options.tf32,
        "step_ms": round(median, 4),
        "samples_ms": [round(s, 4) for s in samples],
        "tokens_per_s": round(1e3 * options.length * options.batch / median, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="prints the names of --arch, and ends")
    parser.add_argument("--arch", choices=["lru"])
    parser.add_argument("--length", type=int, default=600)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--hidden", type=int, help="channels and states, as bench tells them")
    parser.add_argument("--layers", type=int, help="blocks")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0 leaves it to JAX")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--warmup-seconds", type=float, default=0, help="more warm-up, for a GPU")
    parser.add_argument("--tf32", action="store_true", help="TF32 for products")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.list:
        import jax  # noqa: F401  that it can be loaded is part of the answer

        print("lru")
        return
    for name in ("arch", "hidden", "layers"):
        if not getattr(options, name):
            parser.error(f"--{name} is needed")
    # Before JAX is loaded, which counts the processors then.
    if options.threads:
        limit_threads(options.threads)
    print(json.dumps(measure(options)), flush=True)


if __name__ == "__main__":
    main()
