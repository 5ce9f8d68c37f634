"""The paper's own numbers, each with its place there."""

TABLE1 = {  # AP in percent, "on the whole validation dataset"
    "no_pose": {"AP50": 67.6, "AP75": 33.3, "AP80": 21.9},
    "mask_pose": {"AP50": 76.9, "AP75": 41.3, "AP80": 30.0},
}
VALIDATION_IMAGES = 1703  # EB, section 4.1
CMU = {  # Fig. 10: (folder in the data set's download, number of images)
    "MPI+NZSL": ("hand_labels/manual_test", 846),
    "Syn2": ("hand_labels_synth/synth2", 3243),
    "Syn3": ("hand_labels_synth/synth3", 2347),
}
ITERATION_SECONDS = 0.49  # section 3.3, Timing: 13 images, two GTX 1080 Ti
INFERENCE_MS = 30.0  # section 3.3, Timing: an image, with resizing and decoding, one GTX 1080 Ti
TITLES = {  # the paper's words for the networks
    "mask_pose": "proposed",
    "no_mask": "without the mask prediction stage",
    "no_pose": "without the pose prediction stage",
    "mask_pose_x2": "two mask and two pose components (section 4.3)",
    "openpose_hand": "the model given by [9]",
}
COLOURS = {  # Okabe and Ito's, which colour-blind people can distinguish; blue is Fig. 9's for the network without mask
    "mask_pose": "#D55E00",
    "no_mask": "#0072B2",
    "mask_pose_x2": "#CC79A7",
    "openpose_hand": "#009E73",
}
OTHER_COLOURS = ("#E69F00", "#56B4E9", "#000000", "#999999")  # of other programs' predictions
