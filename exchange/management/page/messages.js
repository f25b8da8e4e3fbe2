// Messages: look at those of a queue, publish one.

import { ask, get, path } from "./api.js";
import { card, chip, el, field, stale, toast } from "./elements.js";
import { bytes, json } from "./formats.js";

const SHOWN_BYTES = 20000;
const COUNTS = [1, 10, 50, 100];

// The first messages of a queue, and whether there are more that were not looked at.
async function peek(vhost, name, count, selector) {
  const query = { count, selector, truncate: SHOWN_BYTES };
  const found = await get(path("x", "queues", vhost, name, "peek"), query);
  return { messages: found.items, isAll: found.complete };
}

// A panel to look into a queue.
export function messagesOf(vhost, name) {
  const number = el("select", {}, COUNTS.map((each) => el("option", { value: each, selected: each === 10 }, each)));
  const selector = el("input", { spellcheck: "false", autocomplete: "off", placeholder: "amount > 100 AND region = 'EU'" });
  const choice = field("Only those that a selector wants", selector);
  choice.classList.add("grow");
  const about = el("p", { class: "quiet" }, "Looking (peek) leaves the messages in the queue as they are.");
  const list = el("div", { class: "stack", role: "status" });

  async function look(event) {
    event.preventDefault();
    try {
      const count = Number(number.value);
      const found = await peek(vhost, name, count, selector.value);
      const end = found.messages.length ? "There is no other one." : "There is no such message.";
      const more = el("p", { class: "quiet" }, found.isAll ? end : "There may be more.");
      list.replaceChildren(...found.messages.map(shown), more);
    } catch (problem) {
      toast(problem.message, "bad");
    }
  }

  const form = el(
    "form",
    { class: "row", submit: look },
    field("Messages", number),
    choice,
    el("button", { type: "submit" }, "Look at the first ones"),
  );
  return card("Messages", about, form, list);
}

function shown(message, at) {
  const { headers = {}, ...properties } = message.properties;
  const rows = [...Object.entries(properties), ...Object.entries(headers).map(([key, value]) => [`header ${key}`, value])];
  const cut = message.payload_bytes > SHOWN_BYTES ? chip(`the first ${bytes(SHOWN_BYTES)}`) : "";
  return el(
    "article",
    { class: "message", "aria-label": `Message ${at + 1}` },
    el(
      "p",
      {},
      el("b", {}, `${at + 1}`),
      ` ${message.exchange || "(default exchange)"} → ${message.routing_key} `,
      chip(bytes(message.payload_bytes)),
      message.redelivered ? chip("redelivered") : "",
      message.payload_encoding === "base64" ? chip("base64") : "",
      cut,
    ),
    el("ul", { class: "properties" }, rows.map(([key, value]) => el("li", {}, `${key} `, el("code", {}, json(value))))),
    el("pre", { tabindex: "0", "aria-label": "Payload" }, message.payload),
  );
}

// A form that publishes to an exchange. `key` is the routing key to begin with.
export function publishForm(vhost, exchange, key) {
  const routing = el("input", { value: key, spellcheck: "false", autocomplete: "off" });
  const payload = el("textarea", { rows: 4, spellcheck: "false" });
  const headers = el("textarea", { rows: 2, spellcheck: "false", placeholder: '{"region": "EU"}' });
  const properties = el("textarea", { rows: 2, spellcheck: "false", placeholder: '{"content_type": "application/json"}' });
  const persistent = el("input", { type: "checkbox", checked: true });

  async function publish(event) {
    event.preventDefault();
    try {
      const given = jsonTable(properties.value, "Properties");
      const named = jsonTable(headers.value, "Headers");
      const question = {
        routing_key: routing.value,
        payload: payload.value,
        payload_encoding: "string",
        properties: { delivery_mode: persistent.checked ? 2 : 1, ...given, headers: { ...given.headers, ...named } },
      };
      const { routed } = await ask("POST", `${path("exchanges", vhost, exchange)}/publish`, question);
      if (routed) toast("Published.", "good");
      else toast("Published, but no queue takes it.", "bad");
    } catch (problem) {
      toast(problem.message, "bad");
    }
    stale(event.target);
  }

  const form = el(
    "form",
    { class: "stack", submit: publish },
    el(
      "div",
      { class: "columns" },
      el("div", { class: "stack" }, field("Routing key", routing), field("Payload", payload)),
      el("div", { class: "stack" }, field("Headers (JSON)", headers), field("Properties (JSON)", properties)),
    ),
    el(
      "div",
      { class: "row" },
      el("label", { class: "inline" }, persistent, "Persistent"),
      el("span", { class: "grow" }),
      el("button", { class: "primary", type: "submit" }, "Publish"),
    ),
  );
  return card("Publish a message", form);
}

// What was typed as a JSON object; nothing is an empty one.
export function jsonTable(text, label) {
  if (!text.trim()) return {};
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Told below, like what is JSON but no object.
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new Error(`${label} must be a JSON object`);
  }
  return value;
}
