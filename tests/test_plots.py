"""`utils.plots`: every figure is drawn, said in words, and refused when its data cannot be right."""

import base64
import io
import subprocess
import sys
from itertools import combinations, pairwise

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch
from PIL import Image

from utils.plots import (
    Drawing,
    attention,
    bars,
    bidirectional,
    cell,
    curves,
    encoder_decoder,
    folded,
    gru_cell,
    heat_map,
    hidden_states,
    histogram,
    lstm_cell,
    pictures,
    unrolled,
)
from utils.plots.drawing import printable, text_width, wrapped
from utils.plots.notes import _spread_out
from utils.plots.words import number, numbers, plain

RANDOM = np.random.default_rng(0)
STATES = np.tanh(RANDOM.normal(size=(5, 3)))
AXES = {"xlabel": "epoch", "ylabel": "loss (nats)", "title": "The loss falls"}
LOSS = [1.39, 0.7, 0.2, 0.02]

DRAWINGS = {
    "unrolled": lambda: unrolled(["run", "bike"], ["bike", "swim"], title="Shared weights"),
    "bidirectional": lambda: bidirectional(["Paris", "sold", "it"], ["B-ORG", "O", ""], title="Both ways"),
    "encoder_decoder": lambda: encoder_decoder(["he", "falls"], ["il", "tombe"], every_step=True, title="Cho"),
    "attention": lambda: attention(["white", "house"], [0.1, 0.9], before="la", output="maison", title="A look back"),
    "folded": lambda: folded("A loop with memory"),
    "cell": lambda: cell("One cell"),
    "gru_cell": lambda: gru_cell("A GRU"),
    "lstm_cell": lambda: lstm_cell("An LSTM"),
    "hidden_states": lambda: hidden_states(STATES, steps=list("abcde"), title="States"),
    "heat_map": lambda: heat_map(np.eye(3), xlabel="word", ylabel="position t", title="One-hot"),
    "curves": lambda: curves({"training": LOSS}, expected={"log 4": np.log(4)}, **AXES),
    "bars": lambda: bars({"dense": {"near": 0.99, "far": 0.5}}, ylabel="accuracy", title="Bars"),
    "histogram": lambda: histogram({"a": [1, 2, 2], "b": [0.5]}, xlabel="length (tokens)", title="Lengths"),
    "pictures": lambda: pictures(np.zeros((3, 8, 8, 3), "uint8"), ["a", "two", "three"], title="Pictures"),
}


@pytest.fixture(scope="module", params=DRAWINGS)
def drawing(request):
    return DRAWINGS[request.param]()


@pytest.fixture(scope="module")
def bundle(drawing):
    return drawing._repr_mimebundle_()


@pytest.fixture(scope="module")
def png(bundle):
    return base64.b64decode(bundle[0]["image/png"])


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def texts(drawing: Drawing) -> list[str]:
    return [text.get_text() for text in drawing.figure.findobj(matplotlib.text.Text)]


# The drawing itself


def test_drawing_is_a_figure_with_one_sentence(drawing):
    assert isinstance(drawing.figure, Figure)
    assert drawing.description.endswith(".")
    assert "\n" not in drawing.description
    assert "$" not in drawing.description


def test_picture_carries_its_description_as_alternative_text(drawing, bundle, png):
    data, metadata = bundle
    assert data["text/plain"] == drawing.description == repr(drawing)
    assert metadata["image/png"]["alt"] == drawing.description
    assert metadata["image/png"]["width"] == 760
    assert pixels(png).shape[:2] == (2 * metadata["image/png"]["height"], 1520)


def test_file_is_small_white_at_the_edges_and_free_of_metadata(png):
    assert len(png) < 80_000
    picture = pixels(png)
    for edge in (picture[:4], picture[-4:], picture[:, :4], picture[:, -4:]):
        assert (edge == 255).all()  # nothing is cut off, and the ground is white
    assert Image.open(io.BytesIO(png)).text == {}


def test_bytes_depend_neither_on_the_call_nor_on_the_settings_of_the_user(png, request):
    again = DRAWINGS[request.node.callspec.params["drawing"]]
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "mathtext.fontset": "cm"}):
        assert again().png() == png
        assert matplotlib.rcParams["font.size"] == 30


