"""Names for the types of Caffe's objects, to annotate with. Caffe describes none of them to a type checker."""

from typing import Any, TypeAlias

Net: TypeAlias = Any  # caffe.Net
Solver: TypeAlias = Any  # what caffe.get_solver returns
NetSpec: TypeAlias = Any  # caffe.NetSpec: a network that is being put together
Top: TypeAlias = Any  # caffe.net_spec.Top: an output of a layer of a NetSpec

# messages of caffe.proto.caffe_pb2
NetParameter: TypeAlias = Any
SolverParameter: TypeAlias = Any
SolverState: TypeAlias = Any
BlobProto: TypeAlias = Any
