// The overview: how much goes through the broker, what waits in it, and how the node is.

import { get, path } from "./api.js";
import { Chart, Spark } from "./chart.js";
import { card, chip, el, facts, link, place, say } from "./elements.js";
import { bytes, compact, count, duration, rate } from "./formats.js";
import { historyOf, latest } from "./history.js";

const KEY = "overview";
const TOTALS = ["connections", "channels", "consumers", "exchanges", "queues"];

// Asks the broker for its totals; this goes on while other things are looked at, so that the
// graphs have no gaps.
export async function sample() {
  const found = await get(path("overview"));
  const { message_stats: stats, queue_totals: queues } = found;
  historyOf(KEY).add(Date.now(), {
    publish: stats.publish,
    deliver: stats.deliver_get,
    ack: stats.ack,
    ready: queues.messages_ready,
    unacked: queues.messages_unacknowledged,
  });
  return found;
}

class Figure {
  constructor(label, colour) {
    this.value = el("b", {}, "–");
    this.spark = new Spark(colour);
    this.node = el("div", { class: "card figure" }, el("span", {}, label), this.value, this.spark.node);
  }

  show(text, line) {
    say(this.value, text);
    this.spark.show(line);
  }
}

export function overview(context) {
  const figures = {
    publish: new Figure("Published", "c1"),
    deliver: new Figure("Delivered", "c2"),
    ack: new Figure("Acknowledged", "c3"),
    ready: new Figure("Ready", "c4"),
    unacked: new Figure("Unacknowledged", "c5"),
  };
  const rates = new Chart(
    "Message rates",
    [["published", "c1"], ["delivered", "c2"], ["acknowledged", "c3"]],
    rate,
  );
  const depth = new Chart("Messages in all queues", [["ready", "c4"], ["unacknowledged", "c5"]], compact);
  const totals = el("ul", { class: "totals" });
  const node = el("div", {}, el("p", { class: "quiet" }, "…"));
  const about = el("div");

  function showNumbers(found) {
    const history = historyOf(KEY);
    for (const name of ["publish", "deliver", "ack"]) {
      const line = history.rate(name);
      figures[name].show(rate(latest(line)), line);
    }
    for (const name of ["ready", "unacked"]) {
      const line = history.gauge(name);
      figures[name].show(compact(latest(line)), line);
    }
    rates.show(history.rate("publish"), history.rate("deliver"), history.rate("ack"));
    depth.show(history.gauge("ready"), history.gauge("unacked"));
    showTotals(totals, found.object_totals);
  }

  async function refresh() {
    const found = context.latest ?? (await sample());
    showNumbers(found);
    if (!about.firstChild) about.append(aboutBroker(found));
    node.replaceChildren(...(await nodeCards()));
  }

  const page = el(
    "div",
    { class: "stack" },
    el("h1", {}, "Overview"),
    el("div", { class: "figures" }, Object.values(figures).map((each) => each.node)),
    el("div", { class: "columns" }, card("Message rates", rates.node), card("Messages in all queues", depth.node)),
    totals,
    el("div", { class: "columns" }, card("Node", node), card("Broker", about)),
  );
  return { title: "Overview", node: page, refresh };
}

function showTotals(list, found) {
  if (!list.firstChild) {
    const links = TOTALS.map((name) => link(place(name), name, { "data-name": name }));
    list.append(...links.map((each) => (each.prepend(el("b")), el("li", {}, each))));
  }
  for (const each of list.querySelectorAll("a")) {
    say(each.firstChild, count(found[each.dataset.name]));
  }
}

async function nodeCards() {
  try {
    return (await get(path("nodes"))).map(nodeFacts);
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    return [el("p", { class: "quiet" }, "Nodes are shown to users with the tag monitoring.")];
  }
}

function nodeFacts(node) {
  const alarms = [node.mem_alarm && "memory alarm", node.disk_free_alarm && "disk alarm"].filter(Boolean);
  const state = alarms.length
    ? alarms.map((text) => chip(text, "bad"))
    : [chip("no alarm", "good")];
  return el(
    "div",
    {},
    el("p", {}, el("b", {}, node.name), " ", state),
    meter("Memory", node.mem_used, node.mem_limit, `${bytes(node.mem_used)} of ${bytes(node.mem_limit)}`, node.mem_alarm),
    // Full is where the alarm begins, as with memory.
    meter(
      "Disk",
      node.disk_free_limit,
      node.disk_free,
      `${bytes(node.disk_free)} free, alarm below ${bytes(node.disk_free_limit)}`,
      node.disk_free_alarm,
    ),
    meter("Open files", node.fd_used, node.fd_total, `${count(node.fd_used)} of ${count(node.fd_total)}`),
    facts([["Up for", duration(node.uptime)], ["Process", node.os_pid], ["Data", node.db_dir || "in memory only"]]),
  );
}

function meter(label, value, most, text, alarm = false) {
  const bar = el("progress", { max: most || 1, value: Math.min(value, most || 1), class: alarm ? "bad" : "", "aria-label": label });
  return el("div", { class: "meter" }, el("span", {}, label), el("span", { class: "quiet" }, text), bar);
}

function aboutBroker(found) {
  const listeners = found.listeners.map((each) => `${each.protocol} on ${each.ip_address}:${each.port}`);
  return facts([
    ["Version", `${found.product_name} ${found.product_version}`],
    ["API of RabbitMQ", found.rabbitmq_version],
    ["Runtime", found.erlang_full_version],
    ["Cluster", found.cluster_name],
    ["Listeners", el("ul", { class: "bare" }, listeners.map((text) => el("li", {}, text)))],
  ]);
}
