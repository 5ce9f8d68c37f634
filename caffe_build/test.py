#!/usr/bin/env python3
"""Run Caffe's own unit tests: those of pycaffe on the installed wheel, and the C++ ones on the CPU.

    python3 caffe_build/test.py

The C++ tests are one large program that is compiled on the first call, in the cached build tree of the very
libcaffe that is installed; that takes longer than Caffe itself does. In a build for GPUs they try both
processors, and are run only where there is a GPU.
"""

import argparse
import os
import re
import sys

import build
import cuda_toolkit

# The pictures that C++ tests read from examples/images/, which the source archive lacks: pictures of noise
# take their places, since only the shapes below (height, width, channels) matter to the tests...
PICTURES = {
    "cat.jpg": (360, 480, 3),
    "fish-bike.jpg": (323, 481, 3),
    "cat_gray.jpg": (360, 480),
    "cat gray.jpg": (360, 480),
}
# ... but to one, which asks for the size in bytes of the original cat.jpg. The other asks two ways of
# computing for the same bits, of which one is oneDNN's.
LEFT_OUT = ("IOTest.TestReadFileToDatum", "OneDNNConvolutionLayerTest/0.TestNDAgainst2D")

# Not for a build without a GPU.
NEED_GPU = ("*GPU*",)

# Has been seen to fail after other tests, and passes in a process of its own.
RUN_ALONE = ("CommonTest.TestRandSeedCPU",)


def check(status, output, counts, what, log):
    """Keep a program's output; when it failed, or ran no test, show its end and fail."""
    with open(log.path, "a") as file:
        file.write(output)
    if status != 0 or not counts["passed"]:
        build.show_end(output)
        how = f"failed with status {status}" if status else "ran no test"
        raise build.BuildError(f"{what} {how}; the whole output is in {log.path}")


def test_pycaffe(place, venv, log):
    """Run pycaffe's unittest suite in the environment; returns the counts.

    The suite draws networks, for which caffe.draw wants pydot. It is put beside the build, so that the
    tests leave the environment as it is.
    """
    python = venv / "bin" / "python"
    extra = place / "test-packages"
    if not extra.exists():
        partial = place / "test-packages.partial"
        log.run([python, "-m", "pip", "install", "--target", partial, "--upgrade", "pydot"], "pip install")
        partial.replace(extra)
    log.step("running pycaffe's tests")
    status, output = build.captured(
        [python, "-m", "unittest", "discover", "-s", place / "source" / "python" / "caffe" / "test"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(extra), "GLOG_minloglevel": "2"},
    )
    ran = re.search(r"^Ran (\d+) tests? in", output, re.M)
    skipped = re.search(r"^OK \(.*skipped=(\d+)", output, re.M)
    counts = {"skipped": int(skipped[1]) if skipped else 0}
    counts["passed"] = int(ran[1]) - counts["skipped"] if ran else 0
    check(status, output, counts, "pycaffe's test suite", log)
    return counts


def draw_pictures(place, venv, log):
    """Write the stand-ins for the pictures that the C++ tests read."""
    folder = place / "source" / "examples" / "images"
    folder.mkdir(exist_ok=True)
    script = (
        "import sys, numpy, skimage.io\n"
        "noise = numpy.random.default_rng(0).integers(0, 256, [int(n) for n in sys.argv[2:]], numpy.uint8)\n"
        "skimage.io.imsave(sys.argv[1], noise)\n"
    )
    for name, shape in PICTURES.items():
        log.run([venv / "bin" / "python", "-c", script, folder / name, *shape], "drawing a picture")


def test_library(place, venv, log):
    """Compile Caffe's C++ tests where they are not yet, and run those for the CPU; returns the counts.

    In a build for GPUs all are run, or none if there is no GPU, since most try both processors.
    """
    tree = place / "build"
    for_gpus = build.read_stamp(venv)[1] is not None
    if for_gpus and not cuda_toolkit.installed_gpus():
        log.step("this build is for GPUs, and there is none: the C++ tests are left out")
        return {"passed": 0, "left out": "all"}
    log.step("compiling the C++ tests (many minutes the first time)")
    build.compile_targets(tree, ["test.testbin"], log)
    draw_pictures(place, venv, log)
    alone = ":".join(RUN_ALONE)
    others = "-" + ":".join((() if for_gpus else NEED_GPU) + LEFT_OUT + RUN_ALONE)
    total = 0
    for what, wanted in (("C++ tests", others), ("C++ tests that want a process of their own", alone)):
        log.step(f"running the {what}")
        status, output = build.captured(
            [tree / "test" / "test.testbin", f"--gtest_filter={wanted}"],
            cwd=place / "source",
            env={**os.environ, "GLOG_minloglevel": "1"},
        )
        passed = re.search(r"^\[  PASSED  \] (\d+) tests?", output, re.M)
        counts = {"passed": int(passed[1]) if passed else 0}
        check(status, output, counts, f"the run of the {what}", log)
        total += counts["passed"]
    return {"passed": total, "left out": len(LEFT_OUT)}


def test_caffe(arguments):
    """Both suites and the summary line."""
    place = build.ensure_from_arguments(arguments, with_tree=True)
    log = build.Log(place.parent / f"{place.name}.test.log")
    with build.locked(place.with_name(place.name + ".lock"), log):
        log.path.unlink(missing_ok=True)
        python = test_pycaffe(place, arguments.venv.absolute(), log)
        library = test_library(place, arguments.venv.absolute(), log)
    log.step(
        f"all passed: pycaffe {python['passed']} ({python['skipped']} skipped), "
        f"C++ {library['passed']} ({library['left out']} left out)"
    )
    return 0


def main():
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Run Caffe's own unit tests, after building and installing it if need be.",
        epilog="example: python3 caffe_build/test.py --venv .venv",
    )
    build.add_arguments(parser)
    return build.run_main(test_caffe, parser)


if __name__ == "__main__":
    sys.exit(main())
