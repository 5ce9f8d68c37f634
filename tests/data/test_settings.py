import json

import pytest

from maskpose.data.settings import DataSettings
from maskpose.errors import InputError


def test_defaults_are_the_papers():
    settings = DataSettings.from_json('{"db": "x"}')
    assert (settings.batch_size, settings.input_size, settings.sigma, settings.background) == (
        13,
        368,
        1.5,
        "sum",
    )
    assert (settings.scale, settings.rotation, settings.flip) == ((0.7, 1.2), 40.0, 0.5)


@pytest.mark.parametrize(
    "change,named",
    [
        ({"batchsize": 3}, "batchsize"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
        ({"input_size": 100}, "input_size"),
        ({"input_size": 8 * 10**9}, "input_size"),
        ({"sigma": -1}, "sigma"),
        ({"background": "mean"}, "background"),
        ({"scale": [1.2, 0.7]}, "scale"),
        ({"scale": 3}, "scale"),
        ({"outputs": ["heatmaps", "image"]}, "outputs"),
        ({"flip": 2}, "flip"),
        ({"seed": -1}, "seed"),
        ({"db": ""}, "db"),
        ({"workers": 257}, "workers"),  # a million of them would bring the machine to a halt
    ],
)
def test_a_wrong_key_or_value_is_named(change, named):
    with pytest.raises(InputError, match=named):
        DataSettings.from_json(json.dumps({"db": "x", **change}))


def test_errors_begin_with_the_name_that_the_settings_go_by():
    for change in ({"nope": 3}, {"flip": 2}):
        with pytest.raises(InputError, match=f"^--data: .*{next(iter(change))}"):
            DataSettings.from_json(json.dumps({"db": "x", **change}), "--data")


@pytest.mark.parametrize("text", ['{"db": "x", "seed": 1, "seed": 2}', '{"db": "x", "mix": {"y": 0.1, "y": 0.2}}'])
def test_a_key_that_is_there_twice_is_no_setting(text):
    with pytest.raises(InputError, match=r"param_str: (the key 'seed' appears twice|'mix' must be)"):
        DataSettings.from_json(text)


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}"])
def test_not_an_object_with_a_db(text):
    with pytest.raises(InputError, match="param_str"):
        DataSettings.from_json(text)
