#!/usr/bin/env python3
"""Build Caffe for GPUs and try it, in a virtual environment that is made for that and removed.

    python3 caffe_build/cuda_check.py --cuda-arch 90

It takes the options of build.py. Without a GPU it checks that the build compiles, links and loads, that the caffe
program says in one line why there is no GPU, and that networks train in CPU mode. With GPUs it also trains on the
first one, and on all together if there are several, by NCCL.
"""

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path

import build
import cuda_toolkit

ITERATIONS = 20
IMAGES = 16

# Convolution, ReLU and pooling, with cuDNN where the engine is left open, on pictures that a thread of Caffe's
# fetches: red ones and green ones.
NET = """
layer {
  name: "data" type: "ImageData" top: "data" top: "label"
  image_data_param { source: "list.txt" batch_size: 8 }
  transform_param { scale: 0.0039 }
}
layer {
  name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 8 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } }
}
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer {
  name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param { pool: AVE kernel_size: 4 stride: 4 }
}
layer {
  name: "score" type: "InnerProduct" bottom: "pool" top: "score"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } }
}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "score" bottom: "label" top: "loss" }
"""
SOLVER = f"""
net: "net.prototxt"
base_lr: 0.05 momentum: 0.9 lr_policy: "fixed" random_seed: 1
max_iter: {ITERATIONS} display: 1 average_loss: 1 snapshot_after_train: false
"""

# What Python is asked, in CPU mode; it prints the losses.
SCRIPT = f"""
import caffe
assert caffe.has_nccl() and hasattr(caffe.NCCL, "bcast")
assert len(caffe.NCCL.new_uid()) == 128
caffe.set_mode_cpu()
solver = caffe.get_solver("solver.prototxt")
for i in range({ITERATIONS}):
    solver.step(1)
    print("loss =", solver.net.blobs["loss"].data)
"""


def check_that(condition, what, output):
    """Fail with the end of a program's output unless the condition holds."""
    if not condition:
        build.show_end(output)
        raise build.BuildError(what)


def run(command, folder, **environment):
    """Run a program in a folder; returns its exit status and all it printed."""
    return build.captured(command, cwd=folder, env={**os.environ, **environment})


def write_inputs(python, folder):
    """The network, the solver, and pictures of two kinds with their labels."""
    (folder / "net.prototxt").write_text(NET)
    (folder / "solver.prototxt").write_text(SOLVER)
    script = (
        "import numpy, skimage.io\n"
        f"for i in range({IMAGES}):\n"
        "    picture = numpy.random.default_rng(i).integers(0, 64, (32, 32, 3), numpy.uint8)\n"
        "    picture[..., i % 2] += 128\n"
        "    skimage.io.imsave(f'{i}.png', picture, check_contrast=False)\n"
    )
    status, output = run([python, "-c", script], folder)
    check_that(status == 0, "drawing pictures failed", output)
    (folder / "list.txt").write_text("".join(f"{i}.png {i % 2}\n" for i in range(IMAGES)))


def check_training(command, folder, what, **environment):
    """Run a training and check that it learns; returns the first and the last loss."""
    status, output = run(command, folder, **environment)
    check_that(status == 0, f"{what} ended with status {status}", output)
    losses = [float(value) for value in re.findall(r"\bloss = ([-+.\w]+)", output)]
    check_that(len(losses) >= ITERATIONS, f"{what} printed {len(losses)} losses, not {ITERATIONS}", output)
    check_that(losses[-1] < 0.5 * losses[0], f"{what} did not learn: loss {losses[0]} to {losses[-1]}", output)
    return losses[0], losses[-1]


def check_build(venv, folder, log):
    """All checks, on the Caffe in an environment, with files in a folder."""
    caffe, python = venv / "bin" / "caffe", venv / "bin" / "python"
    gpus = len(cuda_toolkit.installed_gpus())
    write_inputs(python, folder)

    status, output = run([caffe, "device_query", "-gpu", "0"], folder)
    if gpus:
        check_that(status == 0, f"device_query ended with status {status}", output)
        log.step("device_query: passed")
    else:
        errors = re.findall(r"^error: .*$", output, re.M)
        check_that(status == 1 and len(errors) == 1, f"device_query without a GPU ended with status {status}", output)
        log.step(f"device_query, without a GPU, ended with status 1 and '{errors[0]}'")

    train = [caffe, "train", "-solver", "solver.prototxt"]
    (folder / "solver.prototxt").write_text(SOLVER + "solver_mode: CPU\n")
    trainings = [
        ("caffe train in CPU mode", train, {}),
        ("import caffe, and training in CPU mode", [python, "-c", SCRIPT], {"GLOG_minloglevel": "3"}),
    ]
    if gpus:
        trainings.append(("caffe train -gpu 0", [*train, "-gpu", "0"], {}))
    if gpus > 1:
        trainings.append(("caffe train -gpu all", [*train, "-gpu", "all"], {}))
    for what, command, environment in trainings:
        first, last = check_training(command, folder, what, **environment)
        log.step(f"{what}: {ITERATIONS} iterations, loss {first:.3g} to {last:.3g}")
    return len(trainings) + 1


def check(arguments):
    """Build, install in an environment of its own, check, and say how much was checked."""
    with tempfile.TemporaryDirectory(prefix="caffe-cuda-check-") as folder:
        folder = Path(folder)
        venv = folder / "venv"
        cuda = build.choose_cuda(1, arguments.cudnn, arguments.cuda_arch, arguments.cuda_toolkit, venv)
        place = build.ensure_caffe(arguments.python, venv, arguments.cache, arguments.onednn, cuda)
        log = build.Log(place.parent / f"{place.name}.check.log")
        passed = check_build(venv, folder, log)
    gpus = cuda_toolkit.installed_gpus()
    log.step(f"{passed} passed, {cuda}{'' if gpus else '; without a GPU, no GPU code was run'}")
    return 0


def main():
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Build Caffe for GPUs, install it in a virtual environment of its own, and try it.",
        epilog="example: python3 caffe_build/cuda_check.py --cuda-arch 90",
    )
    build.add_arguments(parser)
    return build.run_main(check, parser)


if __name__ == "__main__":
    sys.exit(main())