def test_drawing_twice_gives_the_same_bytes():
    drawing = DRAWINGS["curves"]()  # the one whose layout is solved, and then has to stay
    assert drawing.png() == drawing.png()


def test_save_writes_the_whole_file_or_leaves_the_old_one(tmp_path, monkeypatch):
    drawing = folded("A loop")
    path = tmp_path / "loop.png"
    assert drawing.save(str(path)) == path
    assert path.read_bytes() == drawing.png()
    with pytest.raises(ValueError, match=r"end it in '\.png'"):
        drawing.save(tmp_path / "loop.jpg")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="disk full"):
        drawing.save(path)
    assert [item.name for item in tmp_path.iterdir()] == ["loop.png"]


def test_drawing_is_frozen():
    with pytest.raises(AttributeError):
        folded("A loop").description = "another"


def test_import_loads_neither_pyplot_nor_tensorflow():
    code = "import sys, utils.plots as p; p.folded('x').png(); print('matplotlib.pyplot' in sys.modules, "
    code += "'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_nbconvert_writes_the_alternative_text():
    nbconvert = pytest.importorskip("nbconvert")
    nbformat = pytest.importorskip("nbformat")
    drawing = heat_map([[1]], rows=['the "dog"'], columns=["a & b"], xlabel="c", ylabel="r", title="Quoted")
    data, metadata = drawing._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("draw()", outputs=[output])])
    html, _ = nbconvert.HTMLExporter(template_name="classic").from_notebook_node(notebook)
    bs4 = pytest.importorskip("bs4")
    assert bs4.BeautifulSoup(html, "html.parser").find("img")["alt"] == drawing.description


@pytest.mark.parametrize("title", ["", "  ", None])
def test_title_must_say_something(title):
    with pytest.raises(ValueError, match="title must be a text"):
        folded(title)


def test_long_titles_are_wrapped():
    figure = folded("The same weights are used at every step, " * 4).figure
    title = figure.texts[0].get_text()
    assert "\n" in title
    assert text_width(title, 13) < 7.6


# Networks


def overlapping(boxes, others):
    return [
        (one, other)
        for one in boxes
        for other in others
        if one is not other and one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1
    ]


@pytest.mark.parametrize("steps", [1, 2, 5, 8, 10])
@pytest.mark.parametrize("word", ["a", "caterpillars"])
def test_unrolled_fits_its_sheet_without_overlap(steps, word):
    drawing = unrolled([word] * steps, [word] * steps, title="Unrolled")
    (axes,) = drawing.figure.axes
    nodes = [patch.get_window_extent() for patch in axes.patches if isinstance(patch, Circle | FancyBboxPatch)]
    assert len(nodes) == 3 * steps + 1
    assert not overlapping(nodes, nodes)
    written = [text for text in axes.texts if text.get_text() and not text.get_rotation()]
    beside = [text.get_window_extent() for text in written if "langle" not in text.get_text()]
    assert not overlapping(beside, beside)
    assert not overlapping(beside, nodes)
    sheet = drawing.figure.bbox
    assert all(sheet.x0 < box.x0 and box.x1 < sheet.x1 for box in nodes + beside)


def test_unrolled_draws_only_the_inputs_and_outputs_there_are():
    said = texts(unrolled(["not", "bad"], [None, "negative"], title="Many to one"))
    assert said.count("$W_{ax}$") == 2
    assert said.count("$W_{aa}$") == 2
    assert said.count("$W_{ya}$") == 1
    assert {"not", "bad", "negative", r"$a^{\langle 0\rangle}$", r"$\hat y$"} <= set(said)


def test_unrolled_numbers_outputs_from_one_when_they_follow_the_inputs():
    drawing = unrolled(["le", "chat"], [None, None, "the", "cat"], state="h", title="Encoder-decoder")
    assert r"$\hat y^{\langle 2\rangle}$" in texts(drawing)
    assert r"$\hat y^{\langle 4\rangle}$" not in texts(drawing)
    assert "y-hat^<1> and y-hat^<2> at steps 3 and 4 ('the', 'cat')" in drawing.description
    assert "W_hx, W_hh and W_yh" in drawing.description


