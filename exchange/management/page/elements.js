// Elements: how everything on the page is made. Text is always put in as text, so no name that a
// stranger gave to a queue can become markup; the policy of the page forbids anything else.

const SVG = "http://www.w3.org/2000/svg";

export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

// Puts a text in, and leaves an element alone that has it already.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function link(href, text, attributes = {}) {
  return el("a", { href, ...attributes }, text);
}

// A place within the page.
export function place(...segments) {
  return `#/${segments.map(encodeURIComponent).join("/")}`;
}

export function card(title, ...children) {
  return el("section", { class: "card" }, title && el("h2", {}, title), ...children);
}

export function chip(text, kind = "") {
  return el("span", { class: `chip ${kind}` }, text);
}

// Names and values, one below the other; values are texts or elements.
export function facts(entries) {
  const shown = entries.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const rows = shown.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]);
  return el("dl", { class: "facts" }, rows.flat());
}

// Puts facts in the place of earlier ones, and leaves alone what is the same: somebody may be about
// to copy it.
export function refill(node, fresh) {
  const shown = node.firstChild;
  if (!shown || shown.children.length !== fresh.children.length) return node.replaceChildren(fresh);
  [...fresh.children].forEach((each, at) => {
    const before = shown.children[at];
    if (before.textContent !== each.textContent) before.replaceChildren(...each.childNodes);
  });
}

// Says that what is shown is not what there is any more; main.js then asks the broker.
export function stale(node) {
  node.dispatchEvent(new Event("stale", { bubbles: true }));
}

export function field(label, input, hint = "") {
  input.id ||= `field-${(field.count = (field.count ?? 0) + 1)}`;
  const below = hint && el("span", { class: "quiet small" }, hint);
  return el("div", { class: "field" }, el("label", { for: input.id }, label), input, below);
}

export function toast(text, kind = "") {
  // Of several lines one may point into another, as that of a filter with a mistake does.
  const shown = el(text.includes("\n") ? "pre" : "p", { class: `toast ${kind}` }, text);
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), kind === "bad" ? 9000 : 4000);
}

// Tells how something went; returns whether it did.
export async function attempted(promise, done) {
  try {
    await promise;
    toast(done, "good");
    return true;
  } catch (problem) {
    toast(problem.message, "bad");
    return false;
  }
}

// Asks, in a dialog, whether something is meant. Where a name has to be typed, `isMeant` holds what
// was typed against it.
export function confirmed(action, button, content, isMeant = () => true) {
  const form = el(
    "form",
    { method: "dialog" },
    el("h2", {}, `${action}?`),
    content,
    el(
      "div",
      { class: "row end" },
      el("button", { value: "no", type: "button", click: () => dialog.close("no") }, "Cancel"),
      button,
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isMeant()) dialog.close("yes");
  });
  const dialog = el("dialog", { class: "card", "aria-label": action }, form);
  document.body.append(dialog);
  dialog.showModal();
  (form.querySelector("input") ?? button).focus();
  return new Promise((decide) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      decide(dialog.returnValue === "yes");
    });
  });
}

// Asks whether something that cannot be undone is meant: the name has to be typed.
export function confirmTyped(action, name) {
  const input = el("input", { autocomplete: "off", spellcheck: "false" });
  const button = el("button", { class: "danger", value: "yes", disabled: true }, action);
  // An input has no line ends; a name may.
  const isMeant = () => input.value === name.replace(/[\r\n]/g, "");
  input.addEventListener("input", () => (button.disabled = !isMeant()));
  const content = [
    el("p", {}, "This cannot be undone. Type the name to go on: ", el("code", {}, name)),
    field("Name", input),
  ];
  return confirmed(action, button, content, isMeant);
}
