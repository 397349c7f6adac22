"""What an ONNX graph is gathered in: nodes, constants, and the inputs brought together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

OWN = "alicredit/"
"""What names inside the graph begin with."""


def import_onnx() -> Any:
    """Import ONNX, or say which extra brings it."""
    try:
        import onnx
    except ImportError as error:
        text = "to_onnx needs the package onnx; try: pip install 'alicredit[onnx]'."
        raise ImportError(text) from error
    return onnx


@dataclass
class Graph:
    """Nodes and constants gathered so far."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    known: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def node(self, kind: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        """Add a node of one output and give its name."""
        name = to or f"{OWN}{len(self.nodes)}"
        made = import_onnx().helper.make_node(kind, list(inputs), [name], **attributes)
        self.nodes.append(made)
        return name

    def constant(self, values: Any) -> str:
        """Add an array, once, and give its name."""
        array = np.ascontiguousarray(values)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.known:
            name = f"{OWN}c{len(self.constants)}"
            self.constants.append(import_onnx().numpy_helper.from_array(array, name))
            self.known[key] = name
        return self.known[key]

    def real(self, *values: float) -> str:
        """Add doubles."""
        return self.constant(np.array(values, dtype=np.float64))

    def whole(self, *values: int) -> str:
        """Add whole numbers."""
        return self.constant(np.array(values, dtype=np.int64))

    def cast(self, name: str, kind: str) -> str:
        """Cast to ``DOUBLE`` or ``INT64``."""
        onnx, out = import_onnx(), f"{OWN}{len(self.nodes)}"
        to = getattr(onnx.TensorProto, kind)
        self.nodes.append(onnx.helper.make_node("Cast", [name], [out], to=to))
        return out

    def flat(self, name: str) -> str:
        """Turn a column of shape (N, 1) into one of shape (N,)."""
        return self.node("Squeeze", name, self.whole(1))


@dataclass(frozen=True)
class Numbers:
    """Numbers and flags side by side, shape (N, inputs), and which are missing, as 0 and 1."""

    values: str
    gone: str
    place: dict[str, int]

    def passed(self, graph: Graph, cuts: Sequence[tuple[str, float]]) -> str:
        """Tell of each (input, cut) whether the value is above it, as 0 and 1; missing is not."""
        at = graph.whole(*(self.place[name] for name, _ in cuts))
        asked = graph.node("Gather", self.values, at, axis=1)
        above = graph.node("Greater", asked, graph.real(*(cut for _, cut in cuts)))
        return graph.cast(above, "DOUBLE")


Texts = dict[str, str]
"""Of each category the position of its level, shape (N, 1); others next, missing last."""
