// Tables: lists of the API, a page at a time. The broker sorts, filters and cuts; so ten thousand
// queues cost the browser no more than fifty.
//
// Rows are kept and filled anew, never made anew: whoever stands on a link with the keyboard still
// stands there after the next round.

import { get } from "./api.js";
import { chip, el, say, stale } from "./elements.js";
import { count } from "./formats.js";

const PAGE_SIZE = 50;

// A column: {label, text | chips, href? | press?, below?, sort?, number?, wide?}; `sort` is a column
// of the API, `below` a quiet line below a link, `press` what a button does that has the text.
export class PagedTable {
  constructor({ caption, columns, target, fields, sort = "", descending = false, filter = "Filter by name" }) {
    Object.assign(this, { columns, target, fields, sort, descending, caption });
    this.page = 1;
    this.text = "";
    this.items = new WeakMap();
    this.body = el("tbody");
    this.heads = columns.map((column) => this.head(column));
    this.summary = el("span", { class: "quiet small", role: "status" });
    this.before = el("button", { type: "button", click: () => this.turn(-1) }, "Previous");
    this.after = el("button", { type: "button", click: () => this.turn(1) }, "Next");
    this.filter = el("input", { type: "search", placeholder: filter, "aria-label": `${filter}: ${caption}` });
    this.filter.addEventListener("input", () => this.narrow());
    const table = el(
      "table",
      {},
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, this.heads)),
      this.body,
    );
    this.node = el(
      "div",
      { class: "listing" },
      el("div", { class: "row" }, filter && this.filter, el("span", { class: "grow" }), this.summary),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table),
      (this.pager = el("div", { class: "row end" }, this.before, this.after)),
    );
  }

  head(column) {
    const classes = `${column.number ? "number" : ""} ${column.wide ? "wide-only" : ""}`;
    if (!column.sort) return el("th", { scope: "col", class: classes }, column.label);
    const button = el("button", { type: "button", click: () => this.sortBy(column) }, column.label);
    return el("th", { scope: "col", class: classes }, button);
  }

  sortBy(column) {
    this.descending = this.sort === column.sort ? !this.descending : Boolean(column.number);
    this.sort = column.sort;
    this.page = 1;
    stale(this.node);
  }

  narrow() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.text = this.filter.value;
      this.page = 1;
      stale(this.node);
    }, 200);
  }

  turn(step) {
    this.page += step;
    stale(this.node);
  }

  // Loads the page that is shown; an answer that a later question has overtaken is dropped.
  async refresh() {
    const asked = (this.asked = (this.asked ?? 0) + 1);
    const query = { page: this.page, page_size: PAGE_SIZE, name: this.text, columns: this.fields };
    if (this.sort) Object.assign(query, { sort: this.sort, sort_reverse: this.descending });
    let found;
    try {
      found = await get(this.target(), query);
    } catch (problem) {
      if (problem.status !== 400 || this.page === 1) throw problem;
      this.page = 1;
      return this.refresh();
    }
    if (asked === this.asked) this.fill(found);
    return found;
  }

  fill(found) {
    this.columns.forEach((column, at) => {
      const sorted = column.sort && column.sort === this.sort;
      const order = this.descending ? "descending" : "ascending";
      if (column.sort) this.heads[at].setAttribute("aria-sort", sorted ? order : "none");
    });
    while (this.body.rows.length > Math.max(found.items.length, 1)) this.body.lastChild.remove();
    if (!found.items.length) this.body.replaceChildren(this.nothing());
    else found.items.forEach((item, at) => this.row(item, at));
    const first = (found.page - 1) * found.page_size + 1;
    const shown = `${count(first)}–${count(first + found.item_count - 1)} of ${count(found.filtered_count)}`;
    const all = found.filtered_count < found.total_count ? `, ${count(found.total_count)} in all` : "";
    say(this.summary, (found.item_count ? shown : "0") + all);
    this.before.disabled = found.page <= 1;
    this.after.disabled = found.page >= found.page_count;
    this.pager.hidden = found.page_count <= 1;
  }

  nothing() {
    return el("tr", { class: "nothing" }, el("td", { colspan: this.columns.length }, "Nothing here."));
  }

  row(item, at) {
    let row = this.body.rows[at];
    if (!row || row.className === "nothing") {
      row?.remove();
      row = el("tr", {}, this.columns.map((column) => this.cell(column)));
      this.body.append(row);
    }
    this.items.set(row, item);
    this.columns.forEach((column, place) => fillCell(row.cells[place], column, item));
  }

  cell(column) {
    const td = el("td", { class: `${column.number ? "number" : ""} ${column.wide ? "wide-only" : ""}` });
    const press = () => column.press(this.items.get(td.parentNode));
    if (column.href) td.append(el("a"));
    if (column.press) td.append(el("button", { class: "text", type: "button", click: press }));
    if (column.below) td.append(el("span", { class: "below" }));
    return td;
  }
}

function fillCell(td, column, item) {
  if (column.chips) {
    const chips = column.chips(item);
    const key = chips.join("\n");
    if (td.dataset.chips !== key) {
      td.dataset.chips = key;
      td.replaceChildren(...chips.map((text) => chip(text)));
    }
    return;
  }
  const text = column.text(item);
  if (column.number) td.classList.toggle("zero", /^0(\/s| B)?$/.test(text));
  if (!td.firstElementChild) return say(td, text);
  if (column.href) td.firstChild.setAttribute("href", column.href(item));
  say(td.firstChild, text);
  if (column.below) say(td.lastChild, column.below(item));
}
