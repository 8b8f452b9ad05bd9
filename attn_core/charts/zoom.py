"""The same figure, all of it larger."""

from __future__ import annotations

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


def zoomed(specification: dict[str, Any], factor: float) -> dict[str, Any]:
    """A Vega-Lite specification whose letters, lines and sides are so many times as large; its data stay.

    Args:
        specification: of a chart of this package; it is not changed.
        factor: 1 changes nothing.
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
            larger[key] = _zoomed_scale(item, factor)
        else:
            larger[key] = _zoomed(item, factor)
    return larger


def _zoomed_scale(encoding: dict[str, Any], factor: float) -> dict[str, Any]:
    """The encoding of a line's width: a scale's range, or values."""
    larger = dict(encoding)
    if "scale" in encoding:
        larger["scale"] = encoding["scale"] | {"range": [width * factor for width in encoding["scale"]["range"]]}
    if "value" in encoding:
        larger["value"] = encoding["value"] * factor
    if "condition" in encoding:
        conditions = encoding["condition"]
        several = conditions if isinstance(conditions, list) else [conditions]
        zoomed_ones = [_zoomed_scale(condition, factor) for condition in several]
        larger["condition"] = zoomed_ones if isinstance(conditions, list) else zoomed_ones[0]
    return larger
