"""Protobuf messages of files."""

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from maskpose.errors import InputError

M = TypeVar("M", bound=Message)


def parse(message: M, data: bytes, complaint: str) -> M:
    """Parse ``data`` into ``message`` and return that. Raises InputError that says ``complaint`` if it fails."""
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise InputError(complaint) from None
    return message
