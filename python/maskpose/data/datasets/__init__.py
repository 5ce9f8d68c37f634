"""Readers, a module a format: each lists a data set's items, and makes the samples of one.

``items(...)`` gives a list, cheap to make, whose elements' repr says which they are; in the place of an entry that is
broken there is an InputError. ``read(item, ...)`` gives the list of Sample that an item holds. Both
raise InputError that names file and place. ``maskpose.data.build`` puts them into a database, and leaves out what is
broken. What values mean is the same in all: ``maskpose.data.datasets.reading``, ``maskpose.io.values``.
"""
