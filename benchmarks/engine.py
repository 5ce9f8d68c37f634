"""How fast Caffe computes the cascade, beside PyTorch and OpenVINO on the same network.

Each engine runs in a process of its own, ``python -m benchmarks.engine ENGINE WHAT VARIANT BATCH``, which
prints milliseconds an iteration: two thread pools in one process would fight. Rounds alternate between engines.
"""

import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from benchmarks import ROUNDS, Row
from maskpose.errors import InputError
from maskpose.model.network import deploy_net, train_net
from maskpose.model.variants import NUM_KEYPOINTS, get_variant
from maskpose.runtime import import_caffe

SECONDS = 8  # of measuring a process, at least two iterations; one warms up
# row, what is measured, variant, the batch that the row's plain name stands for, peers: the ratio's first
CASES = (
    ("train_full", "train", "mask_pose", 8, ("torch",)),
    ("train_compact", "train", "compact/mask_pose", 8, ("torch",)),
    ("forward_full", "forward", "mask_pose", 1, ("openvino", "torch")),
    ("forward_compact", "forward", "compact/mask_pose", 1, ("openvino", "torch")),
)


def run(batches=(1, 8)):
    """Yield Rows: ms a training step (peer PyTorch, channels_last), a forward pass (OpenVINO fp32, then PyTorch).

    ``train_full`` and ``train_compact`` are of batch 8, the forward rows of batch 1; ``_batch<n>`` names the other.
    """
    for name, what, variant, usual, peers in CASES:
        for batch in batches:
            seen = {engine: [] for engine in ("caffe", *peers)}
            for _ in range(ROUNDS):
                for engine, times in seen.items():
                    times.append(measure_apart(engine, what, variant, batch))
            ours, *theirs = map(statistics.median, seen.values())
            full_name = name if batch == usual else f"{name}_batch{batch}"
            for peer, time_of_peer in zip(peers, theirs):
                row_name = full_name if peer == peers[0] else f"{full_name}_{peer}"
                yield Row(row_name, "ms", ours, time_of_peer)


def measure_apart(engine, what, variant, batch):
    """ms an iteration, measured in another process; variant: a name that maskpose.model.variants.get_variant takes."""
    command = [sys.executable, "-m", "benchmarks.engine", engine, what, variant, str(batch)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise InputError(f"{engine} could not be measured: {result.stderr.strip().splitlines()[-1]}")
    return float(result.stdout.split()[-1])


def milliseconds(step):
    """Median ms of a call of ``step``, over SECONDS."""
    step()
    times, end = [], time.perf_counter() + SECONDS
    while len(times) < 2 or time.perf_counter() < end:
        started = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def caffe_step(what, variant, batch):
    """A callable that runs one iteration on Caffe: a solver's step on constant data, or a forward pass."""
    caffe = import_caffe()
    if what == "forward":
        net = deploy_net(variant)
        net.layer[0].input_param.shape[0].dim[0] = batch
        net = caffe.Net(_file(str(net)), caffe.TEST)
        return net.forward
    net = train_net(variant, "none")
    data = net.layer[0]
    cells, tops = variant.grid_size, list(data.top)
    data.Clear()
    data.name, data.type = "data", "DummyData"
    data.top.extend(tops)
    shapes = ([batch, 3, variant.input_size, variant.input_size], [batch, 1, cells, cells])
    for shape in (*shapes, [batch, NUM_KEYPOINTS + 1, cells, cells]):
        data.dummy_data_param.shape.add().dim.extend(shape)
        data.dummy_data_param.data_filler.add().type = "constant"
    solver = f'net: "{_file(str(net))}" base_lr: 1e-9 lr_policy: "fixed" momentum: 0.9 max_iter: 1000000'
    solver = caffe.get_solver(_file(solver))
    return lambda: solver.step(1)


def torch_step(what, variant, batch):
    """As caffe_step on PyTorch: fp32, channels_last, SGD with momentum."""
    import torch

    net = torch_cascade(train_net(variant, "none") if what == "train" else deploy_net(variant))
    net = net.to(memory_format=torch.channels_last)
    size, cells = variant.input_size, variant.grid_size
    image = torch.zeros(batch, 3, size, size).to(memory_format=torch.channels_last)
    if what == "forward":

        def forward():
            with torch.inference_mode():
                net(image)

        return forward
    mask = torch.zeros(batch, cells, cells, dtype=torch.long)
    heatmaps = torch.zeros(batch, NUM_KEYPOINTS + 1, cells, cells)
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-9, momentum=0.9)

    def step():
        optimiser.zero_grad()
        blobs = net(image)
        loss = 0.05 * torch.nn.functional.cross_entropy(blobs["conv6_2_mask"], mask, reduction="sum") / batch
        for stage in range(2, variant.sub_stages + 2):
            loss = loss + ((blobs[f"Mconv7_stage{stage}"] - heatmaps) ** 2).sum() / (2 * batch)
        loss.backward()
        optimiser.step()

    return step


