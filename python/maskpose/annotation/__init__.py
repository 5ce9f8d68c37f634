"""Annotation as in section 3.3: packages of about 100 images, labelled by one person and checked by others.

A project is a folder. ``packages/<name>`` holds the images, which people label in LabelMe. The working copies of those
who check are in ``reviews/<person>/<package>``. ``labelme.yaml`` is LabelMe's configuration. ``state.sqlite`` holds who
has what, every label that was handed in, and every correction.
"""
