"""Rendered hands with exact masks and keypoints, to train on beside photographs.

An extra of this package (``pip install 'maskpose[synth]'``): neither training nor inference imports it.
"""