def openvino_step(what, variant, batch):
    """A callable that runs one forward pass on OpenVINO in fp32."""
    import torch

    from maskpose.runtime import import_openvino

    openvino = import_openvino()
    if what != "forward":
        raise InputError("OpenVINO does not train")
    size = variant.input_size
    net = torch_cascade(deploy_net(variant), outputs=True).eval()
    example = torch.zeros(batch, 3, size, size)
    model = openvino.convert_model(net, example_input=example, input=[batch, 3, size, size])
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    image = np.zeros((batch, 3, size, size), np.float32)
    return lambda: compiled(image)


def torch_cascade(net, outputs=False):
    """A torch Module that computes a NetParameter's convolutions, ReLUs, poolings, concatenations and softmax.

    Its forward gives {blob: tensor}, or with ``outputs`` the blobs that nothing consumes, as a tuple.
    """
    import torch

    layers = [layer for layer in net.layer if layer.type in ("Convolution", "ReLU", "Pooling", "Concat", "Softmax")]
    consumed = {bottom for layer in layers for bottom in layer.bottom}

    class Cascade(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolutions = torch.nn.ModuleDict()
            channels = {"data": 3}
            for layer in layers:
                inputs = [channels[bottom] for bottom in layer.bottom]
                channels[layer.top[0]] = sum(inputs)
                if layer.type == "Convolution":
                    param = layer.convolution_param
                    channels[layer.top[0]] = param.num_output
                    self.convolutions[layer.name] = torch.nn.Conv2d(
                        inputs[0], param.num_output, param.kernel_size[0], padding=param.pad[0]
                    )

        def forward(self, image):
            blobs = {"data": image}
            for layer in layers:
                x = blobs[layer.bottom[0]]
                if layer.type == "Convolution":
                    x = self.convolutions[layer.name](x)
                elif layer.type == "ReLU":
                    x = torch.relu_(x)
                elif layer.type == "Pooling":
                    x = torch.nn.functional.max_pool2d(x, 2)
                elif layer.type == "Concat":
                    x = torch.cat([blobs[bottom] for bottom in layer.bottom], 1)
                else:
                    x = torch.softmax(x, 1)
                blobs[layer.top[0]] = x
            if outputs:
                return tuple(blobs[layer.top[0]] for layer in layers if layer.top[0] not in consumed)
            return blobs

    return Cascade()


def _file(text):
    with tempfile.NamedTemporaryFile("w", suffix=".prototxt", delete=False) as file:
        file.write(text)
    return file.name


def main():
    """Entry of a measuring process."""
    name, what, variant, batch = sys.argv[1:]
    steps = {"caffe": caffe_step, "torch": torch_step, "openvino": openvino_step}
    print(milliseconds(steps[name](what, get_variant(variant), int(batch))))


if __name__ == "__main__":
    main()
