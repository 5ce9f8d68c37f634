"""The mask-pose cascade, section 3.2 and Fig. 3: one definition, from which every prototxt is written.

The trunk is VGG-19 up to conv4_4 and three more layers; the 128 channels of the last one are the feature F. The mask
stage turns F into scores of 2 channels. F and the scores together are F+ (130 channels), the input of every sub-stage.
Each sub-stage after the first also sees the K + 1 heatmaps of the one before it.

Layers have the names of VGG-19 and OpenPose, so that public weights of either fill the layers that they share. The
mask stage stands in the place of OpenPose's stage 1, so the paper's sub-stage S^t is called ``stage<t+1>``. The variant
``openpose_hand`` has that stage 1.
"""

import json
from typing import Any

from maskpose.model.caffe_types import NetParameter, NetSpec, Top
from maskpose.model.variants import IGNORE_LABEL, NUM_KEYPOINTS, Variant

# number of the block between two poolings, channels and number of its convolutions, as VGG-19 has them
VGG_BLOCKS = ((1, 64, 2), (2, 128, 2), (3, 256, 4), (4, 512, 4))


def train_net(variant: Variant, db: str) -> NetParameter:
    """Return the training network; the Python data layer feeds it from the LMDB ``db``."""
    L, P, n = _new_net()
    tops = ["data"] + ["mask_label"] * variant.mask + ["heatmap_label"] * variant.pose
    outputs = L.Python(
        ntop=len(tops),
        module="maskpose.data_layer",
        layer="HandDataLayer",
        param_str=json.dumps(data_settings(variant, db)),
    )
    for name, top in zip(tops, outputs if len(tops) > 1 else [outputs]):
        n[name] = top
    masks, stage_outputs = cascade(L, P, n, variant)
    for number, mask_scores in enumerate(masks, start=1):
        n["mask_loss" if number == 1 else f"mask_loss_{number}"] = L.SoftmaxWithLoss(
            mask_scores,
            n.mask_label,
            loss_weight=variant.mask_loss_weight,
            loss_param={"ignore_label": IGNORE_LABEL, "normalization": P.Loss.BATCH_SIZE},  # eq. 2's 1/N
        )
    for stage, heatmaps in enumerate(stage_outputs, start=1 if variant.heatmaps_first else 2):
        n[f"heatmap_loss_stage{stage}"] = L.EuclideanLoss(
            heatmaps, n.heatmap_label, loss_weight=variant.heatmap_loss_weight
        )
    return _to_proto(n, variant)


def deploy_net(variant: Variant) -> NetParameter:
    """Return the network for inference: ``data`` in, ``mask_prob`` and the last heatmaps out."""
    L, P, n = _new_net()
    size = variant.input_size
    n.data = L.Input(shape={"dim": [1, 3, size, size]})
    masks, _ = cascade(L, P, n, variant)
    if variant.mask:
        n.mask_prob = L.Softmax(masks[-1])
    return _to_proto(n, variant)


def cascade(L: Any, P: Any, n: NetSpec, variant: Variant) -> tuple[list[Top], list[Top]]:
    """Add the cascade above ``n.data``; return (scores of each mask stage, heatmaps of each stage that has some).

    Here and below, L and P are caffe.layers and caffe.params.
    """
    feature = trunk(L, P, n, variant)
    masks = [mask_stage(L, n, variant, feature)] if variant.mask else []
    outputs = [first_heatmaps(L, n, variant, feature)] if variant.heatmaps_first else []
    for stage in range(2, variant.sub_stages + 2):
        outputs.append(sub_stage(L, n, variant, stage, [feature, *masks[-1:]], outputs[-1:]))
        if stage - 1 == variant.mask_again_after:
            feature_and_pose = n.concat_mask_2 = L.Concat(outputs[-1], feature, axis=1)
            masks.append(mask_stage(L, n, variant, feature_and_pose, "_2"))
    return masks, outputs


def trunk(L: Any, P: Any, n: NetSpec, variant: Variant) -> Top:
    """VGG-19 to conv4_4, then conv5_1, conv5_2 and conv5_3_CPM: the feature F, stride 8."""
    x = n.data
    for block, full, count in VGG_BLOCKS:
        for i in range(1, count + 1):
            x = _conv_relu(L, n, f"conv{block}_{i}", x, variant.channels(full), 3)
        if block < 4:
            x = n[f"pool{block}"] = L.Pooling(x, pool=P.Pooling.MAX, kernel_size=2, stride=2)
    x = _conv_relu(L, n, "conv5_1", x, variant.channels(512), 3)
    x = _conv_relu(L, n, "conv5_2", x, variant.channels(512), 3)
    return _conv_relu(L, n, "conv5_3_CPM", x, variant.feature_channels, 3)


def mask_stage(L: Any, n: NetSpec, variant: Variant, bottom: Top, suffix: str = "") -> Top:
    """The last two layers of a mask prediction stage: scores of background and hand, 2 channels."""
    x = _conv_relu(L, n, f"conv6_1_mask{suffix}", bottom, variant.channels(512), 1)
    return _output_conv(L, n, f"conv6_2_mask{suffix}", x, 2)


def first_heatmaps(L: Any, n: NetSpec, variant: Variant, feature: Top) -> Top:
    """OpenPose's stage 1, in the place of the mask stage: K + 1 heatmaps from F alone."""
    x = _conv_relu(L, n, "conv6_1_CPM", feature, variant.channels(512), 1)
    return _output_conv(L, n, "conv6_2_CPM", x, NUM_KEYPOINTS + 1)


def sub_stage(L: Any, n: NetSpec, variant: Variant, stage: int, feature_plus: list[Top], previous: list[Top]) -> Top:
    """Add a pose sub-stage: five 7x7 and two 1x1 convolutions to K + 1 heatmaps.

    Args:
        L: caffe.layers.
        n: the network.
        variant: what is being built.
        stage: number in the layers' names, t + 1 of the paper's S^t.
        feature_plus: F, and the mask's scores if the variant has them.
        previous: the heatmaps of the stage before; empty for the first.
    """
    bottoms = [*previous, *feature_plus]
    x = bottoms[0]
    if len(bottoms) > 1:
        x = n[f"concat_stage{stage}"] = L.Concat(*bottoms, axis=1)
    lr_mult = variant.sub_stage_lr_mult
    for i in range(1, 6):
        x = _conv_relu(L, n, f"Mconv{i}_stage{stage}", x, variant.channels(128), 7, lr_mult)
    x = _conv_relu(L, n, f"Mconv6_stage{stage}", x, variant.channels(128), 1, lr_mult)
    return _output_conv(L, n, f"Mconv7_stage{stage}", x, NUM_KEYPOINTS + 1, lr_mult)


def data_settings(variant: Variant, db: str) -> dict[str, Any]:
    """Return the data layer's param_str for training ``variant``, as a dict; see ``maskpose.data.settings``."""
    return {
        "db": db,
        "outputs": ["image"] + ["mask"] * variant.mask + ["heatmaps"] * variant.pose,
        "batch_size": variant.batch_size,
        "input_size": variant.input_size,
        "sigma": variant.sigma,
        "background": variant.background,
    }


def _new_net() -> tuple[Any, Any, NetSpec]:
    """(caffe.layers, caffe.params, an empty caffe.NetSpec)."""
    from maskpose.runtime import import_caffe

    caffe = import_caffe()
    return caffe.layers, caffe.params, caffe.NetSpec()


def _to_proto(n, variant):
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