def test_unrolled_shows_the_way_back_and_where_it_is_cut():
    forwards = unrolled(list("xyz"), [None, None, "c"], title="Forwards")
    back = unrolled(list("xyz"), [None, None, "c"], title="Back", backward=True)
    cut = unrolled(list("xyz"), [None, None, "c"], title="Cut", backward=True, cuts=[1])
    patches = [len(drawing.figure.axes[0].patches) for drawing in (forwards, back, cut)]
    # one arrow from the output, three along the states, three to the inputs; a cut is a bar in two pieces
    assert patches == [patches[0], patches[0] + 7, patches[0] + 8]
    assert "dashed" not in forwards.description
    assert back.description.endswith(
        "dashed arrows lead back from the outputs and along the states to a^<0>, and down to the inputs."
    )
    assert "not across a bar after step 1" in cut.description
    for wrong in ({"cuts": [1]}, {"backward": True, "cuts": [3]}):
        with pytest.raises(ValueError, match="expects steps from 1 to 2"):
            unrolled(list("xyz"), list("abc"), title="Wrong", **wrong)


@pytest.mark.parametrize("steps", [2, 5, 8])
def test_bidirectional_has_two_states_and_two_ways_out_for_each_step(steps):
    drawing = bidirectional([f"word{t}" for t in range(steps)], ["B-PER"] * steps, title="Both ways")
    patches = drawing.figure.axes[0].patches
    assert sum(isinstance(patch, Circle) for patch in patches) == 2 * steps  # inputs and outputs
    assert sum(isinstance(patch, FancyBboxPatch) for patch in patches) == 2 * steps + 2  # states, and two zeros
    assert f"of {steps} steps" in drawing.description
    assert "'word1' → 'B-PER'" in drawing.description


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        (["a"], ["x"], "2 to 8 steps, but inputs has 1"),
        (list("abc"), ["x"], "inputs has 3 and outputs 1"),
        (list("abcdefghi"), list("abcdefghi"), "inputs has 9"),
        ("ab", ["x", "y"], "inputs must be a list"),
    ],
)
def test_bidirectional_refuses_what_it_cannot_draw(inputs, outputs, said):
    with pytest.raises(ValueError, match=said):
        bidirectional(inputs, outputs, title="Wrong")


@pytest.mark.parametrize("every_step", [True, False])
def test_encoder_decoder_reads_one_sequence_and_writes_another(every_step):
    drawing = encoder_decoder(["the", "owl", "sleeps"], ["dort"], every_step=every_step, title="Two loops")
    patches = drawing.figure.axes[0].patches
    assert sum(isinstance(patch, FancyBboxPatch) for patch in patches) == 3 + 1 + 2  # states, context, states
    assert sum(isinstance(patch, Circle) for patch in patches) == 3 + 2 + 2
    assert "read 'the owl sleeps'" in drawing.description
    assert "read '<BOS> dort' and say 'dort <EOS>'" in drawing.description
    assert ("enters every step" in drawing.description) == every_step


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("ab", ["x"], "source must be a list"),
        (["a"], [], "target must be a list"),
        (list("abcdef"), list("abcd"), "6 and 5"),
    ],
)
def test_encoder_decoder_refuses_what_it_cannot_draw(source, target, said):
    with pytest.raises(ValueError, match=said):
        encoder_decoder(source, target, every_step=True, title="Wrong")


@pytest.mark.parametrize("count", [2, 5, 9])
def test_attention_has_an_annotation_for_each_word_and_lines_as_thick_as_the_weights(count):
    weights = np.arange(1, count + 1) / np.arange(1, count + 1).sum()
    drawing = attention([f"word{j}" for j in range(count)], weights, before="le", output="chat", title="A look back")
    patches = drawing.figure.axes[0].patches
    assert sum(isinstance(patch, FancyBboxPatch) for patch in patches) == count + 3  # scores, and two states
    assert sum(isinstance(patch, Circle) for patch in patches) == 3  # the context and two words
    thickest = max(patch.get_linewidth() for patch in patches)
    assert thickest == pytest.approx(9.0 * weights[-1])
    assert f"'word{count - 1}'" in drawing.description


@pytest.mark.parametrize(
    ("words", "weights", "said"),
    [
        (["a"], [1.0], "2 to 9 words"),
        (list("abc"), [0.5, 0.5], "words has 3 and weights the shape"),
        (list("ab"), [0.5, 0.4], "their sum is 0.9"),
        (list("ab"), [1.5, -0.5], "at least 0"),
        ("ab", [0.5, 0.5], "words must be a list"),
    ],
)
def test_attention_refuses_what_it_cannot_draw(words, weights, said):
    with pytest.raises(ValueError, match=said):
        attention(words, weights, before="le", output="chat", title="Wrong")


