// Charts: numbers over time as SVG, drawn at the width that there is.

import { el, say, svg } from "./elements.js";
import { GAP_MS } from "./history.js";

const HEIGHT = 170;
const LEFT = 60;
const BOTTOM = 20;
const TOP = 8;
const SPAN_MS = 60000;

// Lines over time. `series` is a list of [name, colour class]; `format` writes a value.
export class Chart {
  constructor(label, series, format) {
    this.label = label;
    this.series = series;
    this.format = format;
    this.data = series.map(() => []);
    this.figures = series.map(() => el("b", {}, "–"));
    const legend = series.map(([name, colour], at) =>
      el("li", {}, el("i", { class: `dot ${colour}` }), `${name} `, this.figures[at]),
    );
    this.drawing = svg("svg", { class: "chart", height: HEIGHT, role: "img", "aria-label": label });
    this.node = el("figure", {}, el("ul", { class: "legend" }, legend), this.drawing);
    new ResizeObserver(() => this.draw()).observe(this.node);
  }

  // Shows lists of [time, value], one for each series.
  show(...data) {
    this.data = data;
    data.forEach((points, at) => say(this.figures[at], points.length ? this.format(points.at(-1)[1]) : "–"));
    this.draw();
  }

  draw() {
    const width = this.node.clientWidth;
    if (!width) return;
    const points = this.data.flat();
    const last = Math.max(...points.map(([time]) => time), 0);
    const first = Math.min(last - SPAN_MS, ...points.map(([time]) => time));
    const top = ceiling(Math.max(...points.map(([, value]) => value), 0));
    const x = (time) => LEFT + ((time - first) / (last - first || 1)) * (width - LEFT - 8);
    const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
    this.drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.drawing.setAttribute("width", width);
    this.drawing.replaceChildren(
      ...this.grid(top, y, width),
      ...this.times(last - first, width),
      ...this.data.flatMap((line, at) => trace(line, x, y, this.series[at][1], at === 0)),
    );
  }

  grid(top, y, width) {
    return [0, top / 2, top].flatMap((value) => [
      svg("line", { class: "grid", x1: LEFT, x2: width - 8, y1: y(value), y2: y(value) }),
      svg("text", { class: "tick", x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, this.format(value)),
    ]);
  }

  times(span, width) {
    const ago = span >= 120000 ? `${Math.round(span / 60000)} min ago` : `${Math.round(span / 1000)} s ago`;
    return [
      svg("text", { class: "tick", x: LEFT, y: HEIGHT - 4 }, ago),
      svg("text", { class: "tick", x: width - 8, y: HEIGHT - 4, "text-anchor": "end" }, "now"),
    ];
  }
}

// A line, and the area below it; it is broken where nobody has looked for a while.
function trace(line, x, y, colour, isFilled = true) {
  return stretches(line).flatMap((each) => stretch(each, x, y, colour, isFilled));
}

function stretches(line) {
  const found = [[]];
  line.forEach((point, at) => {
    if (at && point[0] - line[at - 1][0] > GAP_MS) found.push([]);
    found.at(-1).push(point);
  });
  return found;
}

function stretch(line, x, y, colour, isFilled) {
  if (line.length < 2) return [];
  const way = line.map(([time, value]) => `${x(time).toFixed(1)} ${y(value).toFixed(1)}`).join("L");
  const [start, end] = [x(line[0][0]).toFixed(1), x(line.at(-1)[0]).toFixed(1)];
  const below = svg("path", { class: `area ${colour}`, d: `M${start} ${y(0)}L${way}L${end} ${y(0)}Z` });
  return [isFilled ? below : "", svg("path", { class: `line ${colour}`, d: `M${way}` })];
}

// The next round number that a scale may end with.
function ceiling(value) {
  if (value <= 2) return 2;
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((step) => step * size).find((step) => step >= value);
}

// A line without a scale, to stand beside a figure.
export class Spark {
  constructor(colour) {
    this.colour = colour;
    this.node = svg("svg", {
      class: "spark",
      viewBox: "0 0 120 32",
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    });
  }

  show(line) {
    const recent = line.slice(-60);
    const top = Math.max(...recent.map(([, value]) => value), 1);
    const x = (at) => (at / Math.max(recent.length - 1, 1)) * 120;
    const y = (value) => 30 - (value / top) * 27;
    this.node.replaceChildren(...trace(recent.map(([, value], at) => [at, value]), x, y, this.colour));
  }
}
