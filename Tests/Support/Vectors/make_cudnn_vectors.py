#!/usr/bin/env python3
"""Writes cudnn.json beside itself: small float64 vectors made by PyTorch for the calls that cuDNN has and Sequor's
layers do not all use: both directions, sequences of unequal length, nets without biases, strided convolutions.

Run it with OPENBLAS_NUM_THREADS=1. The format is that of torch.json, see make_vectors.py.
"""
import json
import pathlib
import zlib

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def draw(*shape, scale=1.0):
    return torch.round(torch.randn(shape) * scale * 1e4) / 1e4


def case(name, sizes, arrays):
    return {"name": name, "sizes": sizes, "options": {}, "arrays": arrays}


def differentiate(leaves, outputs, constants):
    weights = {"d" + name: draw(*output.shape) for name, output in outputs.items()}
    total = sum((weights["d" + name] * output).sum() for name, output in outputs.items())
    gradients = torch.autograd.grad(total, list(leaves.values()))
    named = {"grad." + name: gradient for name, gradient in zip(leaves, gradients)}
    return {**leaves, **constants, **outputs, **weights, **named}


def recurrent(name, kind, lengths, I, H, layers, directions, P=0, bias=True):
    options = {"num_layers": layers, "bidirectional": directions == 2, "bias": bias}
    if kind == "lstm":
        net = nn.LSTM(I, H, proj_size=P, **options)
    elif kind == "gru":
        net = nn.GRU(I, H, **options)
    else:
        net = nn.RNN(I, H, nonlinearity=kind, **options)
    for key, parameter in net.named_parameters():
        parameter.data = draw(*parameter.shape, scale=0.6)
        if kind == "relu" and "bias" in key:
            # else most units are dead, and their gradients zero
            parameter.data.abs_()
    T, B = max(lengths), len(lengths)
    leaves = {"x": draw(T, B, I), "h0": draw(layers * directions, B, P or H)}
    for b, length in enumerate(lengths):
        leaves["x"][length:, b] = 0
    if kind == "lstm":
        leaves["c0"] = draw(layers * directions, B, H)
    for leaf in leaves.values():
        leaf.requires_grad_()
    state = (leaves["h0"], leaves["c0"]) if kind == "lstm" else leaves["h0"]
    packed, final = net(pack_padded_sequence(leaves["x"], lengths), state)
    y, _ = pad_packed_sequence(packed)
    outputs = {"y": y, "h_n": final} if kind != "lstm" else {"y": y, "h_n": final[0], "c_n": final[1]}
    leaves |= dict(net.named_parameters())
    sizes = {"T": T, "B": B, "I": I, "H": H, "layers": layers, "directions": directions, "bias": int(bias)}
    constants = {"lengths": torch.tensor(lengths)}
    return case(name, sizes | ({"P": P} if P else {}), differentiate(leaves, outputs, constants))


def convolution(name, N, H, W, C, K, R, S, pre, post, stride, dilation):
    """x [N, H, W, C], w [K, R, S, C], y [N, P, Q, K]."""
    leaves = {"x": draw(N, H, W, C).requires_grad_(), "w": draw(K, R, S, C).requires_grad_()}
    padded = F.pad(leaves["x"].permute(0, 3, 1, 2), (pre[1], post[1], pre[0], post[0]))
    y = F.conv2d(padded, leaves["w"].permute(0, 3, 1, 2), stride=stride, dilation=dilation).permute(0, 2, 3, 1)
    sizes = {"N": N, "H": H, "W": W, "C": C, "K": K, "R": R, "S": S, "P": y.shape[1], "Q": y.shape[2]}
    for key, pair in {"pre": pre, "post": post, "stride": stride, "dilation": dilation}.items():
        sizes |= {key + "H": pair[0], key + "W": pair[1]}
    return case(name, sizes, differentiate(leaves, {"y": y}, {}))


def make_cases():
    plans = []
    for kind in ("tanh", "relu", "lstm", "gru"):
        plans.append((recurrent, f"{kind}_even", kind, [4, 4], 3, 2, 1, 1))
        plans.append((recurrent, f"{kind}_uneven", kind, [5, 3, 3, 1], 2, 3, 2, 2))
    plans.append((recurrent, "lstm_projected", "lstm", [4, 2], 3, 5, 2, 2, 2))
    plans.append((recurrent, "gru_no_bias", "gru", [3, 2], 2, 3, 2, 1, 0, False))
    plans.append((recurrent, "lstm_one_step", "lstm", [1], 1, 1, 1, 2))
    plans.append((convolution, "causal", 1, 9, 2, 3, 2, 3, 1, (4, 0), (0, 0), (1, 1), (2, 1)))
    plans.append((convolution, "causal_wide", 1, 6, 3, 4, 8, 2, 1, (3, 0), (0, 0), (1, 1), (3, 1)))
    plans.append((convolution, "strided", 2, 6, 5, 2, 3, 3, 2, (1, 1), (1, 1), (2, 1), (1, 2)))
    for make, name, *arguments in plans:
        # a seed of its own, so that a new case leaves the others as they are
        torch.manual_seed(zlib.crc32(name.encode()))
        yield make(name, *arguments)


def number(value):
    text = f"{value:.12g}"
    return "0" if text == "-0" else text


def write(cases, path):
    """One array a line, so that a change can be read."""
    blocks = []
    for c in cases:
        lines = [
            f"{json.dumps(key)}: " + '{"shape": ' + json.dumps(list(array.shape)) + ', "data": ['
            + ",".join(number(value) for value in array.detach().flatten().tolist()) + "]}"
            for key, array in c["arrays"].items()
        ]
        head = ", ".join(f'"{key}": {json.dumps(c[key])}' for key in ("name", "sizes", "options"))
        blocks.append("{" + head + ', "arrays": {\n' + ",\n".join(lines) + "}}")
    made_with = json.dumps("torch " + torch.__version__)
    path.write_text('{"made_with": ' + made_with + ', "cases": [\n' + ",\n".join(blocks) + "]}\n", encoding="utf-8")


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    write(make_cases(), pathlib.Path(__file__).with_name("cudnn.json"))


main()