def test_unrolled_keeps_the_number_of_a_step_in_the_middle():
    assert "y-hat^<2> ('b')" in unrolled(list("xyz"), [None, "b", None], title="Middle").description


@pytest.mark.parametrize(
    ("inputs", "outputs", "state", "message"),
    [
        ([], [], "a", "1 to 10 steps"),
        (["x"] * 11, [], "a", "inputs has 11"),
        ([None], [None, None], "a", "None at all 2 steps"),
        ("abc", [], "a", "must be a list"),
        ([3], [], "a", "texts or None"),
        (["x"], [], "ab", "one letter"),
    ],
)
def test_unrolled_refuses_what_it_cannot_draw(inputs, outputs, state, message):
    with pytest.raises(ValueError, match=message):
        unrolled(inputs, outputs, state=state, title="Wrong")


# Grids


def test_hidden_states_have_units_as_rows_and_a_symmetric_scale():
    drawing = hidden_states(STATES, steps=list("abcde"), units=["u", "v", "w"], title="States")
    axes = drawing.figure.axes[0]
    mesh = axes.collections[0]
    np.testing.assert_array_equal(mesh.get_array(), STATES.T)
    assert mesh.get_clim() == (-1, 1)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["u", "v", "w"]
    assert f"row 'v' reads {number(STATES[0, 1])}" in drawing.description
    assert len(axes.texts) == 15


def test_hidden_states_beyond_one_widen_the_scale_on_both_sides():
    mesh = hidden_states([[3.0], [-1.0]], steps=["a", "b"], title="ReLU").figure.axes[0].collections[0]
    assert mesh.get_clim() == (-3, 3)


def test_many_squares_have_no_numbers():
    drawing = hidden_states(np.zeros((11, 11)), steps=["x"] * 11, title="States")
    assert not drawing.figure.axes[0].texts


def test_heat_map_hatches_where_the_mask_is_false():
    mask = np.array([[True, True], [True, False]])
    drawing = heat_map([[5, 6], [7, 99]], mask=mask, xlabel="position t", ylabel="example i", title="Padded")
    (patch,) = [patch for patch in drawing.figure.axes[0].patches if patch.get_hatch()]
    assert patch.get_xy() == (1, 1)
    assert drawing.figure.axes[0].collections[0].get_clim() == (5, 7)
    assert "1 masked square is hatched" in drawing.description
    assert "99" not in drawing.description


def test_heat_map_writes_words_in_the_squares_and_reads_them_out():
    drawing = heat_map(
        [[0, 1]], annotate=np.array([["<BOS>", "$$"]]), xlabel="position t", ylabel="example i", title="Tokens"
    )
    assert "reads <BOS> $$" in drawing.description
    assert len(drawing.figure.axes) == 1  # no colour bar
    assert drawing.png()


def test_wide_heat_map_labels_as_many_columns_as_can_be_read():
    drawing = heat_map(np.zeros((1, 300)), xlabel="unit", ylabel="row", title="Wide")
    drawn = [label.get_window_extent() for label in drawing.figure.axes[0].get_xticklabels()]
    assert 10 < len(drawn) < 100
    assert not overlapping(drawn, drawn)


def test_heat_map_names_the_highest_of_each_row_unless_it_is_tied():
    drawing = heat_map(
        [[0, 2], [1, 1]], rows=["le", "chat"], columns=["the", "cat"], xlabel="x", ylabel="y", title="Attention"
    )
    assert drawing.description.endswith("highest in its row: 'le' at 'cat'.")


