"""The mask-pose hand cascade of Wang, Peng and Liu, on Caffe: one idea a module."""

__version__ = "0.1.0"
