// Explain: what a filter makes of a message, part by part.

import { ask, path } from "./api.js";
import { card, chip, el, field, toast } from "./elements.js";
import { jsonTable } from "./messages.js";

const INDENT_REM = 1.4;
const KINDS = { TRUE: "good", FALSE: "bad" };

// A box to try a filter in; `fill` puts one in.
export class Trial {
  constructor() {
    this.selector = el("textarea", { rows: 2, spellcheck: "false", placeholder: "amount > 100 AND region = 'EU'" });
    this.tags = el("input", { spellcheck: "false", autocomplete: "off", placeholder: "red || blue" });
    this.headers = el("textarea", { rows: 2, spellcheck: "false", placeholder: '{"amount": 120, "region": "EU"}' });
    this.properties = el("input", { spellcheck: "false", autocomplete: "off", placeholder: '{"priority": 5}' });
    this.outcome = el("div", { class: "outcome", role: "status" });
    const form = el(
      "form",
      { class: "stack", submit: (event) => this.explain(event) },
      el(
        "div",
        { class: "columns" },
        el("div", { class: "stack" }, field("Selector", this.selector), field("Tags", this.tags)),
        el("div", { class: "stack" }, field("Headers of a message (JSON)", this.headers), field("Its properties (JSON)", this.properties)),
      ),
      el("div", { class: "row end" }, el("button", { class: "primary", type: "submit" }, "Explain")),
    );
    this.node = card("Try a filter", form, this.outcome);
  }

  fill(selector, tags) {
    this.selector.value = selector ?? "";
    this.tags.value = tags ?? "";
    this.outcome.replaceChildren();
    this.node.scrollIntoView({ block: "nearest" });
    this.headers.focus({ preventScroll: true });
  }

  async explain(event) {
    event.preventDefault();
    try {
      const given = jsonTable(this.properties.value, "Properties");
      const headers = { ...given.headers, ...jsonTable(this.headers.value, "Headers") };
      const question = { selector: this.selector.value, tags: this.tags.value, properties: { ...given, headers } };
      const found = await ask("POST", path("x", "filters", "explain"), question);
      this.outcome.replaceChildren(...(found.valid ? explained(found) : mistaken(found)));
    } catch (problem) {
      toast(problem.message, "bad");
    }
  }
}

function mistaken({ reason, line }) {
  return [el("p", { class: "problem" }, `This is no filter: ${reason}`), el("pre", {}, line)];
}

// The whole comes first; what a part consists of stands below it, further to the right.
function explained({ matches, steps }) {
  const verdict = matches ? chip("It matches.", "good") : chip("It does not match.", "bad");
  const rows = steps.map(({ depth, text, value, is_condition: isCondition }) => {
    const part = el("code", {}, text);
    const cell = el("td", {}, part);
    cell.style.paddingInlineStart = `${0.75 + depth * INDENT_REM}rem`;
    const shown = isCondition ? chip(value, KINDS[value] ?? "") : el("code", {}, value);
    return el("tr", {}, cell, el("td", {}, shown));
  });
  const heads = ["Part", "Value"].map((text) => el("th", { scope: "col" }, text));
  const table = el(
    "table",
    {},
    el("caption", { class: "unseen" }, "The filter in its parts"),
    el("thead", {}, el("tr", {}, heads)),
    el("tbody", {}, rows),
  );
  const region = { class: "scroll", tabindex: "0", role: "region", "aria-label": "The filter in its parts" };
  return [el("p", {}, verdict), rows.length ? el("div", region, table) : ""];
}