@pytest.mark.parametrize(
    ("values", "given", "message"),
    [
        (np.zeros((2, 3, 4)), {}, r"shape \(2, 3, 4\), but expects two axes \(rows, columns\).*values\[0\]"),
        (np.zeros((0, 3)), {}, "neither empty"),
        (np.full((2, 2), np.nan), {}, "no finite number"),
        ([[np.inf, 1]], {}, "infinity"),
        ([["a"]], {}, "must be numbers"),
        (np.eye(2), {"rows": ["a"]}, r"rows has 1 labels, but values of shape \(2, 2\) have 2 rows"),
        (np.eye(2), {"columns": list("abc")}, r"columns has 3 labels.*2 columns"),
        (np.eye(2), {"columns": "ab"}, "columns must be a list"),
        (np.eye(2), {"mask": [[True]]}, r"mask has shape \(1, 1\), but values have shape \(2, 2\)"),
        (np.eye(2), {"mask": np.zeros((2, 2))}, "False at every finite value"),
        (np.eye(2), {"annotate": ["a", "b"]}, r"annotate has shape \(2,\)"),
    ],
)
def test_heat_map_names_wrong_and_expected_shapes(values, given, message):
    with pytest.raises(ValueError, match=message):
        heat_map(values, xlabel="x", ylabel="y", title="Wrong", **given)


@pytest.mark.parametrize(
    ("a", "given", "message"),
    [
        (np.zeros((1, 2, 3)), {"steps": ["a"]}, r"\(1, 2, 3\), but expects two axes \(T, n_a\)"),
        (STATES, {"steps": ["a"]}, r"steps has 1 labels, but a of shape \(5, 3\) has 5 positions"),
        (STATES, {"steps": list("abcde"), "units": ["u"]}, "3 units"),
    ],
)
def test_hidden_states_name_wrong_and_expected_shapes(a, given, message):
    with pytest.raises(ValueError, match=message):
        hidden_states(a, title="Wrong", **given)


# Charts


def test_curves_are_described_by_their_course_and_expected_values():
    drawing = curves({"training": LOSS}, expected={"log 4": np.log(4)}, **AXES)
    assert drawing.description == (
        "Curves of loss (nats) against epoch: 'training' falls from 1.39 at 1 to 0.02 at 4; "
        "a dashed line marks log 4 = 1.39."
    )


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([1, 0, 0.8], "falls from 1 at 1 to 0 at 2, then rises to 0.8 at 3"),
        ([0, 1, 0.2], "rises from 0 at 1 to 1 at 2, then falls to 0.2 at 3"),
        ([0, 1, -1, 0], "runs from 0 at 1 to 0 at 4, between −1 and 1"),
        ([2, 2, 2], "stays at 2 from 1 to 3"),
        ([7], "is 7 at 1"),
        ([np.nan, 1, 2, np.inf], "rises from 1 at 2 to 2 at 3 (2 values are not finite and left out)"),
    ],
)
def test_course_of_a_line_in_words(y, said):
    assert f"'line' {said}." in curves({"line": y}, **AXES).description


def test_curves_take_their_own_x_and_thin_the_markers_of_long_lines():
    drawing = curves({"a": (np.arange(0, 400, 4), np.arange(100.0)), "b": (1.0, 2.0)}, **AXES)
    long, short = drawing.figure.axes[0].lines
    assert long.get_xdata()[-1] == 396
    assert 100 / long.get_markevery()[1] <= 12
    assert list(short.get_xdata()) == [1, 2]
    assert long.get_marker() != short.get_marker()


def test_labels_of_curves_lie_beside_the_data_and_do_not_overlap():
    drawing = curves(
        {f"line {index}": [1, 0.001 * index] for index in range(6)}, expected={"zero": 0.0, "log 4": 1.386}, **AXES
    )
    figure, (axes,) = drawing.figure, drawing.figure.axes
    labels = [text.get_window_extent() for text in figure.texts[1:]]
    assert len(labels) == 8
    assert all(label.x0 > axes.get_window_extent().x1 and label.x1 < figure.bbox.x1 for label in labels)
    bottoms = sorted((label.y0, label.y1) for label in labels)
    assert all(lower[1] <= upper[0] + 1 for lower, upper in pairwise(bottoms))


def test_points_of_curves_are_named_where_nothing_else_stands():
    lines = {"up": ([1, 2, 3], [0, 1, 2]), "down": ([1, 2, 3], [2, 1, 0])}
    drawing = curves(lines, points={"up": ["first", "", "last"], "down": ["begin", "middle", ""]}, **AXES)
    (axes,) = drawing.figure.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == ["first", "last", "begin", "middle"]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    corners = axes.transData.transform([(x, y) for line in lines.values() for x, y in zip(*line, strict=True)])
    assert not any(box.contains(*corner) for box in boxes for corner in corners)
    assert "'up' has 'last' at (3, 2)" in drawing.description
    with pytest.raises(ValueError, match="points names 'side', but lines has"):
        curves(lines, points={"side": ["a"]}, **AXES)
    with pytest.raises(ValueError, match="expected one text for each of 3 points"):
        curves(lines, points={"up": ["a"]}, **AXES)


