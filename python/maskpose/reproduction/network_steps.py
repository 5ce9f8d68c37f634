"""The steps that train networks and score them, each by a command of ``maskpose``."""

import functools
from collections.abc import Iterator

from maskpose.reproduction import score_files
from maskpose.reproduction.processes import run_command
from maskpose.reproduction.setup import Model, Setup
from maskpose.reproduction.steps import Step

KEPT_SNAPSHOTS = 2


def training_steps(setup: Setup) -> Iterator[Step]:
    """Yield a step for each network and seed."""
    for model in setup.trained:
        yield training_step(setup, model)


def training_step(setup: Setup, model: Model) -> Step:
    """Return the step that trains a model."""
    options, folder = setup.options, model.weights.parent
    settings = {
        "variant": model.variant.name, "iterations": setup.iterations, "seed": model.seed,
        "mix": [mix.rpartition("=")[2] for mix in options.mix], "training": list(options.training),
    }  # fmt: skip
    arguments = [
        "--variant", model.variant.name, "--db", setup.train_db, "--out", folder, "--resume", "auto",
        "--iterations", setup.iterations, "--data", f"seed={model.seed}", "--solver", f"random_seed={model.seed}",
        "--keep", KEPT_SNAPSHOTS,
    ]  # fmt: skip
    arguments += [word for mix in options.mix for word in ("--mix", mix)]
    if options.gpus:
        arguments += ["--gpu", ",".join(map(str, options.gpus))]

    def make():
        if not model.weights.exists():  # a run that was stopped after its last iteration has them
            run_command("train", *arguments, *options.training)

    return Step(
        f"train/{model.name}", f"training of {model.title}", make, (model.weights, folder / "losses.csv"),
        (setup.train_db, *options.mixed, *options.initial_weights), settings, folder, precious=True,
    )  # fmt: skip


def scoring_steps(setup: Setup) -> Iterator[Step]:
    """Yield a step for each set and each model that is scored on it."""
    for name in setup.sets:
        for model in setup.models_on(name):
            yield scoring_step(setup, name, model)


def scoring_step(setup: Setup, set_name: str, model: Model) -> Step:
    """Return the step that scores a model on a set."""
    db, folder, modes = setup.sets[set_name], setup.score_folder(set_name, model), setup.modes_of(model)
    outputs = (folder / "scores.json", *score_files.paths_of(folder, modes, model.variant))
    arguments = ["--db", db, "--variant", model.variant.name, "--weights", model.weights, "--out", folder]
    if setup.options.gpus:
        arguments += ["--gpu", setup.options.gpus[0]]
    make = functools.partial(run_command, "evaluate", *arguments, "--ways", *modes)
    settings = {"variant": model.variant.name, "ways": list(modes)}
    name = f"scores/{folder.relative_to(setup.out / 'scores')}"
    title = f"scores of {model.title}, on {set_name}"
    return Step(name, title, make, outputs, (db, model.weights), settings, folder)
