"""Readers of data sets, a module for each format: each lists a data set's items, and makes the samples of an item.

``items(...)`` returns a list that is cheap to make; the repr of its elements tells them apart. A broken entry is an
InputError in the list. ``read(item, ...)`` returns the list of an item's Samples. Both raise InputError that names file
and place. ``maskpose.data.build`` puts the samples into a database, and leaves out what is broken. All readers read
values by the same rules, ``maskpose.data.datasets.reading`` and ``maskpose.io.values``.
"""
