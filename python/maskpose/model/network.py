"""The mask-pose cascade, section 3.2 and Fig. 3: one definition, from which every prototxt is written.

The trunk is VGG-19 up to conv4_4 and three layers more, whose 128 channels are the feature F. The mask
stage turns F into 2-channel scores; F and the scores together are F+ (130 channels), the input of every
sub-stage; each sub-stage after the first also sees its predecessor's K + 1 heatmaps. Names are VGG-19's
and OpenPose's, so that public weights of either fill the layers that they share: the paper's sub-stage
S^t is ``stage<t+1>``, as OpenPose's stage 1 is what the mask stage stands in for. The variant
``openpose_hand`` has that stage 1.
"""

import json

from maskpose.errors import InputError
from maskpose.io.files import REPOSITORY
from maskpose.model.variants import IGNORE_LABEL, KEYPOINTS, VARIANTS

# channels and number of the VGG-19 convolutions between poolings
VGG_BLOCKS = ((1, 64, 2), (2, 128, 2), (3, 256, 4), (4, 512, 4))


def train_net(variant, db):
    """NetParameter of the training network, fed by the Python data layer from the LMDB ``db``."""
    L, n = _new_net()
    tops = ["data"] + ["mask_label"] * variant.mask + ["heatmap_label"] * variant.pose
    outputs = L.Python(
        ntop=len(tops),
        module="maskpose.data_layer",
        layer="HandDataLayer",
        param_str=json.dumps(data_settings(variant, db)),
    )
    for name, top in zip(tops, outputs if len(tops) > 1 else [outputs]):
        setattr(n, name, top)
    masks, stage_outputs = cascade(L, n, variant)
    for number, mask_scores in enumerate(masks, start=1):
        n["mask_loss" if number == 1 else f"mask_loss_{number}"] = L.SoftmaxWithLoss(
            mask_scores,
            n.mask_label,
            loss_weight=variant.mask_loss_weight,
            loss_param={"ignore_label": IGNORE_LABEL, "normalization": 2},  # 2: BATCH_SIZE, eq. 2's 1/N
        )
    for stage, heatmaps in enumerate(stage_outputs, start=1 if variant.heatmaps_first else 2):
        n[f"heatmap_loss_stage{stage}"] = L.EuclideanLoss(
            heatmaps, n.heatmap_label, loss_weight=variant.heatmap_loss_weight
        )
    return _named(n, variant)


def deploy_net(variant):
    """NetParameter of the network for inference: ``data`` in, ``mask_prob`` and the last heatmaps out."""
    L, n = _new_net()
    size = variant.input_size
    n.data = L.Input(shape={"dim": [1, 3, size, size]})
    masks, _ = cascade(L, n, variant)
    if variant.mask:
        n.mask_prob = L.Softmax(masks[-1])
    return _named(n, variant)


def cascade(L, n, variant):
    """Add the cascade above ``n.data``; give the scores of each mask stage and each stage of heatmaps' output."""
    feature = trunk(L, n, variant)
    masks = [mask_stage(L, n, variant, feature)] if variant.mask else []
    outputs = [first_heatmaps(L, n, variant, feature)] if variant.heatmaps_first else []
    for stage in range(2, variant.sub_stages + 2):
        outputs.append(sub_stage(L, n, variant, stage, [feature, *masks[-1:]], outputs[-1:]))
        if stage - 1 == variant.mask_again_after:
            seen = n.concat_mask_2 = L.Concat(outputs[-1], feature, axis=1)
            masks.append(mask_stage(L, n, variant, seen, "_2"))
    return masks, outputs


def trunk(L, n, variant):
    """VGG-19 to conv4_4, then conv5_1, conv5_2 and conv5_3_CPM: the feature F, stride 8."""
    x = n.data
    for block, full, count in VGG_BLOCKS:
        for i in range(1, count + 1):
            x = _conv_relu(L, n, f"conv{block}_{i}", x, variant.channels(full), 3)
        if block < 4:
            x = n[f"pool{block}"] = L.Pooling(x, pool=0, kernel_size=2, stride=2)  # 0: MAX
    x = _conv_relu(L, n, "conv5_1", x, variant.channels(512), 3)
    x = _conv_relu(L, n, "conv5_2", x, variant.channels(512), 3)
    return _conv_relu(L, n, "conv5_3_CPM", x, variant.feature_channels, 3)


def mask_stage(L, n, variant, seen, suffix=""):
    """The last two layers of a mask prediction stage: scores of background and hand, from what it is to see."""
    x = _conv_relu(L, n, f"conv6_1_mask{suffix}", seen, variant.channels(512), 1)
    return _output_conv(L, n, f"conv6_2_mask{suffix}", x, 2)


