"""What Pillow raises for damaged images and metadata: it checks little before it unpacks."""

import struct
import zlib

from PIL import Image

PILLOW_ERRORS = (
    OSError, ValueError, SyntaxError, EOFError, ArithmeticError, LookupError, TypeError, AttributeError, RuntimeError,
    AssertionError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip
