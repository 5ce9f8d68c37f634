"""Names from outside in messages, tables and plots."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from maskpose.errors import InputError, printable
from maskpose.evaluation import score_tables
from maskpose.evaluation.scores import score_results
from maskpose.inference import writers
from maskpose.visualization.plots import plot_label


@pytest.mark.parametrize(
    "text,shown",
    [
        ("Händé 手.jpg", "Händé 手.jpg"),
        ("a\x1b[2Jb\nc\td\x85", r"a\x1b[2Jb\nc\td\x85"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("\u2066x\u2069\u200f\ufeff\u2028", r"\u2066x\u2069\u200f\ufeff\u2028"),
        ("H\udce4nde", r"H\udce4nde"),
        ("می\u200cروم, 👩\u200d🔬", "می\u200cروم, 👩\u200d🔬"),
        ("3.14\u202fPM", "3.14\u202fPM"),
    ],
)
def test_hidden_characters_are_escaped_and_others_kept(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


def test_errors_and_printed_lines_show_hidden_characters(drawn_results):
    evil, shown = "a\u202eb\x1b[2J\n", r"a\u202eb\x1b[2J\n"
    assert str(InputError(f"{evil} is missing")) == f"{shown} is missing"
    assert writers.summary_line(evil, [], 0.2).startswith(shown)
    table = score_tables.table_text({evil: {"all": drawn_results, evil: drawn_results}})
    assert shown in table and not set(table) & set("\u202e\x1b") and len(table.splitlines()) == 4
    assert "\x1b" not in score_tables.per_keypoint_text({evil: {evil: drawn_results}})


@pytest.fixture
def drawn_results():
    from conftest import shifted_results

    return score_results(shifted_results([1, 2]))


def test_labels_of_plots_are_no_formulas_and_are_not_left_out():
    figure = Figure()
    axes = figure.add_subplot()
    for name in ("$x_$", "_hidden", "a $\\nothing{$ b", "c\udce4"):
        axes.plot([0, 1], label=plot_label(name))
    legend = axes.legend()
    FigureCanvasAgg(figure).draw()
    assert [text.get_text().strip() for text in legend.get_texts()] == [
        r"\$x_\$", "_hidden", r"a \$\nothing{\$ b", r"c\udce4",
    ]  # fmt: skip
