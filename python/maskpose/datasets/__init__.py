"""Readers of the data sets, each a module that yields ``maskpose.records.Sample``."""
