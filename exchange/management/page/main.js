// The page: who is signed in, where in the page one is, and the round that keeps it up to date.

import { get, path, signIn, signOut, whenRefused } from "./api.js";
import { channels, connection, connections, consumers } from "./connections.js";
import { el, link, place, say } from "./elements.js";
import { events } from "./events.js";
import { exchange, exchanges } from "./exchanges.js";
import { filters } from "./filters.js";
import { forgetAll } from "./history.js";
import { overview, sample } from "./overview.js";
import { queue, queues } from "./queues.js";

const ROUND_MS = 2000;
const PLACES = { overview, queues, exchanges, connections, channels, consumers, filters, events };
const THINGS = { queues: queue, exchanges: exchange, connections: connection };
const THEMES = ["auto", "light", "dark"];

const $ = (name) => document.getElementById(name);

// What every view may know: the virtual host that was chosen ("" for all), the latest overview.
const context = { vhost: "", latest: null };
let view = null;
let session = 0;

// Where one is

function here() {
  try {
    const segments = location.hash.replace(/^#\//, "").split("/").map(decodeURIComponent);
    const known = segments.length > 1 ? THINGS : PLACES;
    if (Object.hasOwn(known, segments[0])) return segments;
  } catch {
    // No place that this page has given a name.
  }
  return ["overview"];
}

function open() {
  const [what, ...rest] = here();
  view?.close?.();
  const make = rest.length ? THINGS[what] : PLACES[what];
  view = make && make.length <= rest.length + 1 ? make(context, ...rest) : overview(context);
  document.title = `${view.title} – Warrener`;
  $("content").replaceChildren(view.node);
  for (const each of $("places").querySelectorAll("a")) {
    const isHere = each.getAttribute("href") === place(what);
    if (!isHere) each.removeAttribute("aria-current");
    else {
      each.setAttribute("aria-current", "page");
      each.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }
  refresh();
}

function moved() {
  if ($("shell").hidden) return;
  open();
  $("content").focus({ preventScroll: true });
  scrollTo(0, 0);
}

// The round

async function refresh() {
  const shown = view;
  try {
    await shown.refresh();
    shown.problem?.remove();
    shown.problem = null;
  } catch (problem) {
    if (shown !== view) return;
    shown.problem ??= el("p", { class: "notice", role: "alert" });
    say(shown.problem, problem.status === 404 ? "This is not there, or not there any more." : problem.message);
    if (!shown.problem.isConnected) shown.node.prepend(shown.problem);
  }
}

async function round(of) {
  if (of !== session) return;
  if (!document.hidden) {
    try {
      context.latest = await sample();
      say($("live"), "live");
      $("live").classList.remove("bad");
    } catch {
      say($("live"), "no answer");
      $("live").classList.add("bad");
    }
    if (of === session) await refresh();
  }
  setTimeout(round, ROUND_MS, of);
}

// Who is signed in

async function enter(event) {
  event.preventDefault();
  const form = event.target;
  say($("login-problem"), "");
  signIn(form.user.value, form.password.value);
  try {
    const who = await get(path("whoami"));
    const vhosts = await get(path("vhosts"), { columns: "name" });
    form.password.value = "";
    start(who, vhosts);
  } catch (problem) {
    signOut();
    say($("login-problem"), problem.message);
    form.password.select();
  }
}

function start(who, vhosts) {
  say($("who"), who.name);
  const options = vhosts.map(({ name }) => el("option", { value: name }, name));
  $("vhost").replaceChildren(el("option", { value: "" }, "all"), ...options);
  context.vhost = "";
  context.latest = null;
  show(true);
  session += 1;
  open();
  round(session);
}

function leave(reason = "") {
  session += 1;
  signOut();
  forgetAll();
  context.latest = null;
  view?.close?.();
  view = null;
  $("content").replaceChildren();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close("no");
  show(false);
  say($("login-problem"), reason);
}

function show(isIn) {
  $("shell").hidden = !isIn;
  $("skip").hidden = !isIn;
  $("gate").hidden = isIn;
  if (!isIn) {
    document.title = "Warrener";
    $("user").focus();
  }
}

// How it looks

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  say($("theme"), { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" }[theme]);
}

function nextTheme() {
  const at = THEMES.indexOf(document.documentElement.dataset.theme);
  setTheme(THEMES[(at + 1) % THEMES.length]);
}

$("places").append(
  ...Object.keys(PLACES).map((name) => link(place(name), name[0].toUpperCase() + name.slice(1))),
);
$("skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("content").focus();
});
$("login").addEventListener("submit", enter);
$("logout").addEventListener("click", () => leave());
$("theme").addEventListener("click", nextTheme);
$("vhost").addEventListener("change", (event) => {
  context.vhost = event.target.value;
  open();
});
$("content").addEventListener("stale", refresh);
addEventListener("hashchange", moved);
whenRefused(() => $("shell").hidden || leave("The password is not right any more."));
setTheme("auto");
show(false);
