// Exchanges: the list, and one of them with what is bound to it, drawn.

import { ask, get, path } from "./api.js";
import { attempted, card, chip, confirmTyped, el, facts, link, place, refill } from "./elements.js";
import { filterAtWork } from "./filters.js";
import { count, json, rate } from "./formats.js";
import { publishForm } from "./messages.js";
import { filterOf, otherArguments } from "./queues.js";
import { PagedTable } from "./table.js";
import { Topology } from "./topology.js";

function features(exchange) {
  return [
    exchange.durable ? "durable" : "transient",
    exchange.auto_delete && "auto-delete",
    exchange.internal && "internal",
    "alternate-exchange" in exchange.arguments && "alternate",
    exchange.policy && `policy ${exchange.policy}`,
  ].filter(Boolean);
}

function shownName(name) {
  return name || "(the default exchange)";
}

export function exchanges(context) {
  const table = new PagedTable({
    caption: "Exchanges",
    target: () => (context.vhost === "" ? path("exchanges") : path("exchanges", context.vhost)),
    fields:
      "name,vhost,type,durable,auto_delete,internal,arguments,policy," +
      "message_stats.publish_in_details.rate,message_stats.publish_out_details.rate",
    columns: [
      {
        label: "Name",
        text: (each) => shownName(each.name),
        href: (each) => place("exchanges", each.vhost, each.name || "amq.default"),
        sort: "name",
      },
      { label: "Virtual host", text: (each) => each.vhost, sort: "vhost", wide: true },
      { label: "Type", text: (each) => each.type, sort: "type" },
      { label: "Features", chips: features, wide: true },
      {
        label: "In",
        text: (each) => rate(each.message_stats.publish_in_details.rate),
        sort: "message_stats.publish_in_details.rate",
        number: true,
      },
      {
        label: "Out",
        text: (each) => rate(each.message_stats.publish_out_details.rate),
        sort: "message_stats.publish_out_details.rate",
        number: true,
      },
    ],
  });
  const node = el("div", { class: "stack" }, el("h1", {}, "Exchanges"), el("div", { class: "card" }, table.node));
  return { title: "Exchanges", node, refresh: () => table.refresh() };
}

// One exchange

export function exchange(context, vhost, name) {
  const target = path("exchanges", vhost, name);
  const about = el("div");
  const topology = new Topology(vhost, name);
  const bindings = bindingsFrom(vhost, target);

  async function refresh() {
    const found = await get(target);
    refill(about, aboutExchange(found));
    await Promise.all([bindings.refresh(), topology.refresh(found)]);
  }

  const node = el(
    "div",
    { class: "stack" },
    el("p", { class: "trail" }, link(place("exchanges"), "Exchanges"), ` in ${vhost}`),
    el("h1", { class: "name" }, name),
    card("Where messages go", topology.node),
    card("Bindings", bindings.node),
    card("Details", about),
    publishForm(vhost, name, ""),
    isOurs(name) ? danger(target, name) : "",
  );
  return { title: name, node, refresh };
}

function isOurs(name) {
  return !name.startsWith("amq.");
}

function aboutExchange(found) {
  const stats = found.message_stats;
  const more = Object.entries(found.arguments).map(([key, value]) => [key, el("code", {}, json(value))]);
  return facts([
    ["Type", found.type],
    ["Features", features(found).map((text) => chip(text))],
    ["Published here", `${count(stats.publish_in)} (${rate(stats.publish_in_details.rate)})`],
    ["Sent on to queues", `${count(stats.publish_out)} (${rate(stats.publish_out_details.rate)})`],
    ...more,
  ]);
}

function bindingsFrom(vhost, target) {
  return new PagedTable({
    caption: "Bindings of this exchange",
    filter: "Filter by destination",
    target: () => `${target}/bindings/source`,
    fields: "destination,destination_type,routing_key,arguments,properties_key,filter_stats",
    columns: [
      {
        label: "To",
        text: (each) => each.destination,
        href: (each) => place(`${each.destination_type}s`, vhost, each.destination),
        sort: "destination",
      },
      { label: "Routing key", text: (each) => each.routing_key, sort: "routing_key" },
      { label: "Filter", text: (each) => filterOf(each.arguments) },
      filterAtWork(),
      { label: "Arguments", text: (each) => otherArguments(each.arguments), wide: true },
    ],
  });
}

function danger(target, name) {
  const remove = async () => {
    if (!(await confirmTyped("Delete the exchange", name))) return;
    if (await attempted(ask("DELETE", target), "The exchange is deleted.")) location.hash = place("exchanges");
  };
  return card(
    "Danger",
    el("p", { class: "quiet" }, "Its bindings go with it; queues and their messages stay."),
    el("div", { class: "row" }, el("button", { class: "danger", type: "button", click: remove }, "Delete…")),
  );
}
