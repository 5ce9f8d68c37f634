"""Pickles from outside: a pickle can run code, so what is not plain data is refused, or stands as an empty stub."""

import pickle

from maskpose.errors import InputError

ALLOWED = {
    (f"numpy.{core}.{module}", name)
    for core in ("core", "_core")
    for module, name in (("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numeric", "_frombuffer"))
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"), ("collections", "OrderedDict")}


class Stub:
    """In the place of an object of a class that is not allowed: takes all that a pickle says of it, and drops it."""

    def __init__(self, *args, **more):
        pass

    def _drop(self, *args):
        pass

    __setstate__ = __setitem__ = append = extend = _drop


class Unpickler(pickle.Unpickler):
    """Makes nothing but numbers, plain containers and NumPy arrays; with ``stubs``, a Stub for each other object."""

    def __init__(self, file, stubs=False, **options):
        super().__init__(file, **options)
        self._stubs = stubs

    def find_class(self, module, name):
        """Raises InputError for anything that ALLOWED does not name, unless there are ``stubs``."""
        if (module, name) in ALLOWED:
            return super().find_class(module, name)
        if self._stubs:
            return Stub
        raise InputError(f"the pickle asks for {module}.{name}: refused, only NumPy arrays are read")

    def persistent_load(self, identity):
        """Of what lies outside the pickle, nothing."""
        return Stub()
