"""Reading an LMDB file by plain reads; each place in the file is checked before it is used.

The LMDB library maps the file into memory and trusts it. A page beyond the end of a truncated file, a damaged offset or
a read error of the disk then ends the process by a signal, without a message. Here they are an InputError. No lock is
taken: the file may lie on read-only media, and another process may read it.

The layout (lmdb.h and mdb.c of LMDB 0.9, data version 1, 64 bits): A file is pages of one size. The first two are meta
pages; the one with the larger transaction number counts. A database is a B+ tree of branch and leaf pages. A value that
is too large for a leaf lies in overflow pages of its own.
"""

import os
import struct
from array import array
from bisect import bisect_left
from pathlib import Path
from typing import NamedTuple

from maskpose.errors import InputError, reason
from maskpose.io.paths import PathLike

MAGIC, DATA_VERSION = 0xBEEFC0DE, 1
BRANCH, LEAF, OVERFLOW, META = 1, 2, 4, 8  # kinds of pages
KINDS = BRANCH | LEAF | OVERFLOW | META
BIG = 1  # a node's flag: its value is in overflow pages
NO_PAGE = 2**64 - 1  # the root of an empty tree
PAGE_SIZES = [1 << n for n in range(8, 17)]
HEADER = struct.Struct("=QHHHH")  # number, padding, kind, end of the list of node places, start of the nodes
LENGTH = struct.Struct("=QHHI")  # of an overflow page: number, padding, kind, count of pages in a row
META_BODY = struct.Struct("=IIQQ")  # magic, version, address, map's size; then two trees and META_END
TREE = struct.Struct("=IHHQQQQQ")  # page size, flags, depth, branch, leaf and overflow pages, entries, root
META_END = struct.Struct("=QQ")  # last page, transaction
NODE = struct.Struct("=HHHH")  # low and high half of the value's length, flags, length of the key
PAGE_NUMBER = struct.Struct("=Q")


class Meta(NamedTuple):
    """The contents of a meta page."""

    transaction: int
    page_size: int
    flags: int
    entries: int
    root: int
    last_page: int


