"""The same figure for a room: all of it larger, and no weight too faint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_LENGTHS = frozenset(
    (
        *("width", "height", "fontSize", "labelFontSize", "titleFontSize", "labelLimit", "titleLimit", "limit"),
        *("gradientLength", "symbolStrokeWidth", "strokeWidth", "thickness", "cornerRadius", "cornerRadiusEnd"),
        *("dx", "dy"),
    )
)
_AREAS = ("point", "circle", "square")  # marks whose size is an area
_USUAL_TEXT = 12  # pixels of an axis' or a legend's letters where the chart does not say
_FAINTEST = 0.6  # opacity of the smallest weight


def zoomed(specification: dict[str, Any], factor: float) -> dict[str, Any]:
    """A Vega-Lite specification whose letters, lines and sides are so many times as large; its data stay.

    Opacity that stands for a weight begins at 0.6, since a projector swallows less.

    Args:
        specification: of a chart of this package; it is not changed.
        factor: of all lengths.
    """
    larger = _zoomed(specification, factor)
    text = {"labelFontSize": _USUAL_TEXT * factor, "titleFontSize": _USUAL_TEXT * factor}
    config = larger.get("config", {})
    for part in ("axis", "legend"):
        config[part] = text | config.get(part, {})
    return larger | {"config": config}


def _zoomed(value: Any, factor: float) -> Any:
    if isinstance(value, list):
        return [_zoomed(item, factor) for item in value]
    if not isinstance(value, dict):
        return value
    larger = {}
    for key, item in value.items():
        if key in ("datasets", "data"):
            larger[key] = item
        elif key in _LENGTHS and isinstance(item, int | float):
            larger[key] = item * factor
        elif key == "size" and "type" in value and isinstance(item, int | float):
            larger[key] = item * (factor**2 if value["type"] in _AREAS else factor)
        elif key == "strokeWidth":
            larger[key] = _encoded(item, "value", lambda width: width * factor)
        elif key == "opacity" and isinstance(item, dict):
            larger[key] = _encoded(item, "", lambda opacity: max(opacity, _FAINTEST))
        else:
            larger[key] = _zoomed(item, factor)
    return larger


def _encoded(encoding: dict[str, Any], constant: str, change: Callable[[float], float]) -> dict[str, Any]:
    """An encoding whose scale has another range, also in its conditions, and whose constants are others, too.

    Args:
        encoding: in Vega-Lite.
        constant: the key of its constants; none are changed if it is empty.
        change: makes another number of each.
    """
    other = dict(encoding)
    if "scale" in encoding:
        other["scale"] = encoding["scale"] | {"range": [change(end) for end in encoding["scale"]["range"]]}
    if constant in encoding:
        other[constant] = change(encoding[constant])
    if "condition" in encoding:
        conditions = encoding["condition"]
        several = conditions if isinstance(conditions, list) else [conditions]
        others = [_encoded(condition, constant, change) for condition in several]
        other["condition"] = others if isinstance(conditions, list) else others[0]
    return other
