"""Annotation as section 3.3 has it: packages of about 100 photographs, labelled by one person, checked by others.

A project is a folder: ``packages/<name>`` with the photographs, which people label in LabelMe; ``reviews/<person>/
<package>``, working copies of those who check; ``labelme.yaml``, LabelMe's configuration; and ``state.sqlite``, which
holds who has what, every label that was handed in, and every correction.
"""
