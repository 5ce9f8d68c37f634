"""Reading protobuf messages of files."""

from google.protobuf.message import DecodeError

from maskpose.errors import InputError


def parse(message, data, complaint):
    """Fill ``message`` from ``data`` and give it; InputError says ``complaint`` where the bytes are not one."""
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise InputError(complaint) from None
    return message
