"""What sequor.py makes of files of PyTorch's, packed rows, and plans that carry or lend their output, for PublishedTests.

Prints one line for each check; fails where one does not hold. PyTorch is tried where it is here.
"""

import os
import sys
import tempfile

import sequor

GRU = {"layers": [{"type": "gru", "input": 2, "hidden": 3}, {"type": "linear", "outputs": 2}]}
X = [[[0.5, -1.0], [0.25, 2.0]], [[1.0, 0.5], [-0.5, 0.75]], [[-2.0, 1.0], [1.5, -0.25]]]


def check(what, holds):
    print(f"{'holds' if holds else 'FAILS'}: {what}")
    if not holds:
        sys.exit(1)


def lists(values):
    """Nested lists, whatever reads them: without numpy they are lists already."""
    return values.tolist() if hasattr(values, "tolist") else [lists(v) if hasattr(v, "__len__") else v for v in values]


def near(ours, theirs):
    return all(abs(a - b) < 1e-5 for a, b in zip(flat(ours), flat(theirs), strict=True))


def flat(values):
    return [number for value in lists(values) for number in (flat(value) if hasattr(value, "__len__") else [value])]


def made(backend, description, seed):
    model = sequor.Model(description)
    model.initialize(backend, seed)
    return model


def files(backend, folder):
    path = os.path.join(folder, "weights.safetensors")
    model, other = made(backend, GRU, 1), made(backend, GRU, 2)
    model.save_torch(path, modules={"0": "rnn", "1": "head"})
    check("values before a file is loaded are others", flat(other.read("0.weight_hh_l0")) != flat(model.read("0.weight_hh_l0")))
    other.load_torch(path, modules={"0": "rnn", "1": "head"})
    check("what save_torch wrote, load_torch reads",
          all(flat(other.read(name)) == flat(model.read(name)) for name in model.shapes))
    alone = sequor.Model({"layers": [{"type": "gru", "input": 2, "hidden": 3}]})
    alone.load_torch(path, backend, modules={"0": "rnn"}, ignore=["head"])
    check("and leaves out what it is told to", flat(alone.read("0.bias_ih_l0")) == flat(model.read("0.bias_ih_l0")))
    try:
        alone.load_torch(path, modules={"0": "rnn"})
        check("what is left over is refused", False)
    except sequor.Error as error:
        check("what is left over is refused", "head" in str(error))


def packed(backend):
    model = made(backend, GRU, 3)
    plan = sequor.Plan(model, backend, 3, 2, variable_lengths=True)
    rows = [X[0][0], X[0][1], X[1][0], X[1][1], X[2][0]]
    whole = lists(plan.forward(X, [3, 2]).read())
    expected = [[whole[step][b]] for step, b in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0))]
    output = plan.forward_packed(rows, [3, 2])
    check("packed rows of the host give the rows of whole sequences", near(output.read(), expected) and output.shape == (5, 1, 2))
    for shape in ((5, 2), (5, 1, 2)):
        tensor = sequor.Tensor(backend, shape)
        tensor.write(rows if len(shape) == 2 else [[row] for row in rows])
        check(f"and so do those of a tensor {list(shape)}", near(plan.forward_packed(tensor, [3, 2]).read(), expected))
    with_torch(plan, rows, expected)


def with_torch(plan, rows, expected):
    try:
        import torch
    except ImportError:
        print("not tried: PyTorch is not here")
        return
    sequences = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor(X), torch.tensor([3, 2]))
    check("a PackedSequence has the rows that were packed here", sequences.data.tolist() == rows)
    check("the data of a PackedSequence are read in place",
          near(plan.forward_packed(sequences.data, [3, 2]).read(), expected))


def carry(backend):
    model = made(backend, GRU, 4)
    whole = lists(sequor.Plan(model, backend, 3, 2).forward(X).read())
    plan = sequor.Plan(model, backend, 2, 2, carry=True)
    first = lists(plan.forward(X[:2]).read())
    state = plan.stream_state()
    second = lists(plan.forward(X[2:]).read())
    check("windows of a plan with carry are those of one sequence", near(first + second, whole))
    plan.set_stream_state(state)
    check("it goes on again from a copy", lists(plan.forward(X[2:]).read()) == second)
    plan.reset()
    check("and begins anew", lists(plan.forward(X[:2]).read()) == first)


def gradient_in_output(backend):
    gradients = []
    for lends in (False, True):
        plan = sequor.Plan(made(backend, GRU, 5), backend, 3, 2, gradient_in_output=lends)
        loss = sequor.Loss(plan, "mse")
        plan.forward(X)
        loss.set_targets([[[0.0, 1.0], [1.0, 0.0]]] * 3)
        loss.backward()
        gradients.append(flat(plan.gradient("0.weight_hh_l0").read()))
        try:
            plan.output()
            there = True
        except sequor.Error as error:
            there = "gradient_in_output" not in str(error)
        check(f"there is {'no' if lends else 'an'} output behind the loss", there is not lends)
    check("the gradients are the same", gradients[0] == gradients[1] and any(gradients[0]))


def main():
    backend = sequor.Backend("cpu", threads=1)
    with tempfile.TemporaryDirectory() as folder:
        files(backend, folder)
    packed(backend)
    carry(backend)
    gradient_in_output(backend)


main()
