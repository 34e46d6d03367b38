"""Every figure of the course: networks, cells, heat maps and charts.

Each function returns a :class:`Drawing`: a matplotlib figure (made without pyplot, so without any global
state) and one sentence that says in words what the figure shows.
"""

from utils.plots.attention import attention
from utils.plots.charts import bars, curves
from utils.plots.directions import bidirectional
from utils.plots.drawing import Drawing
from utils.plots.gates import gru_cell, lstm_cell
from utils.plots.grids import heat_map, hidden_states
from utils.plots.histograms import histogram
from utils.plots.networks import cell, folded, unrolled
from utils.plots.pictures import pictures
from utils.plots.translation import encoder_decoder

__all__ = [
    "Drawing",
    "attention",
    "bars",
    "bidirectional",
    "cell",
    "curves",
    "encoder_decoder",
    "folded",
    "gru_cell",
    "heat_map",
    "hidden_states",
    "histogram",
    "lstm_cell",
    "pictures",
    "unrolled",
]
