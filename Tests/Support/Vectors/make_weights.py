#!/usr/bin/env python3
"""Writes, beside itself, modules of PyTorch as safetensors: what TorchWeights must read and write.

torch_NAME.safetensors is the module's state_dict, in single precision, as safetensors.torch.save_file would have it; the
package itself is not needed. torch_NAME_run.safetensors is what the module does with these weights, in double precision:
x and y [T, B, C], a random weight dy for y, and under grad.<name> the gradient of sum(dy * y) for x and each parameter;
classes have none. torch_tcn_removed.safetensors is the TCN's state_dict after remove_weight_norm: what it computes is the
same.

Run it with OPENBLAS_NUM_THREADS=1, so that sums keep one order and the files repeat to the last bit.
"""
import json
import pathlib
import struct
import zlib

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import remove_weight_norm, weight_norm

# ReLU has no derivative at 0: redraw a case that comes so near that single precision could land on the other side.
MARGIN = 1e-4
TYPES = {torch.float32: ("F32", "f"), torch.float64: ("F64", "d"), torch.int64: ("I64", "q")}


class TooNear(Exception):
    """An argument of ReLU is within MARGIN of 0."""


class Relu(nn.Module):
    def forward(self, x):
        if (x.detach().abs() < MARGIN).any():
            raise TooNear
        return F.relu(x)


class Chomp(nn.Module):
    """Cuts the surplus of a convolution that was padded on both sides off the end, which makes it causal."""

    def __init__(self, surplus):
        super().__init__()
        self.surplus = surplus

    def forward(self, x):
        return x[:, :, : -self.surplus]


class TemporalBlock(nn.Module):
    """Bai, Kolter, Koltun 2018, section 3.3, with the module names of github.com/locuslab/TCN."""

    def __init__(self, inputs, outputs, kernel, dilation):
        super().__init__()
        surplus = (kernel - 1) * dilation
        self.conv1 = weight_norm(nn.Conv1d(inputs, outputs, kernel, padding=surplus, dilation=dilation))
        self.conv2 = weight_norm(nn.Conv1d(outputs, outputs, kernel, padding=surplus, dilation=dilation))
        # registers the convolutions again, as net.0 and net.4
        self.net = nn.Sequential(
            self.conv1, Chomp(surplus), Relu(), nn.Dropout(0.2),
            self.conv2, Chomp(surplus), Relu(), nn.Dropout(0.2),
        )
        self.downsample = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else None
        self.relu = Relu()

    def forward(self, x):
        return self.relu(self.net(x) + (x if self.downsample is None else self.downsample(x)))


class TemporalConvNet(nn.Module):
    def __init__(self, inputs, widths, kernel):
        super().__init__()
        sizes = [inputs, *widths]
        self.network = nn.Sequential(
            *(TemporalBlock(sizes[i], sizes[i + 1], kernel, 2**i) for i in range(len(widths)))
        )

    def forward(self, x):
        return self.network(x)


class Tcn(nn.Module):
    """A TCN with a linear layer on the last step, as their adding problem has it; [T, B, C] to [1, B, C]."""

    def __init__(self, inputs, widths, kernel, outputs):
        super().__init__()
        self.tcn = TemporalConvNet(inputs, widths, kernel)
        self.linear = nn.Linear(widths[-1], outputs)

    def forward(self, x):
        return self.linear(self.tcn(x.permute(1, 2, 0))[:, :, -1])[None]


def through(net, x):
    """The outputs of a recurrent network, without its final states, through the layers above it where there are any."""
    first, *above = net if isinstance(net, nn.Sequential) else [net]
    y = first(x)[0]
    for layer in above:
        y = layer(y)
    return y


def normed(net, x):
    """As in training: batch norm takes its statistics over all positions."""
    net.train()
    return net(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def make_norm():
    """A linear module without bias, and a batch norm that has seen some batches."""
    net = nn.Sequential(nn.Linear(3, 5, bias=False), nn.BatchNorm1d(5), nn.Linear(5, 2))
    net[1].running_mean.uniform_(-1, 1)
    net[1].running_var.uniform_(0.5, 2)
    net[1].num_batches_tracked.fill_(7)
    return net


def on_classes(net, x):
    return net(x[:, :, 0].long())


def make_cases():
    yield "rnn", lambda: nn.RNN(3, 4), through, (5, 2, 3)
    yield "lstm", lambda: nn.LSTM(3, 5, num_layers=2, bidirectional=True), through, (6, 3, 3)
    yield "gru", lambda: nn.Sequential(nn.GRU(4, 6), nn.LayerNorm(6), nn.Linear(6, 3)), through, (5, 3, 4)
    # levels with and without a 1x1 convolution; taps, channels in and widths all differ
    # classes [T, B, 1], of which one is padding
    yield "embedding", lambda: nn.Sequential(nn.Embedding(7, 4, padding_idx=2), nn.Linear(4, 3)), on_classes, (6, 3, 1)
    yield "norm", make_norm, normed, (4, 3, 3)
    yield "tcn", lambda: Tcn(2, [5, 5, 4], 3, 1), Tcn.forward, (11, 2, 2)


def run(module, forward, shape):
    for parameter in module.parameters():
        # weights that single precision holds exactly
        parameter.data = (torch.randn(parameter.shape) * 0.5).float().double()
    module.eval()
    if forward is on_classes:
        x = torch.randint(next(module.children()).num_embeddings, shape).double()
    else:
        x = torch.randn(shape).float().double().requires_grad_()
    y = forward(module, x)
    dy = torch.randn(y.shape).float().double()
    leaves = ({"x": x} if x.requires_grad else {}) | dict(module.named_parameters())
    gradients = torch.autograd.grad((dy * y).sum(), list(leaves.values()))
    return {
        "x": x,
        "y": y,
        "dy": dy,
        **{"grad." + name: gradient for name, gradient in zip(leaves, gradients)},
    }


def write(path, tensors, dtype):
    """Eight bytes with the header's length, little-endian; the header in JSON; the values."""
    header, data = {}, b""
    for key, tensor in tensors.items():
        name, letter = TYPES[dtype if tensor.is_floating_point() else tensor.dtype]
        values = tensor.detach().to(dtype if tensor.is_floating_point() else tensor.dtype).flatten().tolist()
        begin = len(data)
        data += struct.pack(f"<{len(values)}{letter}", *values)
        header[key] = {"dtype": name, "shape": list(tensor.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    folder = pathlib.Path(__file__).parent
    for name, make, forward, shape in make_cases():
        # a seed of its own, so that a new case leaves the others as they are
        torch.manual_seed(zlib.crc32(name.encode()))
        while True:
            module = make()
            counted = {key: value.clone() for key, value in module.named_buffers()}
            try:
                arrays = run(module, forward, shape)
                break
            except TooNear:
                pass
        # running statistics as they were before
        state = module.state_dict() | counted
        write(folder / f"torch_{name}.safetensors", state, torch.float32)
        write(folder / f"torch_{name}_run.safetensors", arrays, torch.float64)
        if name == "tcn":
            for block in module.tcn.network:
                remove_weight_norm(block.conv1)
                remove_weight_norm(block.conv2)
            write(folder / "torch_tcn_removed.safetensors", module.state_dict(), torch.float32)


main()
