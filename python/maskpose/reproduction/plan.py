"""The steps of the reproduction, in order."""

from maskpose.reproduction import summary
from maskpose.reproduction.data_steps import data_steps
from maskpose.reproduction.network_steps import scoring_steps, training_steps
from maskpose.reproduction.options import Options
from maskpose.reproduction.result_steps import figure_steps, table_steps, timing_step
from maskpose.reproduction.setup import Setup
from maskpose.reproduction.steps import Step


def plan_steps(options: Options) -> list[Step]:
    """Return the steps that the options ask for. Raises InputError if a path of the options does not exist."""
    setup = Setup(options)
    steps = [
        *data_steps(setup), *training_steps(setup), *scoring_steps(setup), *table_steps(setup), *figure_steps(setup),
        timing_step(setup),
    ]  # fmt: skip
    return [*steps, index_step(setup, steps)]


def index_step(setup: Setup, steps: list[Step]) -> Step:
    """Return the last step, which writes summary.md and reproduction.json about the others."""
    outputs = setup.out / "summary.md", setup.out / "reproduction.json"
    inputs = tuple(path for step in steps for path in step.outputs if path.parent == setup.out)
    settings = {"steps": [step.name for step in steps]}

    def make():
        summary.write_index(setup, [*steps, index])

    index = Step("index", "summary and index", make, outputs, inputs, settings)
    return index
