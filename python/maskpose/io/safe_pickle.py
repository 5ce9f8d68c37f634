"""Pickles from outside, read without calling anything that they name.

A pickle is a program for a small stack machine, and its instructions may call any function. ``load`` runs the program
on values of its own: numbers, texts, lists, dictionaries, and NumPy arrays of plain numbers. It makes the arrays itself
from bytes whose length it has checked. Any other function or class that a pickle names is refused, or becomes OPAQUE.
All protocols are read, and all arrays and scalars that Python 2 and 3, NumPy 1 and 2 write.

Sizes are limited before anything is made: by MOST_BYTES, MOST_STEPS and DEEPEST. The result may have at most MOST_STEPS
more values than the file has bytes; a value counts as often as the pickle uses it.
"""

import codecs
import io
import math
import pickletools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np

from maskpose.errors import InputError
from maskpose.io.files import read_bytes
from maskpose.io.paths import PathLike

MOST_BYTES = 1 << 30  # of a file
MOST_STEPS = 10_000_000  # instructions; the Rendered Handpose Dataset's training set has 3.4 million
DEEPEST = 64  # lists and dictionaries in one another
NEWEST = 5  # protocol
CORES = ("numpy.core", "numpy._core")  # of NumPy 1 and 2
KNOWN = {
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
    ("collections", "OrderedDict"): "dict",
    ("builtins", "bytes"): "bytes",
    ("__builtin__", "bytes"): "bytes",
    **{(f"{core}.multiarray", "_reconstruct"): "blank" for core in CORES},
    **{(f"{core}.multiarray", "scalar"): "scalar" for core in CORES},
    **{(f"{core}.numeric", "_frombuffer"): "frombuffer" for core in CORES},
}  # fmt: skip
LATIN_1 = ("latin1", "latin-1")
PLAIN = re.compile("b1|[iu][1248]|f[248]")  # dtypes of plain numbers
ORDERS = ("<", ">", "|", "=")  # of bytes, in a dtype's state
KEYS = (str, bytes, int, float, type(None))  # types of a dictionary's keys; other keys are left out


def load(path: PathLike, refuse: bool = True) -> Any:
    """Return what a pickle holds: numbers, str, bytes, None, List, Dict, NumPy arrays and OPAQUE.

    Args:
        path: of the file. Texts of Python 2 are read as Latin-1.
        refuse: whether a function or class that does not make a NumPy array is an error; otherwise its result is
            OPAQUE.

    Raises:
        InputError: the file cannot be read, is damaged, exceeds a limit, or names what is refused.
    """
    data = read_bytes(path)
    try:
        return _Machine(data, refuse).run()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (ArithmeticError, LookupError, TypeError, ValueError, MemoryError) as error:
        raise InputError(f"{path} is not a pickle, or damaged: {error}") from None


