"""The Caffe Python layer that feeds training: photographs, mask labels and heatmaps from an LMDB.

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

The keys of ``param_str`` are the fields of ``maskpose.data.settings.DataSettings``; its ``outputs`` are the tops.
"""

import dataclasses
import sys

import caffe

from maskpose.data.batches import array_shapes
from maskpose.data.database import Reader
from maskpose.data.prefetch import open_batches
from maskpose.data.settings import DataSettings
from maskpose.errors import InputError


class HandDataLayer(caffe.Layer):
    """Tops: image (N, 3, m, m), mask label (N, 1, m/8, m/8), heatmaps (N, 22, m/8, m/8), as ``outputs`` says."""

    def setup(self, bottom, top):
        """Read the settings, look at the database, shape the tops."""
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

    def reshape(self, bottom, top):
        """Shapes never change after setup."""
        for i, shape in enumerate(array_shapes(self.settings).values()):
            top[i].reshape(*shape)  # pycaffe's vector of tops can be indexed, not iterated

    def forward(self, bottom, top):
        """Hand the next batch over."""
        try:
            if self.batches is None:
                self.batches = open_batches(self.settings, self.first)
            arrays = self.batches.next()
        except Exception as error:
            _report(error)
            raise
        for i, array in enumerate(arrays.values()):
            top[i].data[...] = array

    def backward(self, top, propagate_down, bottom):
        """Data has no gradient."""

    def seek(self, batch):
        """Go on from batch number ``batch``: how a trainer resumes."""
        self.close()
        self.first = batch

    @property
    def waited(self):
        """Seconds spent waiting for batches."""
        return self.batches.waited if self.batches else 0.0

    def close(self):
        """End the workers."""
        if self.batches:
            self.batches.close()
            self.batches = None


def _report(error):
    # within the `caffe` binary an exception only aborts: say what it was
    if not getattr(sys.modules.get("__main__"), "__file__", None):
        print(f"error: {error}", file=sys.stderr, flush=True)
