"""Protobuf messages of files: Caffe's own, without Caffe."""

import functools
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from maskpose.errors import InputError

DESCRIPTOR = Path(__file__).with_name("caffe.descriptor")  # of caffe.proto; `make proto` takes it from Caffe
M = TypeVar("M", bound=Message)


def parse(message: M, data: bytes, complaint: str) -> M:
    """Parse ``data`` into ``message`` and return that. Raises InputError that says ``complaint`` if it fails."""
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise InputError(complaint) from None
    return message


def caffe_message(name: str) -> Any:
    """Return an empty message of caffe.proto, such as "NetParameter".

    Its class is of a pool of its own: a Caffe in the same process, of whatever version, has another.
    """
    return _caffe_classes()[f"caffe.{name}"]()


@functools.cache
def _caffe_classes():
    """{full name: class} of caffe.proto's messages."""
    file = descriptor_pb2.FileDescriptorProto.FromString(DESCRIPTOR.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = [f"{file.package}.{message.name}" for message in file.message_type]
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in names}
