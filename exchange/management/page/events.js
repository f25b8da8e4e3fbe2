// Events: what comes and goes in the broker, as it does.
//
// The newest stands on top. While it is paused the list stands still and the broker is listened to
// all the same; so nothing that happens meanwhile is missing afterwards, but for what is older than
// the latest that are kept.

import { listen, path } from "./api.js";
import { chip, el, link, place, say } from "./elements.js";
import { count, json } from "./formats.js";

const KEPT_MAX = 200;
const AGAIN_MS = 2000;
const DRAWN_EVERY_MS = 250;
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 1 };
const KINDS = { created: "good", cleared: "good", set: "bad", lost: "bad" };
const THINGS = { queue: "queues", exchange: "exchanges", connection: "connections" };
const CUT = { kind: "lost", data: { reason: "the broker did not answer; what happened meanwhile is not known" } };

export function events(context) {
  const list = new EventList();
  const ending = new AbortController();
  let refused = null;

  async function hear() {
    const query = { vhost: context.vhost };
    for await (const each of listen(path("x", "events"), query, ending.signal)) {
      list.add(each);
    }
  }

  async function hearOn() {
    while (!ending.signal.aborted) {
      try {
        await hear();
      } catch (problem) {
        // A refusal stays one; all else is the network, or the end of the view.
        refused = problem.status ? problem : null;
        if (refused) return;
      }
      if (ending.signal.aborted) return;
      list.add({ ...CUT, data: { ...CUT.data, at: Date.now() } });
      await new Promise((wake) => setTimeout(wake, AGAIN_MS));
    }
  }

  hearOn();
  const node = el("div", { class: "stack" }, el("h1", {}, "Events"), el("div", { class: "card" }, list.node));
  return {
    title: "Events",
    node,
    close: () => ending.abort(),
    async refresh() {
      if (refused) throw refused;
    },
  };
}

class EventList {
  constructor() {
    this.events = [];
    this.isPaused = false;
    this.fresh = 0;
    this.body = el("tbody");
    this.summary = el("span", { class: "quiet small" });
    this.filter = el("input", { type: "search", placeholder: "Filter by text", "aria-label": "Filter by text: Events" });
    this.filter.addEventListener("input", () => this.draw());
    this.pause = el("button", { type: "button", "aria-pressed": "false", click: () => this.turn() }, "Pause");
    const heads = ["Time", "Event", "What"].map((text) => el("th", { scope: "col" }, text));
    const table = el(
      "table",
      { class: "events" },
      el("caption", { class: "unseen" }, "Events, the latest first"),
      el("thead", {}, el("tr", {}, heads)),
      this.body,
    );
    this.node = el(
      "div",
      { class: "listing" },
      el("div", { class: "row" }, this.filter, el("span", { class: "grow" }), this.summary, this.pause),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Events" }, table),
    );
    this.draw();
  }

  // Many may come at once: they are drawn together.
  add(event) {
    this.events.unshift(told(event));
    if (this.events.length > KEPT_MAX) this.events.pop();
    this.fresh += 1;
    this.waiting ??= setTimeout(() => {
      this.waiting = null;
      if (this.isPaused) this.sum();
      else this.draw();
    }, DRAWN_EVERY_MS);
  }

  turn() {
    this.isPaused = !this.isPaused;
    this.pause.setAttribute("aria-pressed", this.isPaused);
    say(this.pause, this.isPaused ? "Go on" : "Pause");
    if (this.isPaused) this.seen = [...this.events];
    this.fresh = 0;
    this.draw();
  }

  // Rows that stay are left where they are: somebody may stand on a link in one.
  draw() {
    const wanted = this.filter.value.toLowerCase();
    const from = this.isPaused ? this.seen : this.events;
    const rows = from.filter(({ text }) => text.includes(wanted)).map((each) => (each.row ??= rowOf(each)));
    const shown = new Set(rows);
    for (const row of [...this.body.rows]) if (!shown.has(row)) row.remove();
    rows.forEach((row, at) => this.body.rows[at] === row || this.body.insertBefore(row, this.body.rows[at] ?? null));
    if (!rows.length) this.body.append(el("tr", { class: "nothing" }, el("td", { colspan: 3 }, "Nothing here yet.")));
    this.sum();
  }

  sum() {
    say(this.summary, this.isPaused ? `${count(this.fresh)} more since` : `the latest ${count(this.events.length)}`);
  }
}

// An event with the text that is looked for.
function told({ kind, data }) {
  const { at, name, vhost, ...more } = data;
  const details = Object.entries(more).map(([key, value]) => `${key}: ${json(value)}`).join(", ");
  const text = [kind, name, details, vhost].filter(Boolean).join("\n").toLowerCase();
  return { kind, at: at ?? Date.now(), name, vhost, details, text };
}

function rowOf({ kind, at, name, vhost, details }) {
  const end = kind.lastIndexOf(".") + 1;
  const thing = THINGS[kind.slice(0, end - 1)];
  const there = thing === "connections" ? place(thing, name) : place(thing ?? "", vhost ?? "", name ?? "");
  const isThere = thing && kind.endsWith(".created");
  return el(
    "tr",
    {},
    el("td", {}, el("time", { datetime: new Date(at).toISOString() }, clock(at))),
    el("td", {}, chip(kind, KINDS[kind.slice(end)] ?? "")),
    el(
      "td",
      {},
      isThere ? link(there, name) : name && el("b", {}, name),
      details && ` ${details}`,
      vhost && vhost !== "/" ? el("span", { class: "quiet" }, ` in ${vhost}`) : "",
    ),
  );
}

function clock(at) {
  return new Date(at).toLocaleTimeString("en-GB", CLOCK);
}
