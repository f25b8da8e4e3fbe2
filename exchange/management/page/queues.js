// Queues: the list, and one of them with its depth over time.

import { ask, get, path } from "./api.js";
import { Chart } from "./chart.js";
import { attempted, card, chip, confirmTyped, el, facts, link, place, refill, stale } from "./elements.js";
import { bytes, compact, count, json, rate } from "./formats.js";
import { historyOf } from "./history.js";
import { messagesOf, publishForm } from "./messages.js";
import { Redrive } from "./redrive.js";
import { isNotable, Standstill } from "./standstill.js";
import { PagedTable } from "./table.js";

const FIELDS =
  "name,vhost,type,durable,auto_delete,exclusive,arguments,policy,messages_ready," +
  "messages_unacknowledged,messages,consumers,message_stats.publish_details.rate," +
  "message_stats.deliver_get_details.rate,why";

const SHORT = {
  "x-message-ttl": "ttl",
  "x-expires": "expires",
  "x-max-length": "max length",
  "x-max-length-bytes": "max bytes",
  "x-overflow": "overflow",
  "x-dead-letter-exchange": "dead letters",
  "x-max-priority": "priorities",
  "x-single-active-consumer": "single active",
  "x-delivery-limit": "delivery limit",
};

// What is special about a queue, in a word each.
export function features(queue) {
  const known = Object.entries(SHORT).filter(([name]) => name in queue.arguments);
  return [
    queue.durable ? "durable" : "transient",
    queue.auto_delete && "auto-delete",
    queue.exclusive && "exclusive",
    queue.type !== "classic" && queue.type,
    ...known.map(([, word]) => word),
    queue.policy && `policy ${queue.policy}`,
  ].filter(Boolean);
}

export function queues(context) {
  const table = new PagedTable({
    caption: "Queues",
    target: () => (context.vhost === "" ? path("queues") : path("queues", context.vhost)),
    fields: FIELDS,
    sort: "messages",
    descending: true,
    columns: [
      {
        label: "Name",
        text: (each) => each.name,
        href: (each) => place("queues", each.vhost, each.name),
        sort: "name",
        below: whyNotable,
      },
      { label: "Virtual host", text: (each) => each.vhost, sort: "vhost", wide: true },
      { label: "Features", chips: features, wide: true },
      { label: "Ready", text: (each) => count(each.messages_ready), sort: "messages_ready", number: true },
      {
        label: "Unacked",
        text: (each) => count(each.messages_unacknowledged),
        sort: "messages_unacknowledged",
        number: true,
      },
      { label: "Total", text: (each) => count(each.messages), sort: "messages", number: true, wide: true },
      {
        label: "In",
        text: (each) => rate(each.message_stats.publish_details.rate),
        sort: "message_stats.publish_details.rate",
        number: true,
        wide: true,
      },
      {
        label: "Out",
        text: (each) => rate(each.message_stats.deliver_get_details.rate),
        sort: "message_stats.deliver_get_details.rate",
        number: true,
        wide: true,
      },
      { label: "Consumers", text: (each) => count(each.consumers), sort: "consumers", number: true, wide: true },
    ],
  });
  const node = el("div", { class: "stack" }, el("h1", {}, "Queues"), el("div", { class: "card" }, table.node));
  return { title: "Queues", node, refresh: () => table.refresh() };
}

function whyNotable({ why, messages_ready: ready, message_stats: stats }) {
  return isNotable(ready, stats.publish_details.rate, stats.deliver_get_details.rate) ? why : "";
}

// One queue

export function queue(context, vhost, name) {
  const target = path("queues", vhost, name);
  const depth = new Chart("Messages in the queue", [["ready", "c4"], ["unacknowledged", "c5"]], compact);
  const rates = new Chart("Rates", [["in", "c1"], ["out", "c2"], ["acknowledged", "c3"]], rate);
  const about = el("div");
  const takers = el("div");
  const bindings = bindingsTo(vhost, name);
  const standstill = new Standstill(vhost, name);
  const redrive = new Redrive(vhost, name);

  async function refresh() {
    const found = await get(target);
    const stats = found.message_stats;
    const history = historyOf(`queue ${JSON.stringify([vhost, name])}`);
    history.add(Date.now(), {
      ready: found.messages_ready,
      unacked: found.messages_unacknowledged,
      in: stats.publish,
      out: stats.deliver_get,
      ack: stats.ack,
    });
    depth.show(history.gauge("ready"), history.gauge("unacked"));
    rates.show(history.rate("in"), history.rate("out"), history.rate("ack"));
    refill(about, aboutQueue(found));
    fillConsumers(takers, found.consumer_details);
    await Promise.all([standstill.refresh(), redrive.refresh(found.messages_ready), bindings.refresh()]);
  }

  const node = el(
    "div",
    { class: "stack" },
    el("p", { class: "trail" }, link(place("queues"), "Queues"), ` in ${vhost}`),
    el("h1", { class: "name" }, name),
    standstill.node,
    el("div", { class: "columns" }, card("Depth", depth.node), card("Rates", rates.node)),
    el("div", { class: "columns" }, card("Details", about), card("Consumers", takers)),
    redrive.node,
    card("Bindings to this queue", bindings.node),
    messagesOf(vhost, name),
    publishForm(vhost, "amq.default", name),
    danger(target, name),
  );
  return { title: name, node, refresh };
}

