"""What each step of the drill does, in a process of its own: ``python -m maskpose.gpu_drill.steps FUNCTION SETTINGS``.

Each value is a line of JSON on standard output as soon as it is known.
"""

import inspect
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from maskpose.errors import InputError, Stopped
from maskpose.gpu_drill import layers as checking
from maskpose.io.files import write_text
from maskpose.model.caffe_types import Net, Solver
from maskpose.model.initialisation import net_loss_weights
from maskpose.model.variants import get_variant
from maskpose.runtime import import_caffe, machine, set_device
from maskpose.testing import databases
from maskpose.training import profiling, trainer
from maskpose.training.run import Run, definitions_of

TOLERANCE = 1e-3  # relative difference of a layer beyond which it is named
WARM_UP = 3  # iterations before those that are timed
SNAPSHOT_EVERY = 500  # iterations of the training


def tell(**values: object) -> None:
    """Write a line of values; what JSON has no number for becomes null."""
    plain = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
    print(json.dumps(plain), flush=True)


def database(folder: Path, count: int) -> None:
    """Draw hands to train on."""
    path = databases.drawn_database(folder, count)
    tell(db=str(path), samples=count)


def device(gpu: int | None) -> None:
    """Say what the machine, Caffe and the GPU are; fail where the GPU cannot be used."""
    import_caffe()
    tell(python=platform.python_version(), caffe=libraries(), processors=len(os.sched_getaffinity(0)))
    tell(processor=machine())
    if gpu is None:
        return
    for command in (["nvidia-smi"], [caffe_program(), "device_query", "-gpu", str(gpu)]):
        try:
            answer = subprocess.run(command, capture_output=True, text=True, errors="replace")
            tell(command=Path(command[0]).name, status=answer.returncode, output=answer.stdout + answer.stderr)
        except OSError as error:
            tell(command=Path(command[0]).name, status=None, output=str(error))
    set_device(gpu)
    tell(gpu=machine([gpu]))


def caffe_program() -> str:
    """The path of the program ``caffe`` that belongs to this Python, or of the first on the PATH."""
    beside = Path(sys.executable).parent / "caffe"
    return str(beside) if beside.exists() else shutil.which("caffe") or "caffe"


def libraries() -> list[str]:
    """Names of the libraries that this process has loaded and that decide what computes."""
    wanted = ("caffe", "cudnn", "cudart", "cublas", "nccl", "dnnl", "blas")
    paths = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/" in line}
    return sorted(Path(path).name for path in paths if any(word in Path(path).name.lower() for word in wanted))


def layers(gpu: int | None, variant: str, engine: str, side: int, batch: int = 2) -> None:
    """Compare each layer, forward and backward, with Caffe's own on the CPU."""
    caffe = import_caffe()
    set_device(gpu)  # once: it also tries whether there is one

    def on_gpu():
        caffe.set_mode_gpu() if gpu is not None else caffe.set_mode_cpu()

    with tempfile.TemporaryDirectory() as folder:
        caffe.set_mode_cpu()
        network = get_variant(variant)
        reference = checking.open_net(checking.definition(network, batch, side, "caffe"), folder, "reference")
        checking.fill(reference)
        on_gpu()
        other = checking.open_net(checking.definition(network, batch, side, engine), folder, "other")
    kinds = dict(zip(reference._layer_names, (layer.type for layer in reference.layers)))
    differing = 0
    for name, direction, found in checking.compare(reference, other, caffe.set_mode_cpu, on_gpu):
        worst = max(found.values())
        differing += not worst <= TOLERANCE
        tell(layer=name, type=kinds[name], direction=direction, difference=worst, agrees=worst <= TOLERANCE)
    tell(differing=differing, tolerance=TOLERANCE)


def open_solver(run: Run, engine: str) -> Solver:
    """Write a run's definitions, its layers on an engine of ``plan.ENGINES``, and return the solver of them."""
    from google.protobuf import text_format

    net, solver = definitions_of(run)
    checking.use_engine(net, engine)
    write_text(run.folder / "train.prototxt", text_format.MessageToString(net))
    write_text(run.folder / "solver.prototxt", text_format.MessageToString(solver))
    return import_caffe().get_solver(str(run.folder / "solver.prototxt"))


def losses(gpu: int | None, variant: str, iterations: int, engine: str, data: dict, db: str) -> None:
    """Losses of the first iterations, from the same random weights and batches on every processor."""
    set_device(gpu)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(get_variant(variant), db, Path(folder), iterations, data)
        solver = open_solver(run, engine)
        try:
            names = list(net_loss_weights(solver.net))
            for iteration in range(1, iterations + 1):
                solver.step(1)
                values = {name: float(solver.net.blobs[name].data) for name in names}
                tell(iteration=iteration, losses=values, total=weighted(solver.net, values))
        finally:
            solver.net.layers[0].close()


def weighted(net: Net, values: dict[str, float]) -> float:
    """The total loss."""
    return sum(weight * values[name] for name, weight in net_loss_weights(net).items())


def speed(
    gpu: int | None, variant: str, engine: str, iterations: int, data: dict, db: str, one_batch: bool = True
) -> None:
    """Seconds of training iterations: of one batch in memory, or with the data layer at work."""
    set_device(gpu)
    if not one_batch:
        data = {"workers": max(1, len(os.sched_getaffinity(0)) - 1), **data}
    with tempfile.TemporaryDirectory() as folder:
        run = Run(get_variant(variant), db, Path(folder), WARM_UP + iterations, data)
        solver = open_solver(run, engine)
        layer = solver.net.layers[0]
        try:
            if one_batch:
                profiling.repeat_first_batch(solver)
            first, *_ = [seconds_of(solver) for _ in range(WARM_UP)]
            times = [seconds_of(solver) for _ in range(iterations)]
        finally:
            layer.close()
    batch = layer.settings.batch_size
    seconds = statistics.median(times)
    tell(batch=batch, first=first, seconds=seconds, slowest=max(times), images_per_second=batch / seconds)


def seconds_of(solver: Solver) -> float:
    """Seconds of one iteration, to the end of what it started on the GPU."""
    started = time.perf_counter()
    solver.step(1)
    blobs = list(solver.net.params.values())[-1]
    blobs[0].data.ravel()[0]  # waits for the update
    return time.perf_counter() - started


def training(folder: Path, gpu: int | None, variant: str, data: dict, db: str) -> None:
    """Train until the process is asked to stop, going on from the newest snapshot."""
    set_device(gpu)
    data = {"workers": max(1, len(os.sched_getaffinity(0)) - 1), **data}
    run = Run(get_variant(variant), db, Path(folder) / "training", data=data, snapshot_every=SNAPSHOT_EVERY, keep=3)
    started = time.perf_counter()
    tell(folder=str(run.folder))
    try:
        weights = str(trainer.train(run, resume="auto", progress=False))
        tell(done=True, weights=weights, seconds=time.perf_counter() - started)
    except Stopped as stop:
        tell(done=False, stopped=str(stop), seconds=time.perf_counter() - started)


FUNCTIONS = {one.__name__: one for one in (database, device, layers, losses, speed, training)}


def main() -> None:
    """Run a step. What the user can mend is a line on stderr and status 2."""
    name, folder, db, settings = sys.argv[1:]
    function = FUNCTIONS[name]
    places = {"folder": Path(folder), "db": db}
    wanted = inspect.signature(function).parameters
    try:
        function(**json.loads(settings), **{key: value for key, value in places.items() if key in wanted})
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