class LmdbFile:
    """The main database of ``folder``/data.mdb, open for reading: its ``keys`` in their order, and ``get``."""

    def __init__(self, folder: PathLike):
        """Read all keys and the places of their values.

        Raises:
            InputError: there is no such file, it cannot be read, or it is not a whole LMDB.
        """
        self.path = Path(folder)
        self.keys: list[bytes] = []
        self._places, self._lengths = array("Q"), array("Q")  # of each key's value in the file, bytes
        try:
            self._file = os.open(self.path / "data.mdb", os.O_RDONLY | os.O_NONBLOCK)  # else a pipe would wait
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {reason(error)}") from None
        try:
            self._bytes = self._size()
            self._meta = max(self._read_metas())
            self._index()
        except BaseException:
            os.close(self._file)
            raise

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None. Raises InputError if its place is damaged or cannot be read."""
        at = bisect_left(self.keys, key)
        if at == len(self.keys) or self.keys[at] != key:
            return None
        place, length = self._places[at], self._lengths[at]
        page, within = divmod(place, self._meta.page_size)
        if within != HEADER.size:  # it lies in a leaf: there a node's header comes before each value
            return self._read(place, length)
        data = self._read(place - HEADER.size, HEADER.size + length)
        number, _, kind, pages = LENGTH.unpack_from(data)
        if number != page or kind & KINDS != OVERFLOW or len(data) > pages * self._meta.page_size:
            raise self._damaged(f"page {page} does not begin the value of {key.decode('ascii', 'backslashreplace')}")
        return data[HEADER.size :]

    def close(self) -> None:
        """Release the file."""
        os.close(self._file)

    def _size(self) -> int:
        try:
            return os.fstat(self._file).st_size
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {reason(error)}") from None

    def _read(self, place: int, length: int) -> bytes:
        """Return ``length`` bytes at a place. Raises InputError if some are missing: an open file may be truncated."""
        if place + length > self._bytes:
            raise self._truncated(place + length)
        try:
            data = os.pread(self._file, length, place)
            while len(data) < length and (more := os.pread(self._file, length - len(data), place + len(data))):
                data += more  # a single call reads 2 GB at most
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {reason(error)}") from None
        if len(data) < length:
            raise self._truncated(place + length)
        return data

    def _truncated(self, needed: int) -> InputError:
        return InputError(
            f"{self.path} is truncated: data.mdb has {self._size()} of {needed} bytes; copy or make it again"
        )

    def _damaged(self, what: str) -> InputError:
        return InputError(f"{self.path} is damaged: in data.mdb, {what}; copy or make it again")

    def _read_metas(self) -> tuple[Meta, Meta]:
        """Return both meta pages, checked as LMDB checks them."""
        first = self._meta_at(0)
        return first, self._meta_at(first.page_size)

    def _meta_at(self, place: int) -> Meta:
        data = self._read(place, HEADER.size + META_BODY.size + 2 * TREE.size + META_END.size)
        magic, version, _, _ = META_BODY.unpack_from(data, at := HEADER.size)
        free = TREE.unpack_from(data, at := at + META_BODY.size)
        main = TREE.unpack_from(data, at := at + TREE.size)
        last_page, transaction = META_END.unpack_from(data, at + TREE.size)
        if HEADER.unpack_from(data)[2] & KINDS != META or magic != MAGIC or free[0] not in PAGE_SIZES:
            raise InputError(f"{self.path} cannot be read as an LMDB: data.mdb does not begin like one, or is damaged")
        if version != DATA_VERSION:
            raise InputError(
                f"{self.path} cannot be read: its LMDB format has version {version}, this program reads {DATA_VERSION}"
            )
        return Meta(transaction, free[0], main[1], main[6], main[7], last_page)

    def _index(self) -> None:
        """Walk through the tree and read every page once."""
        size, flags = self._meta.page_size, self._meta.flags
        if flags:
            raise InputError(f"{self.path}: its main database is of a kind that this program does not read")
        visited, pending = set(), [] if self._meta.root == NO_PAGE else [self._meta.root]
        while pending:
            number = pending.pop()
            if number in visited or not 1 < number <= self._meta.last_page:
                raise self._damaged(f"page {number} cannot be part of the tree")
            visited.add(number)
            page = self._read(number * size, size)
            stored_number, _, kind, end, _ = HEADER.unpack_from(page)
            if (
                stored_number != number
                or kind & KINDS not in (BRANCH, LEAF)
                or not HEADER.size <= end <= size
                or end % 2
            ):
                raise self._damaged(f"page {number} is no page of the tree")
            places = struct.unpack_from(f"={(end - HEADER.size) // 2}H", page, HEADER.size)
            if places and not end <= min(places) <= max(places) <= size - NODE.size:
                raise self._damaged(f"page {number} is no page of the tree")
            if kind & BRANCH:
                children = (NODE.unpack_from(page, place)[:3] for place in places)
                pending += [low | high << 16 | top << 32 for low, high, top in children][::-1]
            else:
                for place in places:
                    self._add(page, number, place)
        if len(self.keys) != self._meta.entries:
            raise self._damaged(f"{self._meta.entries} keys are stated, {len(self.keys)} are stored")
        if any(key >= following for key, following in zip(self.keys, self.keys[1:])):
            raise self._damaged("keys are not in their order")

    def _add(self, page: bytes, number: int, place: int) -> None:
        """Add the key of the node at ``place`` of a leaf, and where its value is."""
        size = self._meta.page_size
        low, high, flags, key_length = NODE.unpack_from(page, place)
        length, value = low | high << 16, place + NODE.size + key_length
        end = value + (PAGE_NUMBER.size if flags & BIG else length)
        if end > size:
            raise self._damaged(f"page {number} has a value that is longer than its page")
        value_place = number * size + value
        if flags & BIG:
            (first,) = PAGE_NUMBER.unpack_from(page, value)
            if not 1 < first <= self._meta.last_page:
                raise self._damaged(f"page {first} cannot be a value's")
            value_place = first * size + HEADER.size
            if value_place + length > self._bytes:
                raise self._truncated(value_place + length)
        self.keys.append(page[place + NODE.size : value])
        self._places.append(value_place)
        self._lengths.append(length)
