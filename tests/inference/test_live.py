"""tools/webcam.py on a film made of a rendered hand that moves: files, a window, Ctrl-C."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from conftest import ROOT
from film_files import grey_jpegs, write_mp4
from maskpose.data.database import Reader
from maskpose.data.datasets import onehand10k
from maskpose.inference import live
from maskpose.inference.hand import Hand
from maskpose.inference.predictor import Predictor
from maskpose.inference.video import FrameSource, VideoWriter
from maskpose.io.files import GrowingFile
from maskpose.testing.databases import build_onehand10k

FRAMES = 18


def motion(n):
    """2x3 map from the picture to frame ``n``: it drifts and turns."""
    return np.add(cv2.getRotationMatrix2D((128, 128), n, 1.0), [[0, 0, 1.5 * n], [0, 0, -0.8 * n]])


@pytest.fixture(scope="module")
def hand(tmp_path_factory):
    """The embedded test picture that the shipped weights find best, and its keypoints as they find them."""
    folder = tmp_path_factory.mktemp("db")
    root = ROOT / "examples/rendered_hands"
    build_onehand10k(root, onehand10k.plan(root)["test"], folder / "test.lmdb")
    predictor, best = Predictor(engine="caffe", use_pyramid=False), None  # one pass, as films are predicted
    for sample in Reader(folder / "test.lmdb"):
        if sample.width == sample.height:
            image = sample.decode_image()
            found = predictor.predict(image)
            if best is None or found.confidences.min() > best[1].confidences.min():
                best = image, found
    return best


@pytest.fixture(scope="module")
def film(hand, tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "moving.avi"
    with VideoWriter(path, 25) as writing:
        for n in range(FRAMES):
            writing.write(cv2.warpAffine(hand[0], motion(n), (256, 256), borderMode=cv2.BORDER_REFLECT))
    return path


def webcam(*arguments, **environment):
    command = [sys.executable, "tools/webcam.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment})


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("options", [(), ("--every", 3), ("--every", 2, "--follow"), ("--follow", "--smooth")])
def test_keypoints_move_with_the_hand(hand, film, tmp_path, options):
    result = webcam("--source", film, "--out", tmp_path / "found.mp4", "--json", tmp_path / "found.jsonl", *options)
    assert result.returncode == 0 and f"frames {FRAMES}," in result.stdout, result.stderr
    lines = read_lines(tmp_path / "found.jsonl")
    assert [line["frame"] for line in lines] == list(range(FRAMES))
    every = options[1] if "--every" in options else 1
    assert [line["detected"] for line in lines] == [n % every == 0 for n in range(FRAMES)]
    size = np.ptp(hand[1].keypoints, axis=0).max()
    distances = []
    for n, line in enumerate(lines):
        expected = hand[1].keypoints @ motion(n)[:, :2].T + motion(n)[:, 2]
        distances.append(np.linalg.norm(np.array(line["keypoints"])[:, :2] - expected, axis=1))
    assert np.mean(np.array(distances) < 0.2 * size) > 0.85
    pictures = [frame.image for frame in FrameSource(tmp_path / "found.mp4")]
    assert len(pictures) == FRAMES and pictures[0].shape == (256, 256, 3)
    assert pictures[5][:8, :8].mean() < 60  # the caption's dark ground


@pytest.mark.skipif(not shutil.which("Xvfb"), reason="Xvfb (Debian's xvfb) is not installed")
def test_a_window_under_a_screen_that_is_none(film, tmp_path):
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "640x480x24"], pass_fds=[writing],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            display = f":{pipe.readline().strip()}"
        result = webcam("--source", film, DISPLAY=display)
        assert result.returncode == 0 and f"frames {FRAMES}," in result.stdout, result.stderr
        both = webcam("--source", film, "--window", "--json", tmp_path / "a.jsonl", DISPLAY=display)
        assert both.returncode == 0 and len(read_lines(tmp_path / "a.jsonl")) == FRAMES
    finally:
        server.terminate()
        server.wait()


def test_no_screen_is_one_line(film):
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, "tools/webcam.py", "--source", str(film)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert result.returncode == 2 and result.stderr.startswith("error: there is no screen"), result.stderr


def test_nothing_but_the_error_is_said_of_what_does_not_open(tmp_path):
    """Neither OpenCV's warnings nor FFmpeg's."""
    (tmp_path / "text.mp4").write_text("no film")
    for source, kind in (("97", "camera"), (tmp_path / "text.mp4", "film")):
        result = webcam("--source", source, "--json", tmp_path / "a.jsonl")
        assert result.returncode == 2 and result.stderr == f"error: {source}: this {kind} cannot be opened\n"


def test_what_is_read_is_not_written_over(film, tmp_path):
    copy = tmp_path / "film.avi"
    shutil.copy(film, copy)
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures/01.png"), np.zeros((8, 8, 3), np.uint8))
    for source, options, message in (
        (copy, ["--out", tmp_path / "pictures/../film.avi"], "--out would write over it"),
        (copy, ["--json", copy], "--json would write over it"),
        (copy, ["--out", tmp_path / "a.mp4", "--json", tmp_path / "a.mp4"], "--out and --json would both write"),
        (f"{tmp_path}/pictures/%02d.png", ["--json", tmp_path / "pictures/01.png"], "--json would write over it"),
    ):
        result = webcam("--source", source, *options)
        assert result.returncode == 2 and message in result.stderr and result.stderr.count("\n") == 1, result.stderr
    assert copy.read_bytes() == film.read_bytes() and not (tmp_path / "a.mp4").exists()


def test_a_folder_of_pictures_of_two_sizes_with_its_results_in_it(hand, tmp_path):
    """The second run takes the first one's film for no picture, and flow is not asked for between two sizes."""
    for n, size in enumerate((256, 256, 200)):
        cv2.imwrite(str(tmp_path / f"{n}.png"), cv2.resize(hand[0], (size, size)))
    for _ in range(2):
        result = webcam("--source", tmp_path, "--out", tmp_path / "a.mp4", "--json", tmp_path / "a.jsonl", "--every", 3)
        assert result.returncode == 0, result.stderr
    lines = read_lines(tmp_path / "a.jsonl")
    assert [line["detected"] for line in lines] == [True, False, True]
    assert [line["image"] for line in lines] == [f"{tmp_path}/{n}.png" for n in range(3)]
    assert [frame.image.shape for frame in FrameSource(tmp_path / "a.mp4")] == [(256, 256, 3)] * 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_whole_film(film, tmp_path, number):
    long = tmp_path / "long.avi"
    with VideoWriter(long, 5) as writing:
        for _ in range(20):
            for frame in FrameSource(film):
                writing.write(frame.image)
    out, lines = tmp_path / "found.mp4", tmp_path / "found.jsonl"
    command = [sys.executable, "tools/webcam.py", "--source", long, "--paced", "--out", out, "--json", lines]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(list(map(str, command)), cwd=ROOT, text=True, **pipes)
    deadline = time.monotonic() + 120
    while not (lines.exists() and len(lines.read_text().splitlines()) >= 3) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in errors, errors
    found = read_lines(lines)
    assert 3 <= len(found) < 20 * FRAMES and f"frames {len(found)}," in output
    assert len(list(FrameSource(out))) == found[-1]["frame"] + 1  # at the film's own pace, whatever was dropped