class Opaque:
    """Stands for everything that is not plain data; it holds nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "an object that is not read"


OPAQUE = Opaque()


class _Container:
    """What List and Dict know of themselves.

    ``size`` counts the values within, each as often as it is used. ``depth`` is that of containers in one another. A
    container that is ``used`` in another one must not grow any more, so that none holds itself.
    """

    __slots__ = ()

    size: int
    depth: int
    used: bool

    def add(self, values: Sequence[Any]) -> None:
        """Add values; for a dictionary, keys and values alternate."""
        raise NotImplementedError

    def _count(self, values: Iterable[Any]) -> None:
        for value in values:
            self.size += 1
            if isinstance(value, _Container):
                self.size += value.size
                self.depth = max(self.depth, value.depth + 1)
                value.used = True
            elif isinstance(value, np.ndarray):
                self.size += value.size
        if self.used:
            raise InputError("the pickle changes a list that another list, or the list itself, holds already")
        if self.depth > DEEPEST:
            raise InputError(f"the pickle has more than {DEEPEST} lists in one another")


class List(_Container, list):
    """A list, tuple or set."""

    __slots__ = ("depth", "size", "used")

    def __init__(self, values: Sequence[Any] = ()):
        super().__init__(values)
        self.size, self.depth, self.used = 0, 1, False
        self._count(self)

    def add(self, values: Sequence[Any]) -> None:
        """Append ``values``."""
        self._count(values)
        self.extend(values)


class Dict(_Container, dict):
    """A dictionary."""

    __slots__ = ("depth", "size", "used")

    def __init__(self):
        super().__init__()
        self.size, self.depth, self.used = 0, 1, False

    def add(self, values: Sequence[Any]) -> None:
        """Set keys to values; they alternate in ``values``."""
        if len(values) % 2:
            raise ValueError("a key without a value")
        pairs = [(key, value) for key, value in zip(values[::2], values[1::2]) if isinstance(key, KEYS)]
        self._count([value for _, value in pairs])
        self.update(pairs)


class _Name:
    """A function or class that the pickle names; ``what`` is its value in KNOWN."""

    __slots__ = ("what",)

    def __init__(self, what: str):
        self.what = what


class _Blank:
    """An array that is not filled yet; ``keys`` are those that it has in the memo."""

    __slots__ = ("keys",)

    def __init__(self) -> None:
        self.keys: list[Any] = []


class _Kind:
    """A dtype: ``code`` such as f8, and ``order`` of its bytes. Without a code, it is not one of plain numbers."""

    __slots__ = ("code", "order")

    code: str | None
    order: Any

    def __init__(self, code: Any):
        self.code, self.order = code if isinstance(code, str) and PLAIN.fullmatch(code) else None, "="


class _Machine:
    """Runs one pickle."""

    def __init__(self, data: bytes, refuse: bool):
        if len(data) > MOST_BYTES:
            raise InputError(f"the pickle has {len(data)} bytes, at most {MOST_BYTES} are read")
        self._file, self._refuse = io.BytesIO(data), refuse
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[Any, Any] = {}
        self._bytes, self._most = len(data), len(data) + MOST_STEPS

    def run(self) -> Any:
        """Return what the pickle leaves on the stack."""
        read, stack = self._file.read, self._stack
        for _ in range(MOST_STEPS):
            code = read(1)
            if code == STOP:
                return stack.pop()
            if code not in INSTRUCTIONS:
                raise ValueError(f"there is no instruction {code!r}" if code else "it ends too early")
            execute, argument = INSTRUCTIONS[code]
            execute(self, argument(self._file)) if argument else execute(self)
            if stack and isinstance(stack[-1], _Container) and stack[-1].size > self._most:
                raise InputError(f"the pickle grows to more than {self._most} values")
        raise InputError(f"the pickle has more than {MOST_STEPS} instructions")

    def push(self, value):
        self._stack.append(value)

    def push_integer(self, value):
        self.push(value if -(1 << 63) <= value < 1 << 64 else OPAQUE)

    def push_opaque(self, *identity):
        self.push(OPAQUE)

    def pop(self):
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._stack.pop()

    def mark(self):
        self._marks.append(len(self._stack))

    def since_mark(self):
        """Remove the values above the last mark from the stack and return them."""
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    def put(self, key):
        value = self._stack[-1]
        self._memo[key] = value
        if isinstance(value, _Blank):
            value.keys.append(key)

    def get(self, key):
        self.push(self._memo[key])

    def tuple_of(self, count):
        self._stack[-count:] = [List(self._stack[-count:])]

    def dictionary(self):
        flat = self.since_mark()
        self.push(Dict())
        self.add(flat)

    def add(self, values):
        """Add ``values`` to the list or dictionary on the stack; OPAQUE takes none."""
        container = self._stack[-1]
        if isinstance(container, _Container):
            container.add(values)

    def set_item(self):
        *_, key, value = self._stack
        del self._stack[-2:]
        self.add([key, value])

    def name(self, both):
        """Push the function or class that ``both`` names: a module, a space, its own name."""
        module, _, name = both.partition(" ")
        what = KNOWN.get((module, name))
        if what is None and self._refuse:
            raise InputError(f"the pickle asks for {both.replace(' ', '.')[:80]}: refused, only NumPy arrays are read")
        self.push(OPAQUE if what is None else _Name(what))

    def name_from_stack(self):
        name, module = self._stack.pop(), self._stack.pop()
        self.name(f"{module} {name}" if isinstance(module, str) and isinstance(name, str) else "?")

    def extension(self, number):
        self.name(f"copyreg extension_{number}")

    def instance(self, both):
        arguments = self.since_mark()
        self.name(both)
        self.push(List(arguments))
        self.call()

    def instance_from_stack(self):
        function, *arguments = self.since_mark()
        self._stack += [function, List(arguments)]
        self.call()

    def new_object(self, arguments=1):
        del self._stack[-1 - arguments :]
        self.push(OPAQUE)

    def call(self):
        """Replace a function and its arguments by what we make of them."""
        arguments, function = self._stack.pop(), self._stack.pop()
        if isinstance(function, _Name) and isinstance(arguments, List):
            make: Callable[..., Any] = getattr(self, f"make_{function.what}")
            self.push(make(*arguments))
        else:
            self.push(OPAQUE)

    def make_ndarray(self, *arguments):
        return OPAQUE  # no pickle that NumPy writes calls it

    def make_blank(self, kind, shape, code):
        return _Blank() if isinstance(kind, _Name) and kind.what == "ndarray" else OPAQUE

    def make_dtype(self, code, *more):
        return _Kind(code)

    def make_scalar(self, kind, data=None):
        array = self.array(List(), kind, data)
        return array.item() if isinstance(array, np.ndarray) else OPAQUE

    def make_frombuffer(self, data, kind, shape, order, axes=None):
        array = self.array(shape, kind, data, order == "F")
        is_transposed = order == "K" and axes is not None and isinstance(array, np.ndarray)
        return cast(np.ndarray, array).transpose(axes) if is_transposed else array

    def make_encode(self, text, encoding):
        return self.latin_1(text) if isinstance(text, str) and encoding in LATIN_1 else OPAQUE

    def make_bytes(self, *arguments):
        return OPAQUE if arguments else b""

    def make_dict(self, pairs=()):
        made = Dict()
        for pair in pairs:
            made.add(pair)
        return made

    def latin_1(self, text):
        self._bytes -= len(text)
        if self._bytes < 0:
            raise InputError("the pickle grows: it has more bytes than its file")
        return text.encode("latin-1")

    def build(self):
        """Fill the array or dtype on the stack with the state above it; other objects take no state."""
        state, built = self._stack.pop(), self._stack[-1]
        if isinstance(built, _Blank):
            shape, kind, fortran, data = state[-4:]
            array = self.array(shape, kind, data, fortran)
            self._stack[-1] = array
            self._memo.update(dict.fromkeys(built.keys, array))
        elif isinstance(built, _Kind):
            order, *fields = state[1:5]
            built.order = order
            if order not in ORDERS or any(field is not None for field in fields):
                built.code = None

    def array(self, shape, kind, data, fortran=False):
        """Return the array of ``shape`` in ``data``; OPAQUE if it has no plain numbers, or ``data`` another length."""
        data = self.latin_1(data) if isinstance(data, str) else data
        if not isinstance(kind, _Kind) or kind.code is None or not isinstance(data, (bytes, bytearray)):
            return OPAQUE
        if not all(type(side) is int and side >= 0 for side in shape):
            return OPAQUE
        dtype = np.dtype(kind.code).newbyteorder(kind.order)
        if math.prod(shape) * dtype.itemsize != len(data):
            return OPAQUE
        return np.ndarray(tuple(shape), dtype, data, order="F" if fortran else "C")


def _line_of_text(file):
    """Read a str of Python 2, quoted and escaped on a line of its own, as Latin-1."""
    line = file.readline().strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise ValueError("a text without quotes")
    return codecs.escape_decode(line[1:-1])[0].decode("latin-1")


def _protocol(machine, number):
    if number > NEWEST:
        raise InputError(f"the pickle is of protocol {number}, at most {NEWEST} is read")


def _outside(machine):
    raise InputError("the pickle keeps arrays in other files")


def _instructions():
    """Return {code: (what it does to a _Machine, how its argument is read from the file, or None)}."""
    does = {
        **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"), _Machine.push_integer),
        **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
                        _Machine.push),
        **dict.fromkeys(("BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "FLOAT", "BINFLOAT"),
                        _Machine.push),
        "NONE": lambda machine: machine.push(None),
        "NEWTRUE": lambda machine: machine.push(True),
        "NEWFALSE": lambda machine: machine.push(False),
        **dict.fromkeys(("EMPTY_LIST", "EMPTY_TUPLE", "EMPTY_SET"), lambda machine: machine.push(List())),
        "EMPTY_DICT": lambda machine: machine.push(Dict()),
        **dict.fromkeys(("LIST", "TUPLE", "FROZENSET"), lambda machine: machine.push(List(machine.since_mark()))),
        "TUPLE1": lambda machine: machine.tuple_of(1),
        "TUPLE2": lambda machine: machine.tuple_of(2),
        "TUPLE3": lambda machine: machine.tuple_of(3),
        "DICT": _Machine.dictionary,
        "APPEND": lambda machine: machine.add([machine._stack.pop()]),
        **dict.fromkeys(("APPENDS", "ADDITEMS", "SETITEMS"), lambda machine: machine.add(machine.since_mark())),
        "SETITEM": _Machine.set_item,
        "POP": _Machine.pop, "POP_MARK": _Machine.since_mark,
        "DUP": lambda machine: machine.push(machine._stack[-1]), "MARK": _Machine.mark,
        **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
        "MEMOIZE": lambda machine: machine.put(len(machine._memo)),
        **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
        "GLOBAL": _Machine.name, "STACK_GLOBAL": _Machine.name_from_stack,
        **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _Machine.extension),
        "INST": _Machine.instance, "OBJ": _Machine.instance_from_stack,
        "NEWOBJ": _Machine.new_object, "NEWOBJ_EX": lambda machine: machine.new_object(2),
        "REDUCE": _Machine.call, "BUILD": _Machine.build,
        "PERSID": _Machine.push_opaque,
        "BINPERSID": lambda machine: machine.new_object(0),
        "PROTO": _protocol, "FRAME": lambda machine, length: None,
        **dict.fromkeys(("NEXT_BUFFER", "READONLY_BUFFER"), _outside),
    }  # fmt: skip
    readers = {opcode.name: opcode.arg and opcode.arg.reader for opcode in pickletools.opcodes}
    readers["STRING"] = _line_of_text  # pickletools takes ASCII alone
    codes = {opcode.name: opcode.code.encode("latin-1") for opcode in pickletools.opcodes}
    return {codes[name]: (execute, readers[name]) for name, execute in does.items()}


STOP = b"."
INSTRUCTIONS = _instructions()
