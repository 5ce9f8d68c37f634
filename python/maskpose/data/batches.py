"""From database to batch: which samples, which augmentation, which arrays.

Everything follows from (seed, epoch, index): a run's batch number ``b`` is the same whoever makes it, and in whatever
order batches are made.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from maskpose import geometry
from maskpose.codecs import heatmaps
from maskpose.codecs.masks import mask_label
from maskpose.codecs.preprocessing import FILL, network_input
from maskpose.data.augmentation import ColourChange, degrade, sample_affine, sample_colour_change
from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.data.sampler import MixedSampler, database_seed, shard
from maskpose.data.settings import DataSettings
from maskpose.errors import InputError
from maskpose.io import images
from maskpose.io.paths import PathLike
from maskpose.model.variants import NUM_KEYPOINTS

Arrays = Mapping[str, npt.NDArray[np.float32]]  # {output: array}


class BatchSource:
    """Makes the batches that a DataSettings describes."""

    def __init__(self, settings: DataSettings):
        """Open the databases. Raises InputError if one cannot be used."""
        self.settings = settings
        self.readers = [Reader(path) for path in settings.shares]
        counts, shares = [len(reader) for reader in self.readers], list(settings.shares.values())
        self.order = MixedSampler(counts, shares, settings.seed, settings.shuffle)

    def close(self) -> None:
        """Release the databases."""
        for reader in self.readers:
            reader.close()

    def fill(self, batch: int, arrays: Arrays) -> None:
        """Write the rank's shard of batch number ``batch`` into ``arrays``, shaped as ``array_shapes`` says."""
        settings = self.settings
        first, count = shard(settings.batch_size, settings.rank, settings.ranks)
        for i in range(count):
            database, epoch, index = self.order.at(batch * settings.batch_size + first + i)
            self.fill_sample(database, epoch, index, {name: array[i] for name, array in arrays.items()})

    def fill_sample(self, database: int, epoch: int, index: int, arrays: Arrays) -> None:
        """Write one sample, augmented, into its arrays of a batch.

        Args:
            database: number of its database.
            epoch: of that database; the augmentation follows from it.
            index: of the sample in its database.
            arrays: one sample's part of those that ``array_shapes`` describes.
        """
        settings = self.settings
        reader = self.readers[database]
        sample = reader[index]
        affine = geometry.fit_affine(sample.width, sample.height, settings.input_size)
        colours = None
        rng = np.random.default_rng(database_seed(database, settings.seed, epoch, index))
        if settings.augment:
            extent = np.array([sample.width, sample.height]) * geometry.affine_scale(affine)
            points = geometry.apply(affine, sample.keypoints[sample.visible])
            affine = geometry.compose(sample_affine(rng, settings, extent, points), affine)
            colours = sample_colour_change(rng, settings.photometric) if settings.photometric else None
        warped = self._warped(sample, reader.path, affine, colours)
        if settings.augment and settings.degrade:
            warped = degrade(rng, warped, settings.degrade)
        network_input(warped, arrays["image"])
        if "mask" in arrays:
            hand, unknown = sample.decode_mask(), sample.decode_unknown()
            arrays["mask"][0] = mask_label(hand, affine, settings.input_size, unknown)
        if "heatmaps" in arrays:
            points = geometry.apply(affine, sample.keypoints)
            visible = sample.visible & geometry.inside(points, settings.input_size, settings.input_size)
            cells = geometry.apply(geometry.grid_affine(), points)
            heatmaps.encode(cells, visible, settings.grid_size, settings.sigma, settings.background, arrays["heatmaps"])

    def _warped(
        self, sample: Sample, db: PathLike, affine: npt.NDArray[np.float64], colours: ColourChange | None
    ) -> npt.NDArray[np.uint8]:
        """Return the image under ``affine``, (m, m, 3) BGR. It is decoded no larger than needed."""
        reduced = sample.decode_reduced(min(images.LARGEST_REDUCTION, geometry.reduction(affine)))
        if (reduced.width, reduced.height) != (sample.width, sample.height):
            raise InputError(f"{db}: {sample.name} is not of the size that its sample says")
        image = reduced.image if colours is None else colours.apply(reduced.image)
        return geometry.warp(image, geometry.compose(affine, reduced.to_whole), self.settings.input_size, FILL)


def array_shapes(settings: DataSettings) -> dict[str, tuple[int, ...]]:
    """Return {output: shape} of the rank's shard of a batch, N samples; all are float32, as Caffe's blobs are.

    image (N, 3, m, m): BGR / 256 - 0.5. mask (N, 1, m/8, m/8): 0, 1, or 255 for cells that no loss counts. heatmaps
    (N, 22, m/8, m/8): 21 keypoints, then the background.
    """
    _, n = shard(settings.batch_size, settings.rank, settings.ranks)
    m, cells = settings.input_size, settings.grid_size
    shapes = {
        "image": (n, 3, m, m),
        "mask": (n, 1, cells, cells),
        "heatmaps": (n, NUM_KEYPOINTS + 1, cells, cells),
    }
    return {name: shapes[name] for name in settings.outputs}
