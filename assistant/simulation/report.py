"""The report of a simulation: tables as Markdown, pictures as SVG, the record as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assistant.simulation.drawing import Band, Dots, dots, lines
from assistant.simulation.outcome import Figure, Pair, figures, kinds, of_kind, record

CAC_CLAIM = (-0.35, -0.15)
"""Change of CAC that the product is said to bring."""

ROI_CLAIM = 3.0
"""Return on marketing, as revenue less spend over spend, that it is said to reach."""


def write(folder: Path, pairs: Sequence[Pair], **about: Any) -> Path:
    """Write the record, the pictures and the report into a folder; the report's path."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = json.dumps(record(pairs, **about), indent=1)
    (folder / "record.json").write_text(kept + "\n", encoding="utf-8")
    for name, picture in pictures(pairs).items():
        (folder / f"{name}.svg").write_text(picture, encoding="utf-8")
    path = folder / "report.md"
    path.write_text(told(pairs, **about), encoding="utf-8")
    return path


def pictures(pairs: Sequence[Pair]) -> dict[str, str]:
    """Change of CAC and of contribution by seed and market, and contribution gained day by day."""
    found = {}
    for place, name in ((0, "CAC"), (3, "contribution")):
        rows = {}
        for kind in kinds(pairs):
            mine = of_kind(pairs, kind)
            one = figures(mine)[place]
            values = [figures([pair])[place].change for pair in mine]
            rows[kind.value] = Dots(values, one.change, one.low, one.high)
        title = f"Change of {name}: a dot a seed, the mean and its 95 % interval"
        found[name.lower()] = dots(title, rows)
    series = {}
    for kind in kinds(pairs):
        gained = np.array([pair.gained for pair in of_kind(pairs, kind)])
        low, high = np.quantile(gained, (0.05, 0.95), axis=0)
        series[kind.value] = Band(gained.mean(axis=0).tolist(), low.tolist(), high.tolist())
    found["gained"] = lines(
        "Contribution gained over the static split, mean and 90 % of seeds", series, "USD"
    )
    return found


def told(pairs: Sequence[Pair], **about: Any) -> str:
    """The report."""
    days, ways = pairs[0].days, pairs[0].ways
    seeds = len(of_kind(pairs, kinds(pairs)[0]))
    text = [
        "# Simulation",
        "",
        f"{days} days, {seeds} seeds, {' and '.join(ways)} against the static split. "
        + " ".join(f"{name}: {value}." for name, value in about.items()),
        "",
        *_verdicts(pairs),
        "",
    ]
    for kind in kinds(pairs):
        mine = of_kind(pairs, kind)
        acts = sum(len(pair.acts) for pair in mine) / len(mine)
        text += [
            f"## {kind.value.capitalize()}",
            "",
            f"{acts:.1f} changes carried out a run.",
            "",
            "| figure | static | with | change (95 % interval of its mean) | least to most | better in |",
            "|---|---|---|---|---|---|",
            *(_row(one) for one in figures(mine)),
            "",
        ]
    text += [
        "![Change of CAC](cac.svg)",
        "",
        "![Change of contribution](contribution.svg)",
        "",
        "![Contribution gained](gained.svg)",
        "",
    ]
    return "\n".join(text)


def _verdicts(pairs: Sequence[Pair]) -> list[str]:
    """What becomes of the claims, market by market, as it came out."""
    found = []
    for kind in kinds(pairs):
        mine = figures(of_kind(pairs, kind))
        cac, roi, contribution = mine[0], mine[2], mine[3]
        low, high = CAC_CLAIM
        holds = low <= cac.change <= high or cac.change < low
        found.append(
            f"- {kind.value}: CAC {cac.change:+.1%} ({cac.low:+.1%} to {cac.high:+.1%}), "
            f"{'as claimed' if holds else 'not the −15 to −35 % claimed'}; ROI {roi.acting:.2f} with and "
            f"{roi.static:.2f} without, {'at least' if roi.acting >= ROI_CLAIM else 'not'} 3; contribution "
            f"{contribution.change:+.1%} ({contribution.low:+.1%} to {contribution.high:+.1%})."
        )
    return found


def _row(one: Figure) -> str:
    money = one.name in ("CAC", "contribution", "spend")
    ratio = one.name in ("ROAS", "ROI")

    def shown(value: float) -> str:
        return f"{value:.2f}" if ratio or one.name == "CAC" else f"{value:,.0f}"

    def moved(value: float) -> str:
        return f"{value:+.1%}" if one.relative else f"{value:+.2f}"

    unit = " USD" if money else ""
    return (
        f"| {one.name} | {shown(one.static)}{unit} | {shown(one.acting)}{unit} | {moved(one.change)} "
        f"({moved(one.low)} to {moved(one.high)}) | {moved(one.least)} to {moved(one.most)} | "
        f"{one.better} of {one.seeds} |"
    )
