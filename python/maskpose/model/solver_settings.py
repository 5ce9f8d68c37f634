"""Checks of Caffe's solver settings: an error for those at which Caffe aborts, or with which no network learns."""

import math
from typing import Any

from maskpose.errors import InputError, short_repr
from maskpose.model.caffe_types import SolverParameter

SOLVER_TYPES = ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")
LR_POLICIES = ("fixed", "step", "exp", "inv", "multistep", "sigmoid", "poly")
REGULARIZATIONS = ("L1", "L2")
MOST = (1 << 31) - 1  # Caffe's int32
_FALLING = ("step", "exp", "inv", "multistep", "sigmoid")  # policies that take gamma


def set_field(solver: SolverParameter, key: str, value: Any) -> None:
    """Set a field of the solver, a repeated one by a list. Raises InputError if it has no such field or value."""
    field = next((field for field in solver.DESCRIPTOR.fields if field.name == key), None)
    if field is None:
        raise InputError(f"the solver has no setting {key}")
    values = value if isinstance(value, list) else [value]
    is_flag = field.type == field.TYPE_BOOL
    try:
        if any(isinstance(item, bool) != is_flag for item in values):  # protocol buffers would take true for 1
            raise TypeError
        if isinstance(value, list):
            del getattr(solver, key)[:]
            getattr(solver, key).extend(value)
        else:
            setattr(solver, key, value)
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise InputError(f"the solver's setting {key} cannot be {short_repr(value)}") from None


def check(solver: SolverParameter) -> None:
    """Check the settings of a solver. Its paths may still be missing.

    Raises:
        InputError: Caffe would abort at a setting, or the network would not learn with it. The message names the
            setting and what is expected.
    """
    for key, passes, expected in _rules(solver):
        if not passes:
            raise InputError(f"solver {key}: {expected} (--solver {key}=…), not {_text(getattr(solver, key))}")


def _rules(solver):
    """(key, whether it passes, what is expected) of each rule. ``check`` reports the first one that fails."""
    kind, policy, steps = solver.type, solver.lr_policy, list(solver.stepvalue)
    needs = f"lr_policy {policy} needs"
    rules = [
        ("type", kind in SOLVER_TYPES, f"expected one of {', '.join(SOLVER_TYPES)}"),
        ("lr_policy", policy in LR_POLICIES, f"expected one of {', '.join(LR_POLICIES)}"),
        (
            "regularization_type",
            solver.regularization_type in REGULARIZATIONS,
            f"expected one of {', '.join(REGULARIZATIONS)}",
        ),
        ("iter_size", solver.iter_size == 1, "must be 1: state the whole batch with --data batch_size=…"),
        ("max_iter", 0 < solver.max_iter <= MOST, f"expected a positive number of iterations, at most {MOST}"),
        ("base_lr", solver.base_lr > 0, "expected a learning rate above 0"),
        ("momentum", 0 <= solver.momentum < 1, "expected 0 or more, and below 1"),
        ("momentum", kind not in ("AdaGrad", "RMSProp") or solver.momentum == 0, f"{kind} takes none: expected 0"),
        ("momentum2", 0 <= solver.momentum2 < 1, "expected 0 or more, and below 1"),
        ("rms_decay", 0 <= solver.rms_decay < 1, "expected 0 or more, and below 1"),
        ("delta", solver.delta > 0, "expected a number above 0, which prevents divisions by zero"),
        ("weight_decay", solver.weight_decay >= 0, "expected 0 or more"),
        ("clip_gradients", solver.clip_gradients != 0, "expected a largest norm above 0, or -1 for no clipping"),
        (
            "stepsize",
            policy not in ("step", "sigmoid") or solver.stepsize > 0,
            f"{needs} a positive number of iterations",
        ),
        (
            "stepvalue",
            policy != "multistep" or (steps and steps == sorted(set(steps)) and steps[0] > 0),
            f"{needs} a list of rising iterations above 0",
        ),
        ("gamma", policy not in _FALLING or solver.gamma > 0, f"{needs} a factor above 0"),
        ("power", policy not in ("inv", "poly") or solver.power > 0, f"{needs} an exponent above 0"),
    ]
    numbers = [field.name for field in solver.DESCRIPTOR.fields if field.type == field.TYPE_FLOAT]
    finite = [(key, math.isfinite(getattr(solver, key)), "expected a finite number") for key in numbers]
    return [*finite, *rules]


def _text(value):
    if isinstance(value, float):
        return f"{value:.7g}"  # Caffe's are single precision
    return short_repr(value if isinstance(value, str | int) else list(value))
