"""Catmull–Clark subdivision as a sparse matrix: posed quads become smooth without being examined again."""

from typing import NamedTuple

import numpy as np

from maskpose.synth.arrays import Floats, Ints


class Subdivision(NamedTuple):
    """One level: row i of a sparse matrix (CSR) gives new vertex i as a mean of old vertices."""

    starts: np.ndarray  # (n',) int64, where each row begins
    columns: np.ndarray  # (k,) int64
    values: np.ndarray  # (k,) float64; each row adds up to 1
    quads: np.ndarray  # (4 m, 4) int64, the new faces

    def apply(self, attributes: Floats) -> Floats:
        """(n, c) of the old vertices to (n', c) of the new ones."""
        return np.add.reduceat(attributes[self.columns] * self.values[:, None], self.starts, axis=0)


def catmull_clark(quads: Ints, count: int) -> Subdivision:
    """The Subdivision of ``quads`` (m, 4) over ``count`` vertices, each of which some face uses.

    New vertices: the old ones moved, then one an edge, then one a face. Face corner c of face i becomes the new
    face 4 i + c, which starts at that corner. A border is subdivided as a curve of its own.
    """
    ends = np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1)  # (m, 4, 2): edge c from corner c to c + 1
    edges, edge_of = np.unique(np.sort(ends.reshape(-1, 2), axis=1), axis=0, return_inverse=True)
    edge_of = edge_of.reshape(-1, 4)
    faces_of_edge = [[] for _ in edges]
    for face, four in enumerate(edge_of):
        for edge in four:
            faces_of_edge[edge].append(face)
    corner = [{v: 0.25 for v in face} for face in quads.tolist()]
    on_border = np.array([len(faces) == 1 for faces in faces_of_edge])
    middle = [dict.fromkeys(edge, 0.5) for edge in edges.tolist()]
    edge_points = []
    for edge, faces in enumerate(faces_of_edge):
        whole = on_border[edge] or len(faces) != 2
        edge_points.append(middle[edge] if whole else _mean([middle[edge]] * 2 + [corner[f] for f in faces]))
    faces_of = [[] for _ in range(count)]
    edges_of = [[] for _ in range(count)]
    for face, four in enumerate(quads.tolist()):
        for v in four:
            faces_of[v].append(face)
    for edge, two in enumerate(edges.tolist()):
        for v in two:
            edges_of[v].append(edge)
    vertex_points = []
    for v in range(count):
        rim = [e for e in edges_of[v] if on_border[e]]
        n = len(faces_of[v])
        if rim:
            parts = [(0.5, {v: 1.0}), *((0.5 / len(rim), middle[e]) for e in rim)]
        else:
            around = _mean([corner[f] for f in faces_of[v]])
            along = _mean([middle[e] for e in edges_of[v]])
            parts = [(1 / n, around), (2 / n, along), ((n - 3) / n, {v: 1.0})]
        vertex_points.append(_combine(parts))
    rows = [*vertex_points, *edge_points, *corner]
    starts = np.cumsum([0, *(len(row) for row in rows[:-1])])
    columns = np.array([v for row in rows for v in row])
    values = np.array([x for row in rows for x in row.values()])
    after = edge_of + count
    before = np.roll(after, 1, axis=1)
    centre = np.repeat(np.arange(len(quads))[:, None], 4, axis=1) + count + len(edges)
    new = np.stack([quads, after, centre, before], axis=-1).reshape(-1, 4)
    return Subdivision(starts, columns, values, new)


def subdivide_corners(values: Floats) -> Floats:
    """Values a face corner, (m, 4, c), to those of the new faces, (4 m, 4, c): linear, seams kept."""
    after = (values + np.roll(values, -1, axis=1)) / 2
    centre = np.repeat(values.mean(axis=1, keepdims=True), 4, axis=1)
    new = np.stack([values, after, centre, np.roll(after, 1, axis=1)], axis=2)
    return new.reshape(-1, 4, values.shape[-1])


def _mean(points):
    return _combine([(1 / len(points), point) for point in points])


def _combine(parts):
    total = {}
    for factor, point in parts:
        for v, x in point.items():
            total[v] = total.get(v, 0.0) + factor * x
    return {v: x for v, x in total.items() if x}
