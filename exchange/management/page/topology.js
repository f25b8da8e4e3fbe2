// The topology behind an exchange, drawn: exchange, binding (routing key and filter), queue; and
// on through exchanges that are bound to it.
//
// Layout: columns from left to right. Exchanges and queues are boxes, each drawn once; between two
// columns of boxes stands one of bindings, each a label on its own line. A binding stands beside
// where it leads, as far as there is room, and what leads to one box is drawn close together; so
// lines cross little without any search for the best order.

import { get, path } from "./api.js";
import { el, place, svg } from "./elements.js";
import { count } from "./formats.js";
import { filterOf, otherArguments } from "./queues.js";

const BINDINGS_MAX = 60;
const DEPTH_MAX = 4;
const BOX = { width: 164, height: 44 };
const LABEL = { width: 204, height: 44 };
const WITHOUT_KEY = { fanout: "every message", headers: "by headers" };
const SHRUNK_MIN = 0.82;
const GAP = { x: 34, y: 14 };

export class Topology {
  constructor(vhost, name) {
    this.vhost = vhost;
    this.name = name;
    this.drawing = el("div", { class: "scroll drawing", tabindex: "0", role: "region", "aria-label": `Bindings of ${name}, drawn` });
    this.note = el("p", { class: "quiet small" });
    this.node = el("div", {}, this.drawing, this.note);
  }

