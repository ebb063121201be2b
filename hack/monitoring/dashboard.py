"""The Grafana dashboard as JSON, made of its panels.

https://grafana.com/docs/grafana/latest/visualizations/dashboards/build-dashboards/view-dashboard-json-model/
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from hack.monitoring.panels import NAMESPACES, ROWS, Panel, Row

UID: Final = "tagline"
WIDTH: Final = 24


def render() -> str:
    """Return the dashboard as JSON, as Grafana imports it."""
    return json.dumps(_dashboard(), indent=2, ensure_ascii=False) + "\n"


def _dashboard() -> dict[str, Any]:
    return {
        "uid": UID,
        "title": "tagline",
        "tags": ["tagline", "gitops"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_data_source(), _namespace()]},
        "panels": _lay_out(ROWS),
    }


def _data_source() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}}


def _namespace() -> dict[str, Any]:
    return {
        "name": "namespace",
        "label": "Namespace",
        "type": "query",
        "datasource": _uid(),
        "definition": f"query_result({NAMESPACES})",
        "query": {"query": f"query_result({NAMESPACES})", "refId": "namespaces"},
        "regex": '/namespace="([^"]+)"/',
        "refresh": 2,
        "sort": 1,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _uid() -> dict[str, str]:
    return {"type": "prometheus", "uid": "${datasource}"}


def _lay_out(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return rows and panels with their places: from left to right, a new line where one is full."""
    laid: list[dict[str, Any]] = []
    top = 0
    for row in rows:
        laid.append(_row(row.title, len(laid) + 1, top))
        top, left, tallest = top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > WIDTH:
                top, left, tallest = top + tallest, 0, 0
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            laid.append(_panel(panel, len(laid) + 1, place))
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest
    return laid


def _row(title: str, number: int, top: int) -> dict[str, Any]:
    place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    is_table = panel.kind == "table"
    made: dict[str, Any] = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": _uid(),
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + position),
                "datasource": _uid(),
                "expr": query,
                "legendFormat": legend,
                "instant": is_table,
                "range": not is_table,
                "format": "table" if is_table else "time_series",
                "exemplar": panel.has_exemplars,
            }
            for position, (query, legend) in enumerate(panel.queries)
        ],
    }
    if panel.text:
        made["description"] = panel.text
    if is_table:
        hidden = {"id": "organize", "options": {"excludeByName": {"Time": True, "Value": False}}}
        made["transformations"] = [hidden]
    return made