class Tracker:
    """Finds the same hand in every frame."""

    def __call__(self, image, seconds):
        return Hand(np.full((21, 2), 30.0), np.full(21, 0.9, np.float32), None, None, np.eye(2, 3)), True


def test_what_is_written_of_a_film_without_a_constant_rate_keeps_its_pace(tmp_path):
    """Its last frame stands for 0.2 s; of the film written, the brightness at each time says which frame is seen."""
    durations = [33, 33, 33, 200, 200, 33, 33, 200]
    times = np.cumsum([0, *durations[:-1]])
    write_mp4(tmp_path / "phone.mp4", grey_jpegs(8, 30), durations)
    frames = FrameSource(tmp_path / "phone.mp4")
    with VideoWriter(tmp_path / "a.avi", frames.rate) as film, GrowingFile(tmp_path / "a.jsonl", anew=True) as lines:
        live.process_frames(frames, Tracker(), 0.95, film, lines)
    assert [line["seconds"] for line in read_lines(tmp_path / "a.jsonl")] == pytest.approx(times / 1000, abs=0.001)
    pictures = [frame.image[-1, -1].mean() for frame in FrameSource(tmp_path / "a.avi")]
    assert len(pictures) / frames.rate == pytest.approx(sum(durations) / 1000, abs=0.5 / frames.rate)
    middles = (times + np.array(durations) / 2) / 1000
    shown = [pictures[int(middle * frames.rate)] for middle in middles]
    assert shown == pytest.approx(30 * np.arange(8), abs=4)


def test_a_damaged_film_is_done_as_far_as_it_goes_and_ends_with_status_2(tmp_path):
    jpegs = grey_jpegs(6)
    jpegs[2] = bytes(len(jpegs[2]))
    write_mp4(tmp_path / "a.mp4", jpegs, [40] * 6)
    result = webcam("--source", tmp_path / "a.mp4", "--json", tmp_path / "a.jsonl", "--out", tmp_path / "found.mp4")
    assert result.returncode == 2 and f"left out: 1 frame of {tmp_path}/a.mp4, damaged\n" in result.stderr
    numbers = [line["frame"] for line in read_lines(tmp_path / "a.jsonl")]
    assert "frames 5," in result.stdout and numbers == [0, 1, 3, 4, 5]
    assert len(list(FrameSource(tmp_path / "found.mp4"))) == 6


def test_a_caption_is_readable_in_small_and_large_pictures():
    for size in ((64, 64, 3), (1080, 1920, 3)):
        image = np.full(size, 128, np.uint8)
        live.draw_caption(image, "25.0 frames/s")
        assert (image == 0).all(axis=2).any() and image.max() > 200 and (image[-1] == 128).all()
