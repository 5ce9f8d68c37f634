"""Readers, a module a format: each lists a data set's items, and makes the samples of one.

``items(...)`` gives a list, cheap to make, whose elements' repr says which they are; ``read(item, ...)`` gives the list
of maskpose.records.Sample that an item holds. Both raise InputError that names file and place. ``maskpose.building``
puts them into a database.
"""