def test_labels_move_no_further_than_they_must():
    centres = _spread_out(np.array([0.1, 1.0, 1.0, 3.0]), np.full(4, 0.2), 0.0, 4.0)
    np.testing.assert_allclose(centres, [0.1, 0.9, 1.1, 3.0])


def test_band_takes_the_colour_of_its_line_or_a_label_of_its_own():
    x = [1, 2, 3]
    own = curves({"run": [3, 2, 1]}, band={"run": (x, [2, 1, 0], [4, 3, 2])}, **AXES)
    other = curves({"run": [3, 2, 1]}, band={"5 seeds": (x, [2, 1, 0], [4, 3, 2])}, **AXES)
    assert "5 seeds" in texts(other)
    assert len(own.figure.texts) == 2  # title and one label
    assert "the band around 'run' spans 2 to 4 at 1 and 0 to 2 at 3" in own.description
    assert "the band '5 seeds' spans" in other.description


def test_theory_is_dashed_and_has_a_label_unless_it_bears_the_name_of_a_line():
    own = curves({"0.9": [1, 0.9]}, theory={"0.9": [1, 0.8]}, **AXES)
    other = curves({"0.9": [1, 0.9]}, theory={"bound": ([1, 2, 3], [1, 2, 4])}, log_y=True, **AXES)
    assert own.figure.axes[0].lines[1].get_linestyle() == "--"
    assert len(own.figure.texts) == 2  # title and one label
    assert "dashed, the theory of '0.9' falls from 1 at 1 to 0.8 at 2" in own.description
    coloured = curves({"0.9": [1, 0.9]}, theory={"0.9": [1, 0.8]}, coloured_theory=True, **AXES)
    (line, theory), (_, black) = coloured.figure.axes[0].lines, own.figure.axes[0].lines
    assert theory.get_color() == line.get_color() != black.get_color()
    assert "bound" in texts(other)
    assert "dashed, 'bound' rises from 1 at 1 to 4 at 3" in other.description
    with pytest.raises(ValueError, match=r"theory\['bound'\] reaches 0"):
        curves({"a": [1, 1]}, theory={"bound": [1, 0]}, log_y=True, **AXES)


def test_logarithmic_axis_shows_every_value():
    drawing = curves({"norm": 0.5 ** np.arange(60)}, log_y=True, **AXES)
    assert drawing.figure.axes[0].get_yscale() == "log"
    assert "on a logarithmic axis" in drawing.description
    assert "×10⁻¹⁸" in drawing.description
    dip = curves({"error": [1e-3, 1e-9, 1e-2]}, log_y=True, **AXES)
    assert "falls from 0.001 at 1 to 1×10⁻⁹ at 2, then rises to 0.01 at 3" in dip.description


@pytest.mark.parametrize(
    ("lines", "given", "message"),
    [
        ({}, {}, "at least one entry"),
        ([1, 2], {}, "must be a dictionary"),
        ({"a": np.zeros((2, 2))}, {}, r"lines\['a'\] has x of shape .* y of shape \(2, 2\), but expects \(n,\)"),
        ({"a": ([1, 2], [1, 2, 3])}, {}, r"x of shape \(2,\) and y of shape \(3,\)"),
        ({"a": []}, {}, "n ≥ 1"),
        ({"a": 3.0}, {}, r"y of shape \(\)"),
        ({"a": ["x"]}, {}, "must be numbers"),
        ({"a": [np.nan, np.nan]}, {}, "at least one finite y"),
        ({str(index): [1] for index in range(9)}, {}, "9 lines, but at most 8"),
        ({"a": [1, 0]}, {"log_y": True}, r"lines\['a'\] reaches 0, but log_y=True expects positive"),
        ({"a": [1, 2]}, {"log_y": True, "expected": {"zero": 0}}, r"expected\['zero'\] reaches 0"),
        ({"a": [1, 2]}, {"expected": {"chance": np.nan}}, "must be one finite number"),
        ({"a": [1, 2]}, {"band": {"a": ([1, 2], [0, 0])}}, r"must be \(x, low, high\)"),
        ({"a": [1, 2]}, {"band": {"a": ([1, 2], [0, 0], [1])}}, r"shapes \(2,\), \(2,\) and \(1,\)"),
        ({"a": [1, 2]}, {"band": {"a": ([1, 2], [2, 2], [1, 1])}}, "low nowhere above high"),
    ],
)
def test_curves_name_wrong_and_expected_shapes(lines, given, message):
    with pytest.raises(ValueError, match=message):
        curves(lines, **AXES | given)


