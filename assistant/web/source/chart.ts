/** Draws a reply's chart as SVG. */

import { drawn, element } from "./dom";

import type { Chart, Series } from "./model";

interface Scale {
  low: number;
  high: number;
  ticks: number[];
}

interface Area {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

type Place = (value: number) => number;
/** Its height, and what is in it. */
type Drawing = [number, SVGElement[]];

const LETTER = 6.6;
const COLORS = 6;
let charts = 0;

/** A figure that draws itself to its width, or null when there is no value to draw. */
export function figure(chart: Chart): HTMLElement | null {
  const values = chart.series.flatMap((one) => one.values).filter((value) => value !== null);
  if (!values.length) return null;
  const made = element("figure", { class: "chart" }, element("figcaption", {}, chart.title), legend(chart));
  const number = (charts += 1);
  let width = 0;
  new ResizeObserver(([entry]) => {
    const now = Math.round(entry?.contentRect.width ?? 0);
    if (!now || now === width) return;
    width = now;
    made.querySelector("svg")?.remove();
    made.append(picture(chart, values, width, number));
  }).observe(made);
  return made;
}

function legend(chart: Chart): HTMLElement | null {
  if (chart.series.length < 2) return null;
  const entries = chart.series.map((one, index) =>
    element("li", {}, element("span", { class: `swatch ${color(index)}` }), one.name),
  );
  return element("ul", { class: "legend", "aria-hidden": "true" }, ...entries);
}

function picture(chart: Chart, values: number[], width: number, number: number): SVGElement {
  const draw = chart.kind === "bar" ? bars : lines;
  const [height, parts] = draw(chart, scaleOf(chart, values), width);
  return drawn(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-labelledby": `chart-${number}-title`,
      "aria-describedby": `chart-${number}-desc`,
    },
    drawn("title", { id: `chart-${number}-title` }, chart.title),
    drawn("desc", { id: `chart-${number}-desc` }, described(chart)),
    ...parts,
  );
}

function described(chart: Chart): string {
  const told = chart.series.map((one) => {
    const known = one.values.filter((value) => value !== null);
    if (!known.length) return `${one.name}: no values.`;
    const [least, most] = [Math.min(...known), Math.max(...known)];
    return `${one.name}: ${known.length} values from ${shown(least, chart.unit)} to ${shown(most, chart.unit)}.`;
  });
  const limits = chart.thresholds.map((one) => `${one.label}: ${shown(one.value, chart.unit)}.`);
  return [...told, ...limits].join(" ");
}

/** Round steps from the least to the greatest value, zero among them. */
function scaleOf(chart: Chart, values: number[]): Scale {
  const all = [0, ...values, ...chart.thresholds.map((one) => one.value)];
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const step = roundStep((most - least || 1) / 4);
  const low = Math.floor(least / step) * step;
  const high = Math.max(Math.ceil(most / step), 1) * step;
  const ticks: number[] = [];
  for (let at = low; at <= high + step / 2; at += step) ticks.push(Math.abs(at) < step / 1e6 ? 0 : at);
  return { low, high: ticks.at(-1) ?? high, ticks };
}

function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 2.5, 5].find((factor) => rough <= power * factor * 1.0001) ?? 10);
}

function lines(chart: Chart, scale: Scale, width: number): Drawing {
  const height = width < 480 ? 200 : 240;
  const ticks = scale.ticks.map((tick) => shown(tick, chart.unit));
  const left = 10 + LETTER * Math.max(...ticks.map((tick) => tick.length));
  const area = { left, right: width - 12, top: 14, bottom: height - 24 };
  const last = Math.max(chart.labels.length - 1, 1);
  const x = (index: number) => area.left + ((area.right - area.left) * (chart.labels.length > 1 ? index : 0.5)) / last;
  const y = (value: number) => area.bottom - ((area.bottom - area.top) * (value - scale.low)) / (scale.high - scale.low);
  const grid = scale.ticks.flatMap((tick, index) => [
    drawn("line", { class: tick ? "grid" : "zero", x1: area.left, x2: area.right, y1: y(tick), y2: y(tick) }),
    drawn("text", { x: area.left - 8, y: y(tick) + 4, "text-anchor": "end" }, ticks[index]),
  ]);
  const limits = chart.thresholds.flatMap((one) => [
    drawn("line", { class: "threshold", x1: area.left, x2: area.right, y1: y(one.value), y2: y(one.value) }),
    drawn("text", { class: "limit", x: area.right, y: y(one.value) - 5, "text-anchor": "end" }, one.label),
  ]);
  const drawings = chart.series.flatMap((one, index) => line(one.values, color(index), x, y));
  return [height, [...grid, ...dayLabels(chart, area, x), ...drawings, ...limits, ...touches(chart, area, x)]];
}

/** A line with gaps where there is no value; a value between two gaps is a dot. */
function line(values: (number | null)[], style: string, x: Place, y: Place): SVGElement[] {
  const runs: [number, number][][] = [];
  values.forEach((value, index) => {
    if (value === null) return;
    if (index && values[index - 1] !== null) runs.at(-1)?.push([x(index), y(value)]);
    else runs.push([[x(index), y(value)]]);
  });
  return runs.map((run) =>
    run.length > 1
      ? drawn("path", { class: `line ${style}`, d: `M${run.map((at) => at.map((one) => one.toFixed(1)).join(" ")).join("L")}` })
      : drawn("circle", { class: `dot ${style}`, cx: run[0]?.[0], cy: run[0]?.[1], r: 3.5 }),
  );
}

