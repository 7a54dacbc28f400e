"""Tensors in both directions with what is here of numpy and PyTorch, for PublishedTests.

Prints which of them make and ask for versioned capsules (DLPack 1.0), and one line for each check; fails where one does not hold.
"""

import sys
import weakref

import sequor

VERSIONED, PLAIN = "versioned", "plain"


class Seen:
    """Hands an object on by DLPack and keeps what it was asked for and what kind of capsule went over."""

    def __init__(self, inner):
        self.inner, self.asked, self.kind = inner, [], None

    def __dlpack_device__(self):
        return self.inner.__dlpack_device__()

    def __dlpack__(self, **order):
        self.asked.append(order)
        capsule = self.inner.__dlpack__(**order)
        self.kind = VERSIONED if '"dltensor_versioned"' in repr(capsule) else PLAIN
        return capsule


def check(what, holds):
    print(f"{'holds' if holds else 'FAILS'}: {what}")
    if not holds:
        sys.exit(1)


def refused(kind, call, says=""):
    try:
        call()
    except kind as error:
        return says in str(error)
    return False


def share(name, backend, module, as_list, make):
    """Both ways with a library whose arrays as_list reads and make makes; returns the kinds of the capsules, theirs and ours."""
    tensor = sequor.Tensor(backend, (2, 3))
    tensor.write([[0, 1, 2], [3, 4, 5]])
    ours = Seen(tensor)
    view = module.from_dlpack(ours)
    check(f"{name} reads a tensor, {ours.kind}, asked by {ours.asked[-1]}", as_list(view) == [[0, 1, 2], [3, 4, 5]])
    tensor.write([[6, 7, 8], [9, 10, 11]])
    check(f"{name} sees what is written later", as_list(view) == [[6, 7, 8], [9, 10, 11]])
    left = [[6, 7, 8], [9, 10, 11]]
    # Older numpy makes arrays that may not be written of all that it is given, whatever that says.
    if getattr(getattr(view, "flags", None), "writeable", True):
        view += 1
        left = [[7, 8, 9], [10, 11, 12]]
        check(f"{name} writes it in place", list(map(list, tensor.read())) == left)
    else:
        print(f"not tried: {name} holds what it is given for read-only")
    tensor.close()
    check(f"the memory stays while {name} has it", as_list(view) == left)

    theirs = make([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]])
    kept = weakref.ref(theirs)
    given = Seen(theirs)
    taken = sequor.Tensor.from_dlpack(backend, given, write=True)
    check(f"an array of {name} is taken, {given.kind}", list(map(list, taken.read()))[1] == [4, 5, 6, 7])
    taken.write([[1] * 4] * 3)
    check(f"and written in place for {name}", as_list(theirs) == [[1] * 4] * 3)
    taken.close()
    rows = sequor.Tensor.from_dlpack(backend, theirs[1:])
    check(f"rows of an array of {name}, which begin later", rows.shape == (2, 4) and list(rows.read()[0]) == [1] * 4)
    rows.close()
    row = sequor.Tensor.from_dlpack(backend, theirs[2, 1:])
    check(f"a part of a row of {name}, at 4 bytes", row.shape == (3,))
    row.close()
    empty = sequor.Tensor.from_dlpack(backend, theirs[:0])
    check(f"no rows of {name}", empty.shape == (0, 4))
    empty.close()
    check(f"columns of {name} are refused in words",
          refused(sequor.Error, lambda: sequor.Tensor.from_dlpack(backend, theirs[:, 1:]), "contiguous"))
    del given, theirs, taken, rows, row, empty
    check(f"{name} got back all that it gave", kept() is None)
    return given_kind(backend, make), ours.kind


def given_kind(backend, make):
    given = Seen(make([[1.0]]))
    sequor.Tensor.from_dlpack(backend, given).close()
    return given.kind


def with_numpy(backend):
    try:
        import numpy
    except ImportError:
        return []
    def make(rows):
        return numpy.array(rows, dtype=numpy.float32)

    kinds = share(f"numpy {numpy.__version__}", backend, numpy, lambda array: array.tolist(), make)
    constant = make([[1, 2]])
    constant.flags.writeable = False
    if kinds[0] == VERSIONED:
        read = sequor.Tensor.from_dlpack(backend, constant)
        check("what may not be written is read in place", list(read.read()[0]) == [1, 2])
        check("and is not written", refused(sequor.Error, lambda: read.write([[3, 4]])))
        read.close()
        check("nor taken to be written",
              refused(sequor.Error, lambda: sequor.Tensor.from_dlpack(backend, constant, write=True), "read-only"))
        tensor = sequor.Tensor(backend, (2,))
        check("a copy is refused by its name", refused(BufferError, lambda: numpy.from_dlpack(tensor, copy=True)))
        check("the own device is granted", numpy.from_dlpack(tensor, device="cpu").shape == (2,))
        tensor.close()
    check("numbers of double precision are refused in words",
          refused(sequor.Error, lambda: sequor.Tensor.from_dlpack(backend, numpy.zeros(3)), "float64"))
    return kinds


def with_torch(backend):
    try:
        import torch
    except ImportError:
        return []
    def make(rows):
        return torch.tensor(rows, dtype=torch.float32)

    kinds = share(f"PyTorch {torch.__version__}", backend, torch, lambda tensor: tensor.tolist(), make)
    check("numbers of half precision are refused in words",
          refused(sequor.Error, lambda: sequor.Tensor.from_dlpack(backend, torch.zeros(3).half()), "float16"))
    # Older versions raise a RuntimeError.
    check("what PyTorch follows for gradients it does not give",
          refused((BufferError, RuntimeError), lambda: sequor.Tensor.from_dlpack(backend, torch.zeros(3, requires_grad=True))))
    return kinds


def main():
    backend = sequor.Backend("cpu", threads=1)
    kinds = [*with_numpy(backend), *with_torch(backend)]
    backend.close()
    check("nothing is left", sequor.live_handles() == 0)
    print(f"capsules of DLPack 1.0: {'some' if VERSIONED in kinds else 'none'}")


main()
