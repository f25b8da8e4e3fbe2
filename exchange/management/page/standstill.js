// Standstill: why the messages of a queue do not move, in the broker's words.

import { get, path } from "./api.js";
import { el, say } from "./elements.js";
import { duration } from "./formats.js";

// As the broker sees it: so much more has to come in than go out for a queue to grow.
const GROWING = 1.1;

// Whether somebody may want to know why: messages wait, and none leaves or more come in.
export function isNotable(waiting, rateIn, rateOut) {
  return waiting > 0 && (!rateOut || rateIn > rateOut * GROWING);
}

// A line on how one queue is; quiet as long as all is well.
export class Standstill {
  constructor(vhost, name) {
    this.target = path("x", "queues", vhost, name, "why");
    this.sentence = el("b");
    this.age = el("span");
    this.node = el("p", { class: "standstill", hidden: true }, this.sentence, " ", this.age);
  }

  async refresh() {
    const found = await get(this.target);
    const { messages_ready: ready, rate_in: rateIn, rate_out: rateOut, alarms, consumers } = found;
    const isAboutToGo = !rateOut && consumers.some(({ obstacle }) => obstacle === "none");
    const isWell = !alarms.length && (isAboutToGo || !isNotable(ready - found.messages_delayed, rateIn, rateOut));
    this.node.hidden = false;
    this.node.classList.toggle("well", isWell);
    say(this.sentence, asSentence(found.why));
    say(this.age, found.oldest_age === null ? "" : `The oldest message has waited for ${duration(1000 * found.oldest_age)}.`);
  }
}

function asSentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}