function dayLabels(chart: Chart, area: Area, x: Place): SVGElement[] {
  const labels = chart.labels.map(short);
  const room = LETTER * Math.max(...labels.map((label) => label.length)) + 28;
  const every = Math.max(1, Math.ceil(labels.length / Math.max(2, Math.floor((area.right - area.left) / room))));
  return labels.flatMap((label, index) => {
    if (index % every) return [];
    const anchor = x(index) + room / 2 > area.right + 12 ? "end" : index ? "middle" : "start";
    return [drawn("text", { x: x(index), y: area.bottom + 18, "text-anchor": labels.length > 1 ? anchor : "middle" }, label)];
  });
}

/** An invisible strip over each label that tells its values when the pointer rests on it. */
function touches(chart: Chart, area: Area, x: Place): SVGElement[] {
  const half = chart.labels.length > 1 ? (x(1) - x(0)) / 2 : (area.right - area.left) / 2;
  return chart.labels.map((label, index) =>
    drawn(
      "rect",
      { class: "touch", x: x(index) - half, width: half * 2, y: area.top, height: area.bottom - area.top },
      drawn("title", {}, tip(chart, label, index)),
    ),
  );
}

function tip(chart: Chart, label: string, index: number): string {
  const told = chart.series.map((one) => {
    const value = one.values[index];
    return `${one.name}: ${value === null || value === undefined ? "–" : exactly(value, chart.unit)}`;
  });
  return [short(label), ...told].join("\n");
}

function bars(chart: Chart, scale: Scale, width: number): Drawing {
  const thick = chart.series.length > 1 ? 13 : 18;
  const row = thick * chart.series.length + 12;
  const longest = LETTER * Math.max(...chart.labels.map((label) => label.length)) + 12;
  const left = Math.min(longest, width * 0.36);
  const top = chart.thresholds.length ? 24 : 6;
  const bottom = top + row * chart.labels.length;
  const area = { left, right: width - 62, top, bottom };
  const x = (value: number) => area.left + ((area.right - area.left) * (value - scale.low)) / (scale.high - scale.low);
  const wanted = Math.max(2, Math.floor((area.right - area.left) / 70));
  const every = Math.ceil(scale.ticks.length / wanted);
  const grid = scale.ticks.flatMap((tick, index) => [
    drawn("line", { class: tick ? "grid" : "zero", x1: x(tick), x2: x(tick), y1: area.top, y2: area.bottom }),
    index % every ? null : drawn("text", { x: x(tick), y: area.bottom + 18, "text-anchor": "middle" }, shown(tick, chart.unit)),
  ]);
  const rows = chart.labels.flatMap((label, place) => {
    const begin = area.top + place * row + 6;
    const fitting = cut(label, (left - 12) / LETTER);
    const name = drawn(
      "text",
      { x: area.left - 8, y: begin + (row - 12) / 2 + 4, "text-anchor": "end" },
      fitting,
      fitting === label ? null : drawn("title", {}, label),
    );
    return [name, ...chart.series.flatMap((one, index) => bar(chart, one, index, place, begin + index * thick, thick, x))];
  });
  const limits = chart.thresholds.flatMap((one) => [
    drawn("line", { class: "threshold", x1: x(one.value), x2: x(one.value), y1: area.top - 4, y2: area.bottom }),
    drawn("text", { class: "limit", x: x(one.value), y: area.top - 9, "text-anchor": "middle" }, one.label),
  ]);
  return [bottom + 26, [...grid.filter((one) => one !== null), ...rows, ...limits]];
}

function bar(chart: Chart, one: Series, index: number, place: number, at: number, thick: number, x: Place): SVGElement[] {
  const value = one.values[place];
  if (value === null || value === undefined) return [];
  const [from, to] = [x(Math.min(0, value)), x(Math.max(0, value))];
  return [
    drawn(
      "rect",
      { class: `bar ${color(index)}`, x: from, width: Math.max(to - from, 1), y: at + 1, height: thick - 2, rx: 2 },
      drawn("title", {}, tip(chart, chart.labels[place] ?? "", place)),
    ),
    drawn("text", { class: "value", x: to + 6, y: at + thick / 2 + 4 }, shown(value, chart.unit)),
  ];
}

function color(index: number): string {
  return `s${index % COLORS}`;
}

function cut(label: string, letters: number): string {
  return label.length <= letters ? label : `${label.slice(0, Math.max(1, Math.floor(letters) - 1))}…`;
}

/** Days as people write them; anything else as it is. */
function short(label: string): string {
  if (!/^\d{4}-\d\d-\d\d$/.test(label)) return label;
  return new Intl.DateTimeFormat("en", { month: "short", day: "numeric", timeZone: "UTC" }).format(new Date(label));
}

function shown(value: number, unit: string): string {
  const small = Math.abs(value) < 10 && !Number.isInteger(value);
  return withUnit(value, unit, { notation: "compact", maximumFractionDigits: small ? 2 : 1, minimumFractionDigits: 0 });
}

function exactly(value: number, unit: string): string {
  return withUnit(value, unit, { maximumFractionDigits: 2 });
}

function withUnit(value: number, unit: string, options: Intl.NumberFormatOptions): string {
  if (/^[A-Z]{3}$/.test(unit)) {
    return new Intl.NumberFormat("en", { style: "currency", currency: unit, ...options }).format(value);
  }
  const number = new Intl.NumberFormat("en", options).format(value);
  if (unit === "%") return `${number} %`;
  return unit === "x" || unit === "×" ? `${number}×` : unit ? `${number} ${unit}` : number;
}
