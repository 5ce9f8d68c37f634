"""Triangles with what their surface needs: normals, places in the material, and the material's number."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from maskpose.synth.arrays import Floats, Ints
from maskpose.synth.compiling import compiled


class Mesh(NamedTuple):
    """n vertices, m triangles."""

    vertices: np.ndarray  # (n, 3) float64, camera coordinates
    triangles: np.ndarray  # (m, 3) int64
    normals: np.ndarray  # (n, 3) unit vectors, outwards
    texture: np.ndarray  # (n, 3) metres: where a vertex is in its material, wherever it moves
    material: np.ndarray  # (m,) int64


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """One Mesh of several."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, starts)]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.texture for mesh in meshes]),
        np.concatenate([mesh.material for mesh in meshes]),
    )


def without_triangles(mesh: Mesh) -> Mesh:
    """A Mesh of the same vertices, of which nothing is to be seen."""
    return mesh._replace(triangles=mesh.triangles[:0], material=mesh.material[:0])


def halved(quads: Ints) -> Ints:
    """(2 m, 3) triangles of (m, 4) quads: the first halves of all, with corners 0, 1, 2, then the second, 0, 2, 3."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def vertex_normals(vertices: Floats, triangles: Ints) -> Floats:
    """(n, 3) unit normals, each the mean of its triangles' by their area; outwards where those turn left."""
    a, b, c = vertices[triangles[:, 0]], vertices[triangles[:, 1]], vertices[triangles[:, 2]]
    face = np.cross(b - a, c - a)
    count = len(vertices)
    corners = triangles.ravel()
    normals = np.stack([np.bincount(corners, np.repeat(face[:, i], 3), count) for i in range(3)], axis=1)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


@compiled()
def facing_normals(which: Ints, triangles: Ints, vertices: Floats, normals: Floats) -> Floats:
    """(k, 3) unit normals, turned round where the inside of their triangle is seen, as of a cuff.

    ``which`` (k,) are triangles' indices, ``vertices`` (n, 3) camera coordinates, ``normals`` (k, 3) of any length.
    """
    result = np.empty_like(normals)
    for i in range(which.shape[0]):
        a, b, c = triangles[which[i]]
        p, q, r = vertices[a], vertices[b], vertices[c]
        ux, uy, uz = q[0] - p[0], q[1] - p[1], q[2] - p[2]
        vx, vy, vz = r[0] - p[0], r[1] - p[1], r[2] - p[2]
        away = p[0] * (uy * vz - uz * vy) + p[1] * (uz * vx - ux * vz) + p[2] * (ux * vy - uy * vx)
        n = normals[i]
        length = np.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2])
        sign = (-1.0 if away > 0 else 1.0) / max(length, 1e-6)
        for c in range(3):
            result[i, c] = sign * n[c]
    return result
