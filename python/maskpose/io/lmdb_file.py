"""Reading an LMDB file by plain reads, each place checked first.

The LMDB library maps the file into memory and trusts it: a page beyond the end of a truncated file, a damaged offset or
a read error of the disk ends the process by a signal, without a word. Here they are an InputError. No lock is taken, so
that read-only media serve, and files that another process is reading.

The layout (lmdb.h and mdb.c of LMDB 0.9, data version 1, 64 bits): pages of one size, the first two of them meta pages,
of which the one with the larger transaction number holds. A database is a B+ tree of branch and leaf pages; a value too
large for a leaf lies in overflow pages of its own.
"""

import os
import struct
from array import array
from bisect import bisect_left
from pathlib import Path
from typing import NamedTuple

from maskpose.errors import InputError, reason

MAGIC, DATA_VERSION = 0xBEEFC0DE, 1
BRANCH, LEAF, OVERFLOW, META = 1, 2, 4, 8  # kinds of pages
KINDS = BRANCH | LEAF | OVERFLOW | META
BIG = 1  # a node's flag: its value is in overflow pages
NO_PAGE = 2**64 - 1  # the root of an empty tree
PAGE_SIZES = [1 << n for n in range(8, 17)]
HEADER = struct.Struct("=QHHHH")  # number, padding, kind, end of the list of nodes' places, start of the nodes
LENGTH = struct.Struct("=QHHI")  # of an overflow page: number, padding, kind, how many pages follow one another
META_BODY = struct.Struct("=IIQQ")  # magic, version, address, map's size; then two trees and META_END
TREE = struct.Struct("=IHHQQQQQ")  # page size, flags, depth, branch, leaf and overflow pages, entries, root
META_END = struct.Struct("=QQ")  # last page, transaction
NODE = struct.Struct("=HHHH")  # low and high half of the value's length, flags, length of the key
PAGE_NUMBER = struct.Struct("=Q")


class Meta(NamedTuple):
    """What a meta page says."""

    transaction: int
    page_size: int
    flags: int
    entries: int
    root: int
    last_page: int


class LmdbFile:
    """The main database of ``folder``/data.mdb, open for reading: ``keys``, in their order, and ``get``."""

    def __init__(self, folder: str | os.PathLike):
        """Read all keys, and where their values are.

        Raises:
            InputError: There is no such file, it cannot be read, or it is no whole LMDB.
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
        """The value of a key, or None. Raises InputError where its place is damaged or cannot be read."""
        at = bisect_left(self.keys, key)
        if at == len(self.keys) or self.keys[at] != key:
            return None
        place, length = self._places[at], self._lengths[at]
        page, within = divmod(place, self._meta.page_size)
        if within != HEADER.size:  # in a leaf, where a value always comes after its node's header
            return self._read(place, length)
        data = self._read(place - HEADER.size, HEADER.size + length)
        number, _, kind, pages = LENGTH.unpack_from(data)
        if number != page or kind & KINDS != OVERFLOW or len(data) > pages * self._meta.page_size:
            raise self._damaged(f"page {page} does not begin the value of {key.decode('ascii', 'backslashreplace')}")
        return data[HEADER.size :]

    def close(self) -> None:
        """Release the file."""
        os.close(self._file)

    def _size(self):
        try:
            return os.fstat(self._file).st_size
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {reason(error)}") from None

    def _read(self, place, length):
        """So many bytes at a place. Raises InputError unless they are all there, as after truncating an open file."""
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

    def _truncated(self, needed):
        return InputError(
            f"{self.path} is truncated: data.mdb has {self._size()} of {needed} bytes; copy or make it again"
        )

    def _damaged(self, what):
        return InputError(f"{self.path} is damaged: in data.mdb, {what}; copy or make it again")

    def _read_metas(self):
        """The two Metas; both are checked, as LMDB does."""
        first = self._meta_at(0)
        return first, self._meta_at(first.page_size)

    def _meta_at(self, place):
        data = self._read(place, HEADER.size + META_BODY.size + 2 * TREE.size + META_END.size)
        magic, version, _, _ = META_BODY.unpack_from(data, at := HEADER.size)
        free = TREE.unpack_from(data, at := at + META_BODY.size)
        main = TREE.unpack_from(data, at := at + TREE.size)
        last_page, transaction = META_END.unpack_from(data, at + TREE.size)
        if HEADER.unpack_from(data)[2] & KINDS != META or magic != MAGIC or free[0] not in PAGE_SIZES:
            raise InputError(f"{self.path} cannot be read as an LMDB: data.mdb does not begin as one, or is damaged")
        if version != DATA_VERSION:
            raise InputError(
                f"{self.path} cannot be read: its LMDB format has version {version}, this program reads {DATA_VERSION}"
            )
        return Meta(transaction, free[0], main[1], main[6], main[7], last_page)

    def _index(self):
        """Walk through the tree; every page is read once."""
        size, flags = self._meta.page_size, self._meta.flags
        if flags:
            raise InputError(f"{self.path}: its main database is of a kind that this program does not read")
        seen, pending = set(), [] if self._meta.root == NO_PAGE else [self._meta.root]
        while pending:
            number = pending.pop()
            if number in seen or not 1 < number <= self._meta.last_page:
                raise self._damaged(f"page {number} cannot be part of the tree")
            seen.add(number)
            page = self._read(number * size, size)
            found, _, kind, end, _ = HEADER.unpack_from(page)
            if found != number or kind & KINDS not in (BRANCH, LEAF) or not HEADER.size <= end <= size or end % 2:
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
            raise self._damaged(f"{self._meta.entries} keys are promised, {len(self.keys)} are there")
        if any(one >= other for one, other in zip(self.keys, self.keys[1:])):
            raise self._damaged("keys are not in their order")

    def _add(self, page, number, place):
        """Take up the node at ``place`` of a leaf."""
        size = self._meta.page_size
        low, high, flags, key_length = NODE.unpack_from(page, place)
        length, value = low | high << 16, place + NODE.size + key_length
        end = value + (PAGE_NUMBER.size if flags & BIG else length)
        if end > size:
            raise self._damaged(f"page {number} has a value that is longer than its page")
        where = number * size + value
        if flags & BIG:
            (first,) = PAGE_NUMBER.unpack_from(page, value)
            if not 1 < first <= self._meta.last_page:
                raise self._damaged(f"page {first} cannot be a value's")
            where = first * size + HEADER.size
            if where + length > self._bytes:
                raise self._truncated(where + length)
        self.keys.append(page[place + NODE.size : value])
        self._places.append(where)
        self._lengths.append(length)
