// Connections, channels and consumers: who uses the broker.

import { ask, get, path } from "./api.js";
import { Chart } from "./chart.js";
import { attempted, card, confirmTyped, el, facts, link, place, refill } from "./elements.js";
import { bytes, count, duration, json, rate } from "./formats.js";
import { historyOf } from "./history.js";
import { filterOf } from "./queues.js";
import { PagedTable } from "./table.js";

function listed(title, table) {
  const node = el("div", { class: "stack" }, el("h1", {}, title), el("div", { class: "card" }, table.node));
  return { title, node, refresh: () => table.refresh() };
}

function within(context, what) {
  return () => (context.vhost === "" ? path(what) : path("vhosts", context.vhost, what));
}

const bytesRate = (value) => `${bytes(value)}/s`;

export function connections(context) {
  const table = new PagedTable({
    caption: "Connections",
    target: within(context, "connections"),
    fields:
      "name,user_provided_name,vhost,user,state,channels,connected_at,ssl," +
      "recv_oct_details.rate,send_oct_details.rate",
    columns: [
      { label: "Name", text: (each) => each.name, href: (each) => place("connections", each.name), sort: "name" },
      { label: "Client", text: (each) => each.user_provided_name, sort: "user_provided_name", wide: true },
      { label: "User", text: (each) => each.user, sort: "user" },
      { label: "Virtual host", text: (each) => each.vhost, sort: "vhost", wide: true },
      { label: "State", chips: (each) => [each.state, each.ssl && "tls"].filter(Boolean), wide: true },
      { label: "Channels", text: (each) => count(each.channels), sort: "channels", number: true, wide: true },
      {
        label: "From client",
        text: (each) => bytesRate(each.recv_oct_details.rate),
        sort: "recv_oct_details.rate",
        number: true,
        wide: true,
      },
      {
        label: "To client",
        text: (each) => bytesRate(each.send_oct_details.rate),
        sort: "send_oct_details.rate",
        number: true,
        wide: true,
      },
      { label: "For", text: (each) => duration(Date.now() - each.connected_at), sort: "connected_at", wide: true },
    ],
  });
  return listed("Connections", table);
}

function channelTable(target) {
  return new PagedTable({
    caption: "Channels",
    target,
    fields:
      "name,number,vhost,user,state,confirm,transactional,consumer_count,prefetch_count," +
      "messages_unacknowledged,messages_unconfirmed,connection_details.name," +
      "message_stats.publish_details.rate,message_stats.deliver_get_details.rate",
    columns: [
      {
        label: "Channel",
        text: (each) => each.name,
        href: (each) => place("connections", each.connection_details.name),
        sort: "name",
      },
      { label: "User", text: (each) => each.user, sort: "user", wide: true },
      {
        label: "Mode",
        chips: (each) => [each.confirm && "confirms", each.transactional && "transactions"].filter(Boolean),
        wide: true,
      },
      { label: "Consumers", text: (each) => count(each.consumer_count), sort: "consumer_count", number: true, wide: true },
      { label: "Prefetch", text: (each) => count(each.prefetch_count), sort: "prefetch_count", number: true, wide: true },
      {
        label: "Unacked",
        text: (each) => count(each.messages_unacknowledged),
        sort: "messages_unacknowledged",
        number: true,
      },
      {
        label: "Unconfirmed",
        text: (each) => count(each.messages_unconfirmed),
        sort: "messages_unconfirmed",
        number: true,
        wide: true,
      },
      {
        label: "Publishes",
        text: (each) => rate(each.message_stats.publish_details.rate),
        sort: "message_stats.publish_details.rate",
        number: true,
        wide: true,
      },
      {
        label: "Gets",
        text: (each) => rate(each.message_stats.deliver_get_details.rate),
        sort: "message_stats.deliver_get_details.rate",
        number: true,
        wide: true,
      },
    ],
  });
}

export function channels(context) {
  return listed("Channels", channelTable(within(context, "channels")));
}

export function consumers(context) {
  const table = new PagedTable({
    caption: "Consumers",
    filter: "Filter by tag",
    target: () => (context.vhost === "" ? path("consumers") : path("consumers", context.vhost)),
    fields: "consumer_tag,queue,channel_details,ack_required,active,exclusive,prefetch_count,arguments",
    columns: [
      {
        label: "Queue",
        text: (each) => each.queue.name,
        href: (each) => place("queues", each.queue.vhost, each.queue.name),
        sort: "queue.name",
      },
      { label: "Tag", text: (each) => each.consumer_tag, sort: "consumer_tag" },
      {
        label: "Connection",
        text: (each) => each.channel_details.connection_name,
        href: (each) => place("connections", each.channel_details.connection_name),
        sort: "channel_details.connection_name",
        wide: true,
      },
      {
        label: "Mode",
        chips: (each) =>
          [each.ack_required ? "acks" : "no acks", each.exclusive && "exclusive", each.active ? "active" : "waiting"].filter(Boolean),
        wide: true,
      },
      { label: "Filter", text: (each) => filterOf(each.arguments), wide: true },
      { label: "Prefetch", text: (each) => count(each.prefetch_count), sort: "prefetch_count", number: true },
    ],
  });
  return listed("Consumers", table);
}

// One connection

export function connection(context, name) {
  const target = path("connections", name);
  const traffic = new Chart("Traffic", [["from the client", "c1"], ["to the client", "c2"]], bytesRate);
  const about = el("div");
  const table = channelTable(() => `${target}/channels`);

  async function refresh() {
    const found = await get(target);
    const history = historyOf(`connection ${name}`);
    history.add(Date.now(), { received: found.recv_oct, sent: found.send_oct });
    traffic.show(history.rate("received"), history.rate("sent"));
    refill(about, aboutConnection(found));
    await table.refresh();
  }

  const close = async () => {
    if (!(await confirmTyped("Close the connection", name))) return;
    if (await attempted(ask("DELETE", target), "The connection is closed.")) location.hash = place("connections");
  };
  const node = el(
    "div",
    { class: "stack" },
    el("p", { class: "trail" }, link(place("connections"), "Connections")),
    el("h1", { class: "name" }, name),
    el("div", { class: "columns" }, card("Traffic", traffic.node), card("Details", about)),
    card("Channels", table.node),
    card("Danger", el("div", { class: "row" }, el("button", { class: "danger", type: "button", click: close }, "Close…"))),
  );
  return { title: name, node, refresh };
}

function aboutConnection(found) {
  const { capabilities, ...client } = found.client_properties;
  return facts([
    ["User", found.user],
    ["Virtual host", found.vhost],
    ["State", found.state],
    ["Protocol", found.ssl ? `${found.protocol} over ${found.ssl_protocol}` : found.protocol],
    ["Connected for", duration(Date.now() - found.connected_at)],
    ["Heartbeat", found.timeout ? `${found.timeout} s` : "none"],
    ["Largest frame", bytes(found.frame_max)],
    ...Object.entries(client).map(([key, value]) => [key, json(value)]),
    ["can", Object.keys(capabilities ?? {}).join(", ")],
  ]);
}
