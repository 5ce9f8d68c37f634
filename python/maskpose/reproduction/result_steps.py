"""The steps that make tables, plots, image panels and timings out of trained and scored networks."""

import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from maskpose.data.database import Reader
from maskpose.data.sampler import evenly_spaced
from maskpose.errors import InputError
from maskpose.io.files import read_lines, write_text
from maskpose.io.images import write_image
from maskpose.reproduction import curves, estimates, panels, speed, tables
from maskpose.reproduction.setup import NETWORKS, OPENPOSE, Model, Setup
from maskpose.reproduction.steps import Step
from maskpose.runtime import machine
from maskpose.training import definitions


def table_steps(setup: Setup) -> Iterator[Step]:
    """Yield the steps of Table 1 and of summary.json."""
    options, out = setup.options, setup.out
    yield Step(
        name="table1",
        title="Table 1: masks without and with the pose stage",
        make=functools.partial(make_table1, setup),
        outputs=(out / "table1.md", out / "table1.csv"),
        inputs=setup.score_files("EB"),
    )
    yield Step(
        name="summary",
        title="whether the mask helps",
        make=functools.partial(make_summary, setup),
        outputs=(out / "summary.json",),
        inputs=(*setup.score_files(*setup.sets), setup.ea, *options.prediction_paths),
        settings=_mode_setting(setup) | {"predictions": list(options.predictions)},
    )


def figure_steps(setup: Setup) -> Iterator[Step]:
    """Yield the steps of Fig. 7 to 11."""
    options, out = setup.options, setup.out
    yield Step(
        name="fig9",
        title="Fig. 9: PCK without and with the mask",
        make=functools.partial(make_figure9, setup),
        outputs=_plot_paths(out / "fig9"),
        inputs=(*setup.score_files("EB"), setup.ea, *options.prediction_paths),
        settings=_mode_setting(setup) | {"predictions": list(options.predictions)},
    )
    if options.cmu:
        yield Step(
            name="fig10",
            title="Fig. 10: PCK on CMU's hands",
            make=functools.partial(make_figure10, setup),
            outputs=_plot_paths(out / "fig10"),
            inputs=setup.score_files(*setup.cmu_sets),
            settings=_mode_setting(setup),
        )
    yield Step(
        name="panels",
        title="Fig. 7, 8 and 11: images",
        make=functools.partial(make_panels, setup),
        outputs=tuple(out / f"{name}.png" for name in ("fig7", "fig8", "fig11")),
        inputs=(*setup.score_files("EB"), *(setup.first_model(network).weights for network in NETWORKS)),
        settings=_mode_setting(setup),
    )


def timing_step(setup: Setup) -> Step:
    """Return the step that times prediction and training."""
    models = [setup.first_model(network) for network in dict.fromkeys(model.network for model in setup.models)]
    return Step(
        name="timing",
        title="time of an image",
        make=functools.partial(make_timing, setup, models),
        outputs=(setup.out / "timing.md", setup.out / "timing.json"),
        inputs=(setup.sets["EB"], *(model.weights for model in models)),
        settings={"machine": machine(setup.options.gpus)},
    )


def make_table1(setup: Setup) -> None:
    """Write table1.md and table1.csv."""
    results = setup.read_results("EB")
    text, csv = tables.table1({network: list(map(estimates.resample, seeds)) for network, seeds in results.items()})
    write_text(setup.out / "table1.md", text)
    write_text(setup.out / "table1.csv", csv)


def make_summary(setup: Setup) -> None:
    """Write summary.json: the scores, and the differences between networks."""
    resampled = setup.resampled(*setup.sets, with_others=True)
    document = {"differences": tables.differences(resampled), "scores": tables.scores(resampled)}
    write_text(setup.out / "summary.json", json.dumps(document, indent=1) + "\n")


def make_figure9(setup: Setup) -> None:
    """Write fig9.png, .svg and .csv."""
    models = {name: seeds for name, seeds in setup.read_results("EB", with_others=True).items() if seeds[0].pose}
    curves.write_panels(curves.figure9(models, read_lines(setup.ea)), setup.out / "fig9")


def make_figure10(setup: Setup) -> None:
    """Write fig10.png, .svg and .csv."""
    shown = ("mask_pose", OPENPOSE if setup.options.openpose else "no_mask")
    sets = {name: setup.read_results(name) for name in setup.cmu_sets}
    sets = {name: {network: models[network] for network in shown} for name, models in sets.items()}
    curves.write_panels(curves.figure10(sets), setup.out / "fig10")


def make_panels(setup: Setup) -> None:
    """Write fig7.png, fig8.png and fig11.png. Raises InputError if EB has no masks to compare."""
    results = {network: seeds[0] for network, seeds in setup.read_results("EB").items()}
    proposed, without_mask, without_pose = (setup.predictor(setup.first_model(network)) for network in NETWORKS)
    samples = Reader(setup.sets["EB"])
    chosen = panels.choose(panels.mask_gains(results["mask_pose"], results["no_pose"]))
    if not chosen:
        raise InputError(f"{samples.path} has no masks to compare")
    write_image(setup.out / "fig7.png", panels.figure7(samples, chosen, proposed, without_pose))
    chosen = panels.choose(panels.pose_gains(results["mask_pose"], results["no_mask"]))
    for name, figure in (("fig8", panels.figure8), ("fig11", panels.figure11)):
        write_image(setup.out / f"{name}.png", figure(samples, chosen, proposed, without_mask, "no_mask"))
    samples.close()


def make_timing(setup: Setup, models: Sequence[Model]) -> None:
    """Write timing.md and timing.json: the time of an image by each model, and of an iteration of its training."""
    reader = Reader(setup.sets["EB"])
    images = [reader[n].decode_image() for n in evenly_spaced(len(reader), speed.MOST_IMAGES)]
    reader.close()
    rows = [_timing_row(setup, model, images) for model in models]
    computer = machine(setup.options.gpus)
    write_text(setup.out / "timing.json", json.dumps({"machine": computer, "rows": rows}, indent=1) + "\n")
    write_text(setup.out / "timing.md", f"{computer}\n\n{speed.table(rows)}")


def _timing_row(setup, model, images):
    row: dict[str, Any] = {"network": model.network, "variant": model.variant.name}
    predictor = setup.predictor(model)
    predictor.use_pyramid = predictor.refine = False
    row["single_ms"] = speed.milliseconds_per_image(predictor, images)
    predictor.use_pyramid = True
    # the pyramid is of keypoints alone
    row["pyramid_ms"] = speed.milliseconds_per_image(predictor, images) if model.variant.pose else None
    folder = model.weights.parent
    batch_size = definitions.read_settings(folder).get("batch_size") if model.seed else None
    row["batch_size"] = batch_size
    row["iteration_s"] = speed.seconds_per_iteration(folder, batch_size) if batch_size else None
    return row


def _mode_setting(setup):
    return {"way": setup.modes[0]}


def _plot_paths(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_suffix(suffix) for suffix in (".png", ".svg", ".csv"))
