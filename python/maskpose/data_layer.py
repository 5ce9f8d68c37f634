"""The Caffe Python layer that feeds training with images, mask labels and heatmaps from an LMDB.

In a prototxt::

    layer {
      name: "data"  type: "Python"
      top: "data"  top: "mask_label"  top: "heatmap_label"
      python_param {
        module: "maskpose.data_layer"
        layer: "HandDataLayer"
        param_str: '{"db": "data/onehand10k/train.lmdb", "batch_size": 13}'
      }
    }

The keys of ``param_str`` are the fields of ``maskpose.data.settings.DataSettings``. Its ``outputs`` are the tops.
"""

import dataclasses
import sys
from typing import Any

import caffe

from maskpose.data.batches import array_shapes
from maskpose.data.database import Reader
from maskpose.data.prefetch import open_batches
from maskpose.data.settings import DataSettings
from maskpose.errors import InputError


class HandDataLayer(caffe.Layer):
    """Its tops are image (N, 3, m, m), mask label (N, 1, m/8, m/8) and heatmaps (N, 22, m/8, m/8), or some of them.

    Caffe calls ``setup``, ``reshape``, ``forward`` and ``backward`` with its own vectors of bottoms and tops.
    """

    def setup(self, bottom: Any, top: Any) -> None:
        """Read the settings and check the databases. Raises InputError."""
        self.batches = None
        self.first = 0
        try:
            settings = DataSettings.from_json(self.param_str)
            if caffe.solver_count() > 1:
                settings = dataclasses.replace(settings, rank=caffe.solver_rank(), ranks=caffe.solver_count())
            self.settings = settings
            if len(top) != len(self.settings.outputs):
                raise InputError(f"the data layer has {len(top)} tops but outputs {self.settings.outputs}")
            for path in self.settings.shares:
                Reader(path).close()
        except InputError as error:
            _report(error)
            raise

    def reshape(self, bottom: Any, top: Any) -> None:
        """Shape the tops; every batch has the same shapes."""
        for i, shape in enumerate(array_shapes(self.settings).values()):
            top[i].reshape(*shape)  # pycaffe's vector of tops can be indexed, not iterated

    def forward(self, bottom: Any, top: Any) -> None:
        """Copy the next batch into the tops."""
        try:
            if self.batches is None:
                self.batches = open_batches(self.settings, self.first)
            arrays = self.batches.next()
        except Exception as error:
            _report(error)
            raise
        for i, array in enumerate(arrays.values()):
            top[i].data[...] = array

    def backward(self, top: Any, propagate_down: Any, bottom: Any) -> None:
        """Do nothing: data has no gradient."""

    def seek(self, batch: int) -> None:
        """Let the next batch be number ``batch``, with which a trainer resumes."""
        self.close()
        self.first = batch

    @property
    def waited(self) -> float:
        """Seconds spent waiting for batches."""
        return self.batches.waited if self.batches else 0.0

    def close(self) -> None:
        """End the workers."""
        if self.batches:
            self.batches.close()
            self.batches = None


def _report(error):
    # the `caffe` binary aborts at an exception without its message
    if not getattr(sys.modules.get("__main__"), "__file__", None):
        print(f"error: {error}", file=sys.stderr, flush=True)