def first_heatmaps(L, n, variant, feature):
    """OpenPose's stage 1, in the place of the mask stage: K + 1 heatmaps from F alone."""
    x = _conv_relu(L, n, "conv6_1_CPM", feature, variant.channels(512), 1)
    return _output_conv(L, n, "conv6_2_CPM", x, KEYPOINTS + 1)


def sub_stage(L, n, variant, stage, feature_plus, previous):
    """One pose sub-stage: five 7x7 and two 1x1 convolutions to K + 1 heatmaps."""
    bottoms = [*previous, *feature_plus]
    x = bottoms[0]
    if len(bottoms) > 1:
        x = n[f"concat_stage{stage}"] = L.Concat(*bottoms, axis=1)
    lr_mult = variant.sub_stage_lr_mult
    for i in range(1, 6):
        x = _conv_relu(L, n, f"Mconv{i}_stage{stage}", x, variant.channels(128), 7, lr_mult)
    x = _conv_relu(L, n, f"Mconv6_stage{stage}", x, variant.channels(128), 1, lr_mult)
    return _output_conv(L, n, f"Mconv7_stage{stage}", x, KEYPOINTS + 1, lr_mult)


def data_settings(variant, db):
    """The data layer's param_str for training ``variant``, as a dict; see ``maskpose.data.settings``."""
    return {
        "db": db,
        "outputs": ["image"] + ["mask"] * variant.mask + ["heatmaps"] * variant.pose,
        "batch_size": variant.batch_size,
        "input_size": variant.input_size,
        "sigma": variant.sigma,
        "background": variant.background,
    }


def solver_text(variant, net, snapshot_prefix):
    """Text of solver.prototxt. No solver_mode: ``caffe train -gpu 0`` or its absence decides."""
    solver = variant.solver
    lines = [f'net: "{net}"', f'type: "{solver.type}"']
    for key in ("base_lr", "momentum", "lr_policy", "max_iter", "weight_decay", "snapshot"):
        value = getattr(solver, key)
        lines.append(f"{key}: {json.dumps(value)}")
    if solver.lr_policy == "step":
        lines += [f"gamma: {solver.gamma}", f"stepsize: {solver.stepsize}"]
    lines += [f"{key}: {json.dumps(value)}" for key, value in solver.extra.items()]
    lines += [f'snapshot_prefix: "{snapshot_prefix}"', "display: 20", "average_loss: 20", "random_seed: 1"]
    return "\n".join(lines) + "\n"


def prototxt_files(variant, db="data/onehand10k/train.lmdb"):
    """The variant's files as {path below prototxt/: text}."""
    from google.protobuf import text_format

    header = "# Written by `make prototxt` from python/maskpose/model/network.py; change it there.\n"
    folder, name = variant.name, variant.name.rsplit("/", 1)[-1]
    solver = solver_text(variant, f"prototxt/{folder}/train.prototxt", f"runs/stock/{folder}/{name}")
    return {
        f"{folder}/train.prototxt": header + text_format.MessageToString(train_net(variant, db)),
        f"{folder}/deploy.prototxt": header + text_format.MessageToString(deploy_net(variant)),
        f"{folder}/solver.prototxt": header + solver,
    }


def prototxt_text(variant, kind):
    """Text of a variant's ``kind``.prototxt (train, deploy or solver): the committed file, or, where the variant's
    name ends in changes, what it would be. Raises InputError where the file is missing.
    """
    if variant.name not in VARIANTS:
        return prototxt_files(variant)[f"{variant.name}/{kind}.prototxt"]
    path = REPOSITORY / "prototxt" / variant.name / f"{kind}.prototxt"
    if not path.is_file():
        raise InputError(f"{path} is missing: run `make prototxt`")
    return path.read_text()


def _new_net():
    from maskpose.runtime import import_caffe

    caffe = import_caffe()
    return caffe.layers, caffe.NetSpec()


def _named(n, variant):
    net = n.to_proto()
    net.name = variant.name
    return net


def _conv_relu(L, n, name, bottom, channels, kernel, lr_mult=1.0):
    n[name] = _convolution(L, bottom, channels, kernel, lr_mult, {"type": "msra"})
    top = L.ReLU(n[name], in_place=True)
    n[name.replace("conv", "relu")] = top
    return top


def _output_conv(L, n, name, bottom, channels, lr_mult=1.0):
    n[name] = _convolution(L, bottom, channels, 1, lr_mult, {"type": "gaussian", "std": 0.01})
    return n[name]


def _convolution(L, bottom, channels, kernel, lr_mult, weight_filler):
    return L.Convolution(
        bottom,
        num_output=channels,
        kernel_size=kernel,
        pad=kernel // 2,
        weight_filler=weight_filler,
        bias_filler={"type": "constant"},
        param=[{"lr_mult": lr_mult, "decay_mult": 1.0}, {"lr_mult": 2 * lr_mult, "decay_mult": 0.0}],
    )