  // Loads what is bound and draws it, unless it is drawn already.
  async refresh(exchange) {
    const graph = await collect(this.vhost, this.name, exchange.type);
    const key = JSON.stringify([graph.bindings, [...graph.boxes.keys()], graph.left]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.note.textContent = graph.left ? `${count(graph.left)} more bindings are not drawn; the list below has all of them.` : "";
    if (!graph.bindings.length) {
      this.drawing.replaceChildren(el("p", { class: "quiet" }, "Nothing is bound: messages published here go nowhere."));
      return;
    }
    this.drawing.replaceChildren(draw(graph));
  }
}

function keyOf(kind, name) {
  return `${kind} ${name}`;
}

// All boxes with the column each stands in, and the bindings between them; breadth first, so a
// box stands as far left as it can, and a circle of exchanges comes to its end.
async function collect(vhost, name, type) {
  const first = { kind: "exchange", name, type, depth: 0, vhost };
  const boxes = new Map([[keyOf("exchange", name), first]]);
  const bindings = [];
  let left = 0;
  for (const box of boxes.values()) {
    if (box.kind !== "exchange" || box.depth >= DEPTH_MAX) continue;
    box.type ??= (await get(path("exchanges", vhost, box.name))).type;
    const room = BINDINGS_MAX - bindings.length;
    const query = { page: 1, page_size: Math.max(room, 1) };
    const found = await get(`${path("exchanges", vhost, box.name)}/bindings/source`, query);
    const taken = found.items.slice(0, room);
    left += found.total_count - taken.length;
    for (const each of taken) {
      const key = keyOf(each.destination_type, each.destination);
      if (!boxes.has(key)) {
        boxes.set(key, { kind: each.destination_type, name: each.destination, depth: box.depth + 1, vhost });
      }
      bindings.push({
        from: keyOf("exchange", box.name),
        to: key,
        key: each.routing_key,
        without: WITHOUT_KEY[box.type] ?? "empty key",
        filter: filterOf(each.arguments),
        more: otherArguments(each.arguments),
      });
    }
  }
  return { boxes, bindings, left };
}

function draw({ boxes, bindings }) {
  const columns = [];
  for (const box of boxes.values()) (columns[box.depth] ??= []).push(box);
  const labels = columns.map((_, depth) => bindings.filter((each) => boxes.get(each.from).depth === depth));
  order(labels, columns, boxes);
  const heights = [...columns.map((each) => stacked(each, BOX)), ...labels.map((each) => stacked(each, LABEL))];
  const height = Math.max(...heights) + 2 * GAP.y;
  const step = BOX.width + LABEL.width + 2 * GAP.x;
  columns.forEach((column, depth) => spread(column, BOX, depth * step, height));
  labels.forEach((column, depth) => spread(column, LABEL, depth * step + BOX.width + GAP.x, height));
  const width = (columns.length - 1) * step + BOX.width + 4;
  const drawn = svg(
    "svg",
    { class: "topology", viewBox: `-2 0 ${width} ${height}`, width, height, role: "group", "aria-label": "Exchange, bindings and queues" },
    bindings.flatMap((each) => edges(each, boxes.get(each.from), boxes.get(each.to))),
    bindings.map(label),
    [...boxes.values()].map(boxed),
  );
  // Somewhat smaller rather than cut; one that is much too wide is moved about instead.
  drawn.style.minWidth = `${width * SHRUNK_MIN}px`;
  return drawn;
}

function stacked(column, size) {
  return column.length * (size.height + GAP.y);
}

// Bindings in the order of what they lead to, and that in the order in which it is reached.
function order(labels, columns, boxes) {
  labels.forEach((column, depth) => {
    const from = columns[depth] ?? [];
    const reached = new Map();
    column.sort((a, b) => from.indexOf(boxes.get(a.from)) - from.indexOf(boxes.get(b.from)));
    column.forEach((each) => reached.has(each.to) || reached.set(each.to, reached.size));
    column.sort((a, b) => reached.get(a.to) - reached.get(b.to));
    const rank = (box) => reached.get(keyOf(box.kind, box.name)) ?? Infinity;
    columns[depth + 1]?.sort((a, b) => rank(a) - rank(b) || 0);
  });
}

function spread(column, size, x, height) {
  const slot = height / column.length;
  column.forEach((each, at) => Object.assign(each, { x, y: slot * (at + 0.5) - size.height / 2 }));
}

function curve(x1, y1, x2, y2) {
  const bend = (x2 - x1) / 2;
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

function edges(binding, from, to) {
  const middle = binding.y + LABEL.height / 2;
  const kind = binding.filter ? "edge filtered" : "edge";
  const end = { x: to.x, y: to.y + BOX.height / 2 };
  // What leads back, or to a box of the same column, goes around below it.
  const back = to.x <= binding.x;
  const second = back
    ? `M${binding.x + LABEL.width} ${middle}c40 0 40 ${LABEL.height} 0 ${LABEL.height}H${end.x + BOX.width + 12}Q${end.x + BOX.width / 2} ${middle + LABEL.height} ${end.x + BOX.width / 2} ${to.y + BOX.height}`
    : curve(binding.x + LABEL.width, middle, end.x, end.y);
  return [
    svg("path", { class: kind, d: curve(from.x + BOX.width, from.y + BOX.height / 2, binding.x, middle) }),
    svg("path", { class: `${kind} arrow`, d: second }),
    back ? "" : svg("path", { class: `tip ${kind}`, d: `M${end.x - 7} ${end.y - 4}l7 4l-7 4z` }),
  ];
}

function cut(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function label(binding) {
  const { x, y } = binding;
  const below = binding.filter || binding.more;
  const key = binding.key || binding.without;
  const baseline = y + (below ? 18 : 27);
  return svg(
    "g",
    { class: `binding ${binding.filter ? "filtered" : ""}` },
    svg("title", {}, [binding.key, binding.filter, binding.more].filter(Boolean).join("\n")),
    svg("rect", { x, y, width: LABEL.width, height: LABEL.height, rx: LABEL.height / 2 }),
    svg("text", { class: binding.key ? "key" : "none", x: x + LABEL.width / 2, y: baseline, "text-anchor": "middle" }, cut(key, 25)),
    below && svg("text", { class: "filter", x: x + LABEL.width / 2, y: y + 34, "text-anchor": "middle" }, cut(below, 29)),
  );
}

function boxed(box) {
  const { x, y, kind, name, vhost } = box;
  const shape = svg("rect", { x, y, width: BOX.width, height: BOX.height, rx: kind === "queue" ? 4 : 12 });
  const texts = [
    svg("text", { class: "kind", x: x + 14, y: y + 16 }, box.type ? `${box.type} exchange` : kind),
    svg("text", { class: "title", x: x + 14, y: y + 33 }, cut(name, 17)),
  ];
  return svg(
    "a",
    { class: `box ${kind}`, href: place(`${kind}s`, vhost, name), "aria-label": `${kind} ${name}` },
    svg("title", {}, name),
    shape,
    texts,
  );
}
