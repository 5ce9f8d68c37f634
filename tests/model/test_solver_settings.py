import pytest

from maskpose.errors import InputError
from maskpose.model import solver_settings
from maskpose.runtime import import_caffe


def solver(**changes):
    message = import_caffe().proto.caffe_pb2.SolverParameter(
        type="SGD", base_lr=0.01, momentum=0.9, lr_policy="fixed", max_iter=10
    )
    for key, value in changes.items():
        solver_settings.set_field(message, key, value)
    return message


ALLOWED = [
    {}, {"type": "Nesterov", "momentum": 0.0}, {"type": "AdaGrad", "momentum": 0.0}, {"clip_gradients": -1.0},
    {"type": "RMSProp", "momentum": 0.0, "rms_decay": 0.0}, {"type": "AdaDelta"}, {"type": "Adam", "momentum2": 0.0},
    {"lr_policy": "multistep", "gamma": 0.1, "stepvalue": [1, 5]}, {"lr_policy": "inv", "gamma": 1e-4, "power": 0.75},
    {"weight_decay": 0.0, "regularization_type": "L1"},
]  # fmt: skip
REFUSED = [  # the last key is the one at fault
    {"type": "sgd"}, {"lr_policy": "cosine"}, {"regularization_type": "L3"}, {"iter_size": 0}, {"iter_size": 2},
    {"max_iter": 0}, {"max_iter": -1}, {"base_lr": 0.0}, {"base_lr": -1.0}, {"base_lr": float("nan")},
    {"base_lr": float("inf")}, {"base_lr": 1e-60}, {"momentum": 1.0}, {"momentum": -0.1},
    {"type": "AdaGrad", "momentum": 0.9}, {"type": "RMSProp", "momentum": 0.9}, {"type": "Adam", "momentum2": 1.0},
    {"type": "RMSProp", "momentum": 0.0, "rms_decay": 1.0}, {"rms_decay": -0.1}, {"type": "Adam", "delta": 0.0},
    {"weight_decay": -1e-4}, {"clip_gradients": 0.0}, {"clip_gradients": float("nan")},
    {"lr_policy": "step", "gamma": 0.1, "stepsize": 0}, {"lr_policy": "step", "stepsize": 5, "gamma": 0.0},
    {"lr_policy": "exp", "gamma": -1.0}, {"lr_policy": "poly", "power": 0.0}, {"lr_policy": "inv", "gamma": -1.0},
    {"lr_policy": "sigmoid", "gamma": 1.0, "stepsize": 0}, {"lr_policy": "multistep", "gamma": 0.1, "stepvalue": []},
    {"lr_policy": "multistep", "gamma": 0.1, "stepvalue": [5, 5]},
    {"lr_policy": "multistep", "gamma": 0.1, "stepvalue": [0, 5]},
]  # fmt: skip


@pytest.mark.parametrize("changes", ALLOWED, ids=str)
def test_settings_that_caffe_takes_pass(changes):
    solver_settings.check(solver(**changes))


@pytest.mark.parametrize("changes", REFUSED, ids=str)
def test_settings_that_abort_or_teach_nothing_are_errors_that_name_the_setting(changes):
    with pytest.raises(InputError, match=rf"^solver {list(changes)[-1]}: .*(expected|must be|needs)"):
        solver_settings.check(solver(**changes))


@pytest.mark.parametrize(
    "key,value",
    [("base_lr", True), ("base_lr", "fast"), ("base_lr", 10**400), ("max_iter", 3 * 10**9), ("stepvalue", 5),
     ("base_lr", [1]), ("type", None), ("layer_wise_reduce", 2), ("SerializeToString", 1)],
)  # fmt: skip
def test_unknown_settings_and_values_are_errors(key, value):
    with pytest.raises(InputError, match=f"no setting {key}|setting {key} cannot be"):
        solver(**{key: value})
