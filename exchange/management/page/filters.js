// Filters: those of all bindings and consumers, what they do and what that costs.

import { path } from "./api.js";
import { el, place } from "./elements.js";
import { Trial } from "./explain.js";
import { count, nanoseconds, rate, share } from "./formats.js";
import { Growth } from "./history.js";
import { PagedTable } from "./table.js";

export function filters(context) {
  const trial = new Trial();
  const growth = new Growth();
  const table = new PagedTable({
    caption: "Filters",
    filter: "Filter by text",
    target: () => (context.vhost === "" ? path("x", "filters") : path("x", "filters", context.vhost)),
    fields: "filter,selector,tags,vhost,on,from,to,key,evaluations,matches,cost_ns",
    columns: [
      { label: "Filter", text: (each) => each.filter, press: (each) => trial.fill(each.selector, each.tags), sort: "filter" },
      { label: "Of", text: whose, href: whereTo, sort: "from" },
      { label: "Virtual host", text: (each) => each.vhost, sort: "vhost", wide: true },
      { label: "Evaluated", text: (each) => speed(growth, keyOf(each), each), number: true },
      { label: "In all", text: (each) => count(each.evaluations), sort: "evaluations", number: true, wide: true },
      { label: "Passed", text: (each) => share(each.matches, each.evaluations), number: true },
      { label: "Cost", text: (each) => nanoseconds(each.cost_ns), sort: "cost_ns", number: true },
    ],
  });
  const node = el(
    "div",
    { class: "stack" },
    el("h1", {}, "Filters"),
    el("div", { class: "card" }, table.node),
    trial.node,
  );
  return { title: "Filters", node, refresh: () => table.refresh() };
}

function keyOf(each) {
  return JSON.stringify([each.vhost, each.on, each.from, each.to, each.key, each.filter]);
}

function whose(each) {
  if (each.on === "consumer") return `consumer ${each.to} of ${each.from}`;
  return `${each.from} → ${each.to}${each.key ? `, ${each.key}` : ""}`;
}

function whereTo(each) {
  return place(each.on === "consumer" ? "queues" : "exchanges", each.vhost, each.from);
}

function speed(growth, key, { evaluations }) {
  const found = growth.of(key, evaluations);
  return found === null ? "–" : rate(found);
}

// A column of bindings: what the filter of each does, if it has one.
export function filterAtWork() {
  const growth = new Growth();
  const text = ({ filter_stats: stats, ...binding }) => {
    if (!stats) return "";
    const evaluated = speed(growth, JSON.stringify(binding), stats);
    return `${evaluated}, ${share(stats.matches, stats.evaluations)} passed, ${nanoseconds(stats.cost_ns)}`;
  };
  return { label: "Evaluated, passed, cost", text, wide: true };
}
