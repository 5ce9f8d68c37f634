"""What a wheel holds beside the modules: the networks' definitions and the shipped weights.

They lie outside the package in a checkout. Everything else about the package is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
SHIPPED = (
    "prototxt/**/*.prototxt",
    "weights/compact_mask_pose.caffemodel",
    "weights/README.md",
)  # as in MANIFEST.in


class BuildWithFiles(build_py):
    """Copies SHIPPED into maskpose/shipped; an editable install takes them from the checkout."""

    def run(self):
        if not self.editable_mode:  # setuptools leaves modules there that are no more
            shutil.rmtree(Path(self.build_lib, "maskpose"), ignore_errors=True)
        super().run()
        if not self.editable_mode:
            for source, target in self._shipped():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)

    def get_outputs(self, include_bytecode=True):
        outputs = super().get_outputs(include_bytecode)
        return outputs if self.editable_mode else [*outputs, *(str(target) for _, target in self._shipped())]

    def _shipped(self):
        for pattern in SHIPPED:
            sources = sorted(HERE.glob(pattern))
            if not sources:
                raise FileNotFoundError(f"there is no {pattern} to put into the wheel")
            for source in sources:
                yield source, Path(self.build_lib, "maskpose", "shipped", source.relative_to(HERE))


# "build", setuptools' own choice, is the name of a module of caffe_build/
setup(cmdclass={"build_py": BuildWithFiles}, options={"build": {"build_base": ".build"}})
