/** Charts of the desk: drawn from the data beside them, in the colours of the page. */

import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { type EChartsType, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import type { Chart } from "./model";

use([LineChart, BarChart, ScatterChart, GridComponent, TooltipComponent, LegendComponent, MarkLineComponent, AriaComponent, CanvasRenderer]);

type Point = [number, number];

/** Response curves: what a line brings by what it spends, where it stands and where it would. */
interface Curves {
  kind: "curves";
  title: string;
  unit: string;
  series: { name: string; points: Point[]; now: Point | null; then: Point | null }[];
}

const COLORS = 8;
const drawn = new Map<HTMLElement, EChartsType>();

function start(): void {
  draw();
  document.addEventListener("desk:theme", redraw);
  document.addEventListener("htmx:after:swap", draw);
}

const sizes = new ResizeObserver((entries) => {
  for (const entry of entries) drawn.get(entry.target as HTMLElement)?.resize();
});

function isCurves(chart: Chart | Curves): chart is Curves {
  return chart.kind === "curves";
}

function described(chart: Chart | Curves, place: HTMLElement): Record<string, unknown> {
  return isCurves(chart) ? curves(chart, place) : options(chart, place);
}

function draw(): void {
  for (const [place, chart] of drawn) {
    if (place.isConnected) continue;
    chart.dispose();
    drawn.delete(place);
  }
  for (const figure of document.querySelectorAll<HTMLElement>("[data-plot]")) {
    const place = figure.querySelector<HTMLElement>(".canvas");
    const data = figure.querySelector("script[type='application/json']");
    if (!place || !data?.textContent || drawn.has(place)) continue;
    const chart: Chart | Curves = JSON.parse(data.textContent);
    place.replaceChildren();
    if (!isCurves(chart) && chart.kind === "bar") place.style.height = `${Math.max(8, chart.labels.length * (chart.series.length > 1 ? 2.6 : 2) + 3)}rem`;
    const made = init(place);
    made.setOption(described(chart, place));
    drawn.set(place, made);
    sizes.observe(place);
    figure.dataset.drawn = "yes";
  }
}

function redraw(): void {
  for (const [place, chart] of drawn) {
    const data = place.closest("[data-plot]")?.querySelector("script[type='application/json']");
    if (data?.textContent) chart.setOption(described(JSON.parse(data.textContent), place), { notMerge: true });
  }
}

/** A colour of the style as it is now, in the form a canvas takes. */
function ink(name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function options(chart: Chart, place: HTMLElement): Record<string, unknown> {
  const colors = Array.from({ length: COLORS }, (_, index) => ink(`s${index}`));
  const [text, faint, line, card, bad] = ["ink", "faint", "line", "card", "bad"].map(ink) as [string, string, string, string, string];
  const isBar = chart.kind === "bar";
  const isSmall = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const font = getComputedStyle(place).fontFamily;
  const values = {
    type: "value",
    axisLabel: { color: faint, fontFamily: font, formatter: (value: number) => short(value, chart.unit) },
    splitLine: { lineStyle: { color: line } },
    splitNumber: place.clientWidth < 480 ? 3 : 4,
  };
  const names = {
    type: "category",
    data: chart.labels.map(shortDay),
    boundaryGap: isBar,
    inverse: isBar,
    axisTick: { show: false },
    axisLine: { show: !isBar, lineStyle: { color: line } },
    axisLabel: { color: faint, fontFamily: font, hideOverlap: true },
  };
  return {
    animation: !isSmall,
    animationDuration: 250,
    color: colors,
    textStyle: { fontFamily: font },
    aria: { enabled: false },
    grid: { left: 4, right: 12, top: chart.series.length > 1 ? 36 : 14, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    legend: {
      show: chart.series.length > 1,
      type: "plain",
      left: 0,
      top: 0,
      icon: "roundRect",
      itemWidth: 12,
      itemHeight: 4,
      textStyle: { color: faint, fontFamily: font },
    },
    tooltip: {
      trigger: "axis",
      // As text on the canvas: HTML would need inline styles, which the policy forbids.
      renderMode: "richText",
      backgroundColor: card,
      borderColor: line,
      padding: [8, 12],
      textStyle: { color: text, fontFamily: font, fontSize: 12 },
      axisPointer: { type: isBar ? "shadow" : "line", lineStyle: { color: faint }, shadowStyle: { color: line, opacity: 0.35 } },
      valueFormatter: (value: number | null) => (value === null || value === undefined ? "–" : exact(value, chart.unit)),
    },
    xAxis: isBar ? values : names,
    yAxis: isBar ? names : values,
    series: chart.series.map((one, index) => ({
      name: one.name,
      type: isBar ? "bar" : "line",
      data: one.values,
      showSymbol: chart.labels.length < 2,
      symbolSize: 5,
      lineStyle: { width: 2 },
      barMaxWidth: 16,
      itemStyle: isBar ? { borderRadius: [0, 3, 3, 0] } : {},
      ...(index === 0 && chart.thresholds.length ? { markLine: levels(chart, bad, card, font) } : {}),
    })),
  };
}

function curves(chart: Curves, place: HTMLElement): Record<string, unknown> {
  const base = options({ ...chart, labels: [], thresholds: [], series: chart.series.map(({ name }) => ({ name, values: [] })) }, place);
  const [faint, line, card] = ["faint", "line", "card"].map(ink) as [string, string, string];
  const colors = base.color as string[];
  const axis = {
    type: "value",
    axisLabel: { color: faint, formatter: (value: number) => short(value, "") },
    splitLine: { lineStyle: { color: line } },
  };
  const marks = chart.series.flatMap((one, index) =>
    ([["now", one.now, "circle"], ["then", one.then, "diamond"]] as const).flatMap(([when, at, symbol]) =>
      at
        ? [{
            name: `${one.name}, ${when}`,
            type: "scatter",
            symbol,
            symbolSize: symbol === "circle" ? 9 : 13,
            data: [at],
            itemStyle: { color: symbol === "circle" ? card : colors[index], borderColor: colors[index], borderWidth: 2 },
            z: 4,
          }]
        : [],
    ),
  );
  return {
    ...base,
    grid: { ...(base.grid as object), top: place.clientWidth < 480 ? 12 : 44 + 22 * Math.floor((chart.series.length - 1) / 3) },
    legend: { ...(base.legend as object), show: place.clientWidth >= 480, data: chart.series.map((one) => one.name) },
    tooltip: {
      ...(base.tooltip as object),
      trigger: "item",
      formatter: ({ seriesName, value }: { seriesName: string; value: Point }) =>
        `${seriesName}\n${exact(value[0], chart.unit)} brings ${exact(value[1], chart.unit)}`,
    },
    xAxis: { ...axis, name: "spend a month", nameLocation: "middle", nameGap: 28, nameTextStyle: { color: faint } },
    yAxis: axis,
    series: [
      ...chart.series.map((one) => ({ name: one.name, type: "line", smooth: true, symbol: "circle", symbolSize: 4, showSymbol: false, lineStyle: { width: 2 }, data: one.points })),
      ...marks,
    ],
  };
}

function levels(chart: Chart, bad: string, card: string, font: string): Record<string, unknown> {
  const isBar = chart.kind === "bar";
  return {
    symbol: "none",
    silent: true,
    lineStyle: { color: bad, type: [5, 4], width: 1.2 },
    label: { color: bad, fontFamily: font, fontSize: 11, position: "insideEndTop", backgroundColor: card, padding: [1, 3], formatter: "{b}" },
    data: chart.thresholds.map((one) => ({ name: one.label, [isBar ? "xAxis" : "yAxis"]: one.value })),
  };
}

/** A figure short enough for an axis. */
function short(value: number, unit: string): string {
  const size = Math.abs(value);
  const [divisor, letter] = size >= 1e6 ? [1e6, "M"] : size >= 1e4 ? [1e3, "k"] : [1, ""];
  const told = (value / divisor).toLocaleString("en", { maximumFractionDigits: size >= 100 && divisor === 1 ? 0 : 1 });
  return `${told}${letter}${unit === "%" ? " %" : ""}`;
}

function exact(value: number, unit: string): string {
  if (/^[A-Z]{3}$/.test(unit)) return value.toLocaleString("en", { style: "currency", currency: unit });
  return `${value.toLocaleString("en", { maximumFractionDigits: 2 })}${unit ? ` ${unit}` : ""}`;
}

function shortDay(label: string): string {
  const day = /^\d{4}-(\d{2})-(\d{2})$/.exec(label);
  if (!day) return label;
  return new Date(`${label}T00:00:00Z`).toLocaleDateString("en", { month: "short", day: "numeric", timeZone: "UTC" });
}

start();
