"""Targets with faults of every kind, which the driver must find."""

import ctypes
import os

import mutation
from targets import Target

from maskpose.errors import InputError


def right(data):
    if len(data) % 2:
        raise InputError("odd")
    return True


def raises(data):
    return 1 / data.count(b"x")


def says_hidden(data):
    raise InputErrorOfTwoLines("one\ntwo")


class InputErrorOfTwoLines(InputError):
    def __str__(self):
        return self.args[0]


def grows(data):
    return len(bytearray(len(data) << 20))


def loops(data):
    while b"x" in data:
        pass
    return True


def reads_nowhere(data):
    return b"x" in data and ctypes.string_at(0)


READERS = {"right": right, "raises": raises, "says hidden": says_hidden, "grows": grows, "loops": loops,
           "aborts": lambda data: b"x" in data and os.abort(), "reads nowhere": reads_nowhere}  # fmt: skip
TARGETS = {name: Target(read, lambda: [b"ab"], lambda *given: b"x" * 1000, ()) for name, read in READERS.items()}
TARGETS["right"] = Target(right, lambda: [b"ab"], mutation.change_bytes, ())
