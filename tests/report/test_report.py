"""The report's numbers, pictures and errors; tests/report/test_report_page.py opens it in a browser."""

import base64
import json
import shutil
from dataclasses import asdict, replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from conftest import run_tool, shifted_results
from maskpose.codecs.masks import pack_mask
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.evaluation import protocols
from maskpose.evaluation.scores import score_results, scores_by_origin
from maskpose.inference.hand import Hand
from maskpose.keypoints import FINGERS, KEYPOINT_NAMES
from maskpose.report import collect, gallery, page


@pytest.fixture
def scored(tmp_path):
    """A function that writes the scores.json of results off by ``offsets`` into a folder, and gives the folder."""

    def write(name, offsets, settings=protocols.PROTOCOLS["paper"], **more):
        results = shifted_results(offsets, ious=np.linspace(0.4, 0.9, len(offsets)), origins="ab" * (len(offsets) // 2))
        results.visible[::3, 4] = False
        results.without_hand[-1:], results.visible[-1:] = True, False
        document = {
            "db": "data/gone.lmdb", "db_sha256": "1" * 64, "origins": None, "by": "origin", "annotations": None,
            "variant": "compact/mask_pose", "weights": "gone.caffemodel", "weights_sha256": "2" * 64,
            "ways": {"single": {"use_pyramid": False, "refine": False}}, "settings": asdict(settings),
            "scores": {"single": scores_by_origin(results, settings)}, **more,
        }  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "scores.json").write_text(json.dumps(document))
        return tmp_path / name

    return write


def html_of(*given):
    runs = collect.read_runs(map(str, given))
    return page.render(collect.collect(runs, [{"absent": "nothing to show"}] * len(runs)))


class Cells(HTMLParser):
    """{(part, series or selection, score): [(value, text) …]} of a page's tables; without <data>, [(None, text)]."""

    def __init__(self, html):
        super().__init__()
        self.cells, self._part, self._row, self._key, self._value, self._column = {}, None, None, None, None, 0
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag in ("tbody", "div") and "data-part" in attributes:
            self._part = attributes["data-part"]
        if tag == "tr":
            self._row, self._column = attributes.get("data-series", attributes.get("data-selection")), 0
        if tag == "td":
            self._key = None
            if "data-score" in attributes:
                self._key = (self._part, self._row, attributes["data-score"], self._column)
                self.cells[self._key] = []
                self._column += 1
        if tag == "data":
            self._value = float(attributes["value"])

    def handle_endtag(self, tag):
        if tag == "td":
            self._key = None
        if tag == "data":
            self._value = None

    def handle_data(self, text):
        if self._key and text.strip() and (self._value is not None or text.strip() not in "–"):
            self.cells[self._key].append((self._value, text.strip()))
        elif self._key and text.strip() == "–" and not self.cells[self._key]:
            self.cells[self._key].append((None, "–"))


def assert_shows(cell, figure, decimals):
    """A cell has a figure of scores.json and its interval, exactly in <data>, rounded in its text."""
    if figure["value"] is None:
        assert cell == [(None, "–")]
        return
    expected = [figure["value"], figure["low"], figure["high"]]
    assert [value for value, _ in cell] == expected
    assert [text for _, text in cell] == [f"{value:.{decimals}f}" for value in expected]


def test_every_number_is_that_of_scores_json(scored):
    folders = [scored("one", [1, 5, 22, 30, 60, 18]), scored("two", [2, 40, 3, 19, 25, 7])]
    cells = Cells(html_of(*folders)).cells
    seen = 0
    for series, folder in enumerate(folders):
        for part, row in json.loads((folder / "scores.json").read_text())["scores"]["single"].items():
            of_row = {key[2]: cell for key, cell in cells.items() if key[:2] == (part, str(series))}
            assert {name: of_row[name] for name in ("images", "missed", "masks")} == {
                name: [(None, str(row[name]))] for name in ("images", "missed", "masks")
            }
            for name, decimals in {"pck": 3, "auc": 3, "epe_mean": 1, "epe_median": 1, "mask_iou": 3}.items():
                assert_shows(of_row[name], row[name], decimals)
            for name in ("found", "claimed"):
                assert_shows(of_row[name], row[name], 3)
            for name, figure in row["ap"].items():
                assert_shows(of_row[f"ap.{name}"], figure, 3)
            for what in ("finger", "joint"):
                for name, figure in row[f"pck_per_{what}"].items():
                    assert_shows(cells[part, name, f"pck_per_{what}.{name}", series], figure, 3)
            seen += 1
    assert seen == 6  # all, a and b, twice


def test_scores_of_an_earlier_version_have_no_hands_found(scored):
    folder = scored("one", [1, 5])
    document = json.loads((folder / "scores.json").read_text())
    for row in document["scores"]["single"].values():
        del row["found"], row["claimed"]
    (folder / "scores.json").write_text(json.dumps(document))
    cells = Cells(html_of(folder)).cells
    assert [cell for key, cell in cells.items() if key[2] in ("found", "claimed")] == [[(None, "–")]] * 6


def test_notes_on_the_masks_are_on_the_page(scored):
    html = html_of(scored("one", [1, 5], notes=["unknown pixels count & not"]))
    assert "<dt>Masks</dt><dd>unknown pixels count &amp; not</dd>" in html
    assert "<dt>Masks</dt>" not in html_of(scored("two", [1, 5]))


class Answer:
    """Finds every pixel to be hand."""

    def predict(self, image):
        mask, maps = np.ones(image.shape[:2], bool), np.zeros((22, 23, 23), np.float32)
        return Hand(np.full((21, 2), 30.0), np.ones(21), mask, maps, np.eye(2, 3))


def test_a_photograph_shows_its_unknown_pixels_and_its_iou_leaves_them_out():
    hand, unknown = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    hand[:, :30], unknown[:, 30:50] = True, True
    image = cv2.imencode(".png", np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    sample = Sample("a.png", image, 60, 40, np.zeros((21, 2)), np.ones(21, bool), pack_mask(hand), "", "", "",
                    pack_mask(unknown))  # fmt: skip
    found = gallery._photograph(sample, Answer(), shifted_results([0]), np.zeros(21), 0)
    assert found["iou"] == 0.75 and found["unknown_mask"] == gallery.outline(unknown) != ""
    empty = replace(sample, visible=np.zeros(21, bool), mask=pack_mask(np.zeros((40, 60), bool)), unknown=b"")
    found = gallery._photograph(empty, Answer(), shifted_results([0]), np.full(21, np.nan), 0)
    assert found["iou"] is None and found["unknown_mask"] == found["truth_mask"] == ""


def test_curves_of_joints_fingers_and_tips(scored):
    folder = scored("one", [1, 5, 22, 30, 60, 18])
    (series,) = collect.collect(collect.read_runs([str(folder)]), [{"absent": ""}])["series"]
    curve = series["rows"]["a"]["curve"]
    curves = series["curves"]["a"]["by_selection"]
    assert list(curves) == ["mean", *FINGERS, "fingertips", *KEYPOINT_NAMES] and curves["mean"] == curve["value"]
    for name in KEYPOINT_NAMES:
        assert curves[name] == curve["per_joint"][name]
    tips = [curve["per_joint"][f"{finger}_4"] for finger in FINGERS]
    assert curves["fingertips"] == pytest.approx([sum(values) / 5 for values in zip(*tips)], abs=6e-5)
    thumb = [curve["per_joint"][f"thumb_{n}"] for n in (1, 2, 3, 4)]
    assert curves["thumb"] == pytest.approx([sum(values) / 4 for values in zip(*thumb)], abs=6e-5)


def test_runs_that_cannot_be_compared_have_a_warning(scored):
    same = scored("one", [1, 2]), scored("two", [3, 4])
    assert "cannot be compared" not in html_of(*same)
    elsewhere = scored("three", [1, 2], db_sha256="3" * 64)
    assert "different images" in html_of(same[0], elsewhere)
    otherwise = scored("four", [1, 2], replace(protocols.PROTOCOLS["paper"], at=0.1))
    html = html_of(same[0], otherwise)
    assert "different settings" in html and "PCK@" not in html
    assert "PCK@0.1" in html_of(otherwise)


def test_names_are_text_and_never_markup(scored):
    folder = scored("one", [1, 2])
    html = html_of(f"<b>&</script>={folder}")
    assert "<b>&" not in html and html.count("</script>") == 2
    assert "&lt;b&gt;&amp;&lt;/script&gt;" in html


def test_the_page_names_no_other_file(scored):
    html = html_of(scored("one", [1, 2]))
    for word in ("http:", "https:", '<link rel="stylesheet"', "@import", "url(", ' src="/'):
        assert word not in html.replace("http://www.w3.org/2000/svg", "")


def test_folders_that_are_no_runs(scored, tmp_path):
    folder = scored("one", [1, 2])
    with pytest.raises(InputError, match=r"nothing/scores\.json: no such file"):
        collect.read_runs([str(tmp_path / "nothing")])
    with pytest.raises(InputError, match="two runs called one"):
        collect.read_runs([str(folder), str(folder)])
    assert [run.name for run in collect.read_runs([str(folder), f"b={folder}"])] == ["one", "b"]
    (folder / "scores.json").write_text('{"db": "x", "scores": {}}')
    with pytest.raises(InputError, match=r"lacks db_sha256, .* score again"):
        collect.read_runs([str(folder)])


def test_groups_are_apart_and_the_most_telling_come_first():
    order = np.arange(100)  # 0 is the worst
    found = {name: part.tolist() for name, part in gallery.groups(order, 3).items()}
    assert found == {"best": [99, 98, 97], "median": [51, 50, 49], "worst": [0, 1, 2]}
    few = {name: part.tolist() for name, part in gallery.groups(np.arange(7), 12).items()}
    assert few == {"best": [6, 5], "median": [4, 3], "worst": [0, 1]}
    assert [part.tolist() for part in gallery.groups(np.arange(1), 12).values()] == [[0], [0], [0]]
    assert [len(part) for part in gallery.groups(order, 0).values()] == [0, 0, 0]


def decoded(uri, start):
    assert uri.startswith(start)
    return cv2.imdecode(np.frombuffer(base64.b64decode(uri[len(start) :]), np.uint8), cv2.IMREAD_COLOR)


def test_pictures_are_made_small_and_no_larger():
    for (height, width), expected in {(960, 480): (480, 240), (60, 90): (60, 90), (480, 1000): (230, 480)}.items():
        image = decoded(gallery.small_jpeg(np.full((height, width, 3), 99, np.uint8)), "data:image/jpeg;base64,")
        assert image.shape[:2] == expected and abs(int(image[5, 5, 1]) - 99) <= 2


def test_an_outline_is_that_of_the_mask_with_its_hole():
    mask = np.zeros((300, 400), np.uint8)
    cv2.ellipse(mask, (200, 150), (120, 80), 20, 0, 360, 1, -1)
    cv2.circle(mask, (190, 150), 30, 0, -1)
    rings = gallery.outline(mask > 0).strip("MZ").split("ZM")
    assert len(rings) == 2
    points = [np.array([pair.split() for pair in ring.split("L")], int) for ring in rings]
    assert sum(map(len, points)) < 100
    again = cv2.fillPoly(np.zeros_like(mask), points, 1)  # by the even-odd rule, too
    assert np.count_nonzero(again & mask) / np.count_nonzero(again | mask) > 0.97
    assert gallery.outline(np.zeros((30, 40), bool)) == ""


def test_a_heatmap_is_its_joints_largest():
    maps = np.zeros((22, 23, 23), np.float32)
    for joint in range(21):
        maps[joint, joint, 3] = 1
    maps[21] = 1
    found = gallery.heatmap_pngs(maps)
    bright = {key: decoded(uri, "data:image/png;base64,").sum(axis=2) > 300 for key, uri in found.items()}
    assert np.argwhere(bright["index_4"]).tolist() == [[8, 3]]
    assert np.argwhere(bright["fingertips"])[:, 0].tolist() == [4, 8, 12, 16, 20]
    assert np.argwhere(bright["mean"])[:, 0].tolist() == list(range(21))


def test_a_gallery_when_things_have_moved(report_runs, report_db, tmp_path):
    folder = tmp_path / "scores"
    shutil.copytree(report_runs["plain"], folder)
    document = json.loads((folder / "scores.json").read_text())
    weights = document["weights"]
    document |= {"db": "moved.lmdb", "weights": "moved.caffemodel"}
    (folder / "scores.json").write_text(json.dumps(document))
    (run,) = collect.read_runs([str(folder)])
    with pytest.raises(InputError, match=r"weights moved\.caffemodel are missing.*--weights"):
        gallery.gallery_of(run, 1, [report_db])
    (tmp_path / "other.caffemodel").write_bytes(b"something else")
    with pytest.raises(InputError, match=r"database moved\.lmdb is missing.*--db"):
        gallery.gallery_of(run, 1, weights=[tmp_path / "other.caffemodel", weights])
    found = gallery.gallery_of(run, 2, [tmp_path / "nothing", report_db], [weights])
    assert found["total"] == 18 and [one["group"] for one in found["photographs"]] == [
        "best", "best", "median", "median", "worst", "worst",
    ]  # fmt: skip
    means = [np.mean([error for error in one["errors"] if error is not None]) for one in found["photographs"]]
    assert means == pytest.approx(sorted(means[:4]) + sorted(means[4:], reverse=True))
    (folder / "predictions_single.h5").unlink()
    with pytest.raises(InputError, match=r"there is no .*predictions_single\.h5"):
        gallery.gallery_of(run, 1, [report_db], [weights])


def test_a_page_without_photographs_says_why(report_runs, tmp_path):
    folder = tmp_path / "scores"
    shutil.copytree(report_runs["plain"], folder)
    document = json.loads((folder / "scores.json").read_text()) | {"db": "moved.lmdb"}
    (folder / "scores.json").write_text(json.dumps(document))
    result = run_tool("tools/report.py", f"moved={folder}", "--out", tmp_path / "pages/report.html")
    assert result.returncode == 0 and "moved has no images: the database moved.lmdb" in result.stderr
    html = (tmp_path / "pages/report.html").read_text()
    assert "No images of moved" in html and "give its place by --db" in html and "<li data-photo" not in html
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["report.html"]


def test_bad_input_is_one_line(tmp_path):
    result = run_tool("tools/report.py", tmp_path / "nothing", "--out", tmp_path / "report.html")
    assert result.returncode == 2 and result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert "nothing/scores.json: no such file" in result.stderr and not (tmp_path / "report.html").exists()


def test_names_cannot_turn_or_hide_the_text_about_them(scored):
    """An override to right-to-left, a terminal's escape and half a character are shown; Hebrew stays, isolated."""
    evil, hebrew = "a\u202egpj.exe\x1b[2J\udce4\u2069", "\u05d0\u05d1"
    table = {"single": {"all": (scores := score_results(shifted_results([1, 2]))), evil: scores, hebrew: scores}}
    html = html_of(f"{hebrew}={scored('one', [0, 1], db=evil, scores=table)}", scored("two", [0, 1]))
    html.encode()
    shown = "a\\u202egpj.exe\\x1b[2J\\udce4\\u2069"
    assert f"<code>{shown}</code>" in html and f'<option value="{shown}">' in html and f"<h2>{hebrew}</h2>" in html
    assert f'aria-label="Run \u2068{hebrew}\u2069"' in html and 'aria-label="Run two"' in html
    assert not set(html) & set("\u202e\x1b\udce4") and html.count("\u2068") == html.count("\u2069")
