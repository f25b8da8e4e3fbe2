// Redrives: dead letters go back to where they came from.
//
// First the broker is asked what would happen (a dry run), and that is told; whoever agrees to it
// begins the real one, which moves no more messages than were told. It goes on in the broker, also
// when this page is closed, and every view of the queue shows how far it is.

import { ask, get, path } from "./api.js";
import { attempted, card, confirmed, el, field, say, stale, toast } from "./elements.js";
import { count } from "./formats.js";

const LOOKED_AT = 10;
const SHOWN_MAX = 8;
const ROUND_MS = 300;

export class Redrive {
  constructor(vhost, name) {
    Object.assign(this, { vhost, name, ready: 0, agreed: null });
    this.selector = el("input", { spellcheck: "false", autocomplete: "off", placeholder: "amount > 100 AND region = 'EU'" });
    this.rate = el("input", { type: "number", min: 1, step: 1, placeholder: "no limit" });
    this.button = el("button", { type: "submit" }, "Send back…");
    const wanted = field("Only those that a selector wants", this.selector);
    wanted.classList.add("grow");
    this.told = el("span", { class: "grow", role: "status" });
    this.bar = el("progress", { "aria-label": "Messages sent back", hidden: true });
    this.stop = el("button", { type: "button", hidden: true, click: () => this.cancel() }, "Stop");
    this.node = card(
      "Dead letters",
      el("p", { class: "quiet" }, "Messages that queues have given up wait here. They can go back to those queues."),
      el("form", { class: "row", submit: (event) => this.begin(event) }, wanted, field("Messages a second", this.rate), this.button),
      el("div", { class: "row redrive" }, this.told, this.stop, this.bar),
    );
    this.node.hidden = true;
  }

  // Shown where there are dead letters, which is looked up whenever messages come into an empty queue.
  async refresh(ready) {
    const isNew = ready > 0 && this.ready === 0;
    this.ready = ready;
    if (this.node.hidden && isNew && (await this.hasDeadLetters())) this.node.hidden = false;
    if (this.node.hidden) return;
    const jobs = await get(path("x", "redrives", this.vhost));
    const job = jobs.findLast((each) => each.queue === this.name && !each.dry_run);
    if (job) this.show(job);
  }

  async hasDeadLetters() {
    try {
      const found = await get(path("x", "queues", this.vhost, this.name, "peek"), { count: LOOKED_AT, truncate: 0 });
      return found.items.some(({ properties }) => "x-death" in (properties.headers ?? {}));
    } catch {
      // Who may not read the messages may not send them back either.
      return false;
    }
  }

  async begin(event) {
    event.preventDefault();
    const wanted = { selector: this.selector.value || null, rate: Number(this.rate.value) || null };
    this.button.disabled = true;
    try {
      const would = await this.rehearsed({ selector: wanted.selector, dry_run: true });
      if (!would) return;
      if (!would.moved) toast(`No message can go back. ${stays(would)}`, "bad");
      else if (await agreed(would)) await this.send({ ...wanted, count: would.moved });
    } catch (problem) {
      toast(problem.message, "bad");
    } finally {
      this.button.disabled = false;
    }
  }

  // What a redrive would do; nothing if nobody waits for that any more.
  async rehearsed(question) {
    let job = await ask("POST", path("x", "queues", this.vhost, this.name, "redrive"), question);
    const target = path("x", "redrives", this.vhost, job.id);
    while (job.state === "running") {
      if (!this.node.isConnected) return ask("DELETE", target);
      say(this.told, `Counting: ${count(job.examined)} looked at.`);
      await new Promise((wake) => setTimeout(wake, ROUND_MS));
      job = await get(target);
    }
    say(this.told, "");
    return job;
  }

  async send(question) {
    const job = await ask("POST", path("x", "queues", this.vhost, this.name, "redrive"), question);
    this.agreed = { id: job.id, moved: question.count };
    this.show(job);
    stale(this.node);
  }

  show(job) {
    const isRunning = job.state === "running";
    const all = this.agreed?.id === job.id ? this.agreed.moved : null;
    const went = `${count(job.moved)}${all === null ? "" : ` of ${count(all)}`}`;
    const how = { running: "Sending back", done: "Sent back", cancelled: "Stopped, sent back", failed: "Failed, sent back" };
    say(this.told, `${how[job.state]}: ${went}. ${stays(job)}`);
    this.job = job;
    this.stop.hidden = !isRunning;
    this.bar.hidden = !isRunning || all === null;
    this.bar.max = all ?? 1;
    this.bar.value = job.moved;
  }

  async cancel() {
    await attempted(ask("DELETE", path("x", "redrives", this.vhost, this.job.id)), "It stops.");
    stale(this.node);
  }
}

function agreed(would) {
  const shown = would.destinations.slice(0, SHOWN_MAX).map(({ exchange, routing_key: key, messages }) => {
    const where = exchange ? [el("code", {}, key), " by ", el("code", {}, exchange)] : el("code", {}, key);
    return el("li", {}, el("b", {}, count(messages)), " to ", where);
  });
  const more = would.destinations.length - shown.length;
  const content = [
    el("ul", { class: "bare spaced" }, shown, more > 0 && el("li", {}, `and ${count(more)} more places`)),
    stays(would) && el("p", { class: "quiet" }, stays(would)),
  ];
  const button = el("button", { class: "primary", value: "yes" }, `Send ${count(would.moved)} back`);
  const number = would.moved === 1 ? "1 message" : `${count(would.moved)} messages`;
  return confirmed(`Send ${number} back`, button, content.filter(Boolean));
}

// How many stay where they are, and why.
function stays(job) {
  const reasons = Object.entries(job.reasons).map(([reason, number]) => `${reason} (${count(number)})`);
  return job.left ? `${count(job.left)} ${job.left === 1 ? "stays" : "stay"}: ${reasons.join("; ")}.` : "";
}