function aboutQueue(found) {
  const more = Object.entries(found.arguments).map(([key, value]) => [key, el("code", {}, json(value))]);
  const policy = Object.entries(found.effective_policy_definition ?? {});
  return facts([
    ["Features", features(found).map((text) => chip(text))],
    ["Ready", `${count(found.messages_ready)} (${bytes(found.message_bytes_ready)})`],
    ["Unacknowledged", `${count(found.messages_unacknowledged)} (${bytes(found.message_bytes_unacknowledged)})`],
    ["On disk only", found.messages_paged_out ? count(found.messages_paged_out) : ""],
    ["Held back", found.messages_delayed ? count(found.messages_delayed) : ""],
    ["Memory", bytes(found.memory)],
    ["Redelivered", count(found.message_stats.redeliver)],
    ["Active consumer", found.single_active_consumer_tag],
    ...more,
    ...policy.map(([key, value]) => [`${key} (policy)`, el("code", {}, json(value))]),
  ]);
}

// Filled anew only when it has changed: whoever stands on a link there stays.
function fillConsumers(node, consumers) {
  const key = JSON.stringify(consumers);
  if (node.dataset.shown === key) return;
  node.dataset.shown = key;
  const rows = consumers.slice(0, 100).map((each) => {
    const { connection_name: connection } = each.channel_details;
    return el(
      "li",
      {},
      el("b", {}, each.consumer_tag),
      connection && [" over ", link(place("connections", connection), connection)],
      ` prefetch ${each.prefetch_count || "unlimited"} `,
      each.ack_required ? "" : chip("no ack"),
      each.active ? "" : chip("waiting"),
      filterOf(each.arguments) && el("code", { class: "block" }, filterOf(each.arguments)),
    );
  });
  node.replaceChildren(
    rows.length ? el("ul", { class: "bare spaced" }, rows) : el("p", { class: "quiet" }, "Nobody consumes."),
  );
  if (consumers.length > rows.length) {
    node.append(el("p", { class: "quiet" }, `and ${count(consumers.length - rows.length)} more`));
  }
}

// The filter among the arguments of a binding or a consumer, as a text.
export function filterOf(arguments_) {
  return arguments_["x-filter-jms-selector"] ?? arguments_["x-filter-tags"] ?? "";
}

export function otherArguments(arguments_) {
  return Object.entries(arguments_)
    .filter(([name]) => !name.startsWith("x-filter-"))
    .map(([name, value]) => `${name}: ${json(value)}`)
    .join(", ");
}

function bindingsTo(vhost, name) {
  return new PagedTable({
    caption: "Bindings to this queue",
    filter: "",
    target: () => path("queues", vhost, name, "bindings"),
    fields: "source,routing_key,arguments",
    columns: [
      {
        label: "From",
        text: (each) => each.source || "(the default exchange)",
        href: (each) => place("exchanges", vhost, each.source || "amq.default"),
      },
      { label: "Routing key", text: (each) => each.routing_key },
      { label: "Filter", text: (each) => filterOf(each.arguments) },
      { label: "Arguments", text: (each) => otherArguments(each.arguments), wide: true },
    ],
  });
}

function danger(target, name) {
  const purge = async ({ target: button }) => {
    if (!(await confirmTyped("Purge the queue", name))) return;
    await attempted(ask("DELETE", `${target}/contents`), "The queue is empty.");
    stale(button);
  };
  const remove = async () => {
    if (!(await confirmTyped("Delete the queue", name))) return;
    if (await attempted(ask("DELETE", target), "The queue is deleted.")) location.hash = place("queues");
  };
  return card(
    "Danger",
    el("p", { class: "quiet" }, "Both throw messages away for good. Those that are not acknowledged yet stay when a queue is purged."),
    el(
      "div",
      { class: "row" },
      el("button", { class: "danger", type: "button", click: purge }, "Purge…"),
      el("button", { class: "danger", type: "button", click: remove }, "Delete…"),
    ),
  );
}
