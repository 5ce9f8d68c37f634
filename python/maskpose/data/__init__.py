"""Samples, the databases that hold them, and the batches that are made of them."""