def test_bars_carry_their_values_and_differ_in_hatch():
    drawing = bars(
        {"dense": {"near": 0.99, "far": 0.5}, "pooled": {"near": 1.0, "far": 0.97}},
        spread={"dense": {"near": 0.01, "far": 0.02}, "pooled": {"near": 0.0, "far": 0.01}},
        expected={"chance": 0.5},
        ylabel="accuracy (share of examples)",
        title="Bars",
    )
    axes = drawing.figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["0.99", "0.50", "1.00", "0.97"]
    assert len({container[0].get_hatch() for container in axes.containers if len(container) == 2}) == 2
    assert drawing.description == (
        "Bars of accuracy (share of examples): 'dense' has 0.99 ± 0.01 for 'near' and 0.5 ± 0.02 for 'far'; "
        "'pooled' has 1 ± 0 for 'near' and 0.97 ± 0.01 for 'far'; a dashed line marks chance = 0.5."
    )


def test_bars_start_at_zero_and_legend_stays_clear_of_title_and_bars():
    drawing = bars({"a": {"x": 8.0, "y": 9.0}, "b": {"x": 8.5, "y": 9.5}}, ylabel="n", title="Title")
    figure, (axes,) = drawing.figure, drawing.figure.axes
    assert axes.get_ylim()[0] == 0
    legend = figure.legends[0].get_window_extent()
    assert axes.get_window_extent().y1 <= legend.y0
    assert legend.y1 <= figure.texts[0].get_window_extent().y0


def test_negative_bars_are_labelled_below():
    axes = bars({"a": {"x": -0.5}, "b": {"x": 0.5}}, ylabel="change", title="Signs").figure.axes[0]
    assert [text.get_verticalalignment() for text in axes.texts] == ["top", "bottom"]
    assert axes.get_ylim()[0] < -0.5


@pytest.mark.parametrize(
    ("groups", "given", "message"),
    [
        ({}, {}, "at least one entry"),
        ({"a": {}}, {}, r"groups\['a'\] must be a dictionary with at least one"),
        ({"a": 0.5}, {}, r"groups\['a'\] must be a dictionary"),
        ({"a": {"x": 1}, "b": {"y": 1}}, {}, r"groups\['b'\] has bars \['y'\], but groups\['a'\] has \['x'\]"),
        ({"a": {"x": np.nan}}, {}, "one finite number"),
        ({"a": {"x": [1, 2]}}, {}, r"shape \(2,\), but expects one finite number"),
        ({"a": {str(index): 1 for index in range(7)}}, {}, "at most 6"),
        ({"a": {"x": 1}}, {"spread": {"b": {"x": 1}}}, r"spread has groups \['b'\]"),
        ({"a": {"x": 1}}, {"spread": {"a": {"x": -1}}}, "cannot be negative"),
    ],
)
def test_bars_refuse_what_cannot_be_compared(groups, given, message):
    with pytest.raises(ValueError, match=message):
        bars(groups, ylabel="accuracy", title="Wrong", **given)


def test_histogram_counts_every_value_and_says_what_it_left_out():
    drawing = histogram([1, 2, 2, 3, np.nan], xlabel="length (tokens)", title="Lengths")
    assert [bar.get_height() for bar in drawing.figure.axes[0].patches] == [1, 2, 1]
    assert "4 values from 1 to 3 with median 2, the fullest bin (1.5 to 2.5) with 2" in drawing.description
    assert "1 value is not finite and left out" in drawing.description


def test_histogram_of_several_sets_shares_its_axes():
    drawing = histogram({"a": RANDOM.normal(size=50), "b": [5.5]}, bins=7, xlabel="norm", title="Norms")
    upper, lower = drawing.figure.axes
    assert upper.get_xlim() == lower.get_xlim()
    assert upper.get_ylim() == lower.get_ylim()
    assert [len(axes.patches) for axes in (upper, lower)] == [7, 7]


@pytest.mark.parametrize(
    ("values", "bins", "message"),
    [
        ({}, None, "0 sets"),
        ([], None, "no finite value|no finite number"),
        ({"a": [np.nan]}, None, "'a'.*no finite number"),
        (["x"], None, "must be numbers"),
        ([1.5, 2], 0, "whole number from 1"),
        ([1.5, 2], 2.5, "whole number from 1"),
        ([1.5, 2], [2, 1], "rising edges"),
        ([1.5, 9], [0, 5], "bins run from 0 to 5, but values from 1.5 to 9"),
    ],
)
def test_histogram_refuses_what_it_cannot_count(values, bins, message):
    with pytest.raises(ValueError, match=message):
        histogram(values, bins=bins, xlabel="length", title="Wrong")


# Words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (-0.0, "0"),
        (-2, "−2"),
        (1 / 6, "0.167"),
        (0.9996, "1.00"),
        (123.4, "123"),
        (1234.5, "1,234"),
        (1e9, "1×10⁹"),
        (2.5e-7, "2.5×10⁻⁷"),
    ],
)
def test_numbers_are_short_and_honest(value, said):
    assert number(value) == said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, 0, 10], ["1", "0", "10"]),
        ([0.5, 0.999, -0.001], ["0.50", "1.00", "0.00"]),
        ([0.5, 1.5], ["0.5", "1.5"]),
        ([12345, 6], ["12,345", "6"]),
        ([0.01234, 0.05], ["0.012", "0.050"]),
        ([1e-5, 2e-5], ["1×10⁻⁵", "2×10⁻⁵"]),
        ([np.nan, 1], ["NaN", "1"]),
    ],
)
def test_numbers_side_by_side_have_the_same_decimals(values, said):
    assert numbers(np.array(values)) == said


def test_mathematics_is_drawn_as_such_and_other_dollar_signs_as_they_are():
    assert printable("$x^2$") == "$x^2$"
    assert printable("$$") == r"\$\$"
    assert printable("$5") == r"\$5"
    assert plain("$x^2$") == "x^2"
    assert plain("$$") == "$$"


def test_wrapping_keeps_mathematics_in_one_piece():
    lines = wrapped("one two three $a + b$ four five", 12, 1.0).split("\n")
    assert len(lines) > 2
    assert sum("$a + b$" in line for line in lines) == 1


# Pictures


def test_pictures_stand_over_their_words_and_are_read_out():
    images = np.random.default_rng(0).random((5, 8, 8, 3))
    drawing = pictures(images, list("abcde"), title="Five", columns=3)
    assert drawing.description == "5 pictures with the words 'a', 'b', 'c', 'd' and 'e'."
    shown = [axes.get_images()[0].get_array() for axes in drawing.figure.axes]
    assert np.array_equal(np.stack(shown), images)
    places = [axes.get_position().bounds[:2] for axes in drawing.figure.axes]
    assert places[0][1] == pytest.approx(places[2][1])
    assert places[2][1] > places[3][1]
    assert places[0][0] == pytest.approx(places[3][0])
    assert places[3][0] < places[1][0]


@pytest.mark.parametrize(
    ("images", "captions", "columns", "message"),
    [
        (np.zeros((2, 8, 8)), "ab", 4, r"shape \(2, 8, 8\), but \(n, height, width, 3\)"),
        (np.zeros((25, 8, 8, 3)), ["a"] * 25, 4, "n from 1 to 24"),
        (np.full((1, 8, 8, 3), 2.0), ["a"], 4, "0 to 255 or numbers from 0 to 1"),
        (np.full((1, 8, 8, 3), np.nan), ["a"], 4, "0 to 255 or numbers from 0 to 1"),
        (np.full((1, 8, 8, 3), 256), ["a"], 4, "0 to 255 or numbers from 0 to 1"),
        (np.zeros((2, 8, 8, 3)), ["a"], 4, "captions must be 2 texts"),
        (np.zeros((2, 8, 8, 3)), "ab", 4, "captions must be 2 texts"),
        (np.zeros((1, 8, 8, 3)), ["a"], 0, "columns is 0"),
    ],
)
def test_pictures_names_what_it_expects(images, captions, columns, message):
    with pytest.raises(ValueError, match=message):
        pictures(images, captions, title="Wrong", columns=columns)
