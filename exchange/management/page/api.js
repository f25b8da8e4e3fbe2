// The API of the broker, asked as the user who has signed in.
//
// The name and the password are kept in this module and nowhere else: no cookie, no storage. They
// go out in a header that no form and no image of another site can send.

import { eventsIn } from "./event_stream.js";

let authorization = null;
let onRefused = () => {};

const PATIENCE_MS = 20000;

// What the broker has refused, with its reason; without an answer the status is 0.
export class Refusal extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

export function signIn(name, password) {
  const bytes = new TextEncoder().encode(`${name}:${password}`);
  authorization = `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

export function signOut() {
  authorization = null;
}

export function whenRefused(action) {
  onRefused = action;
}

// A path below /api; each segment is encoded.
export function path(...segments) {
  return `api/${segments.map(encodeURIComponent).join("/")}`;
}

export function get(target, query = {}) {
  return ask("GET", withQuery(target, query));
}

function withQuery(target, query) {
  const parameters = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  const search = new URLSearchParams(parameters).toString();
  return search ? `${target}?${search}` : target;
}

export async function ask(method, target, document_ = null) {
  const headers = { Authorization: authorization };
  if (document_ !== null) headers["Content-Type"] = "application/json";
  const body = document_ === null ? null : JSON.stringify(document_);
  const response = await sent(target, { method, headers, body, signal: AbortSignal.timeout(PATIENCE_MS) });
  const found = parsed(await response.text());
  if (response.ok) return found;
  throw refusal(response, found);
}

// The events of a stream, as {kind, data}, until it ends or the signal does.
export async function* listen(target, query, signal) {
  const headers = { Authorization: authorization };
  const response = await sent(withQuery(target, query), { headers, signal });
  if (!response.ok) throw refusal(response, parsed(await response.text()));
  yield* eventsIn(response.body);
}

function refusal(response, found) {
  const reason = found?.reason ?? `${response.status} ${response.statusText}`;
  if (response.status === 401 && reason === "Login failed") onRefused();
  return new Refusal(response.status, reason);
}

async function sent(target, options) {
  const always = { credentials: "omit", cache: "no-store", redirect: "error" };
  try {
    return await fetch(new URL(target, document.baseURI), { ...always, ...options });
  } catch {
    throw new Refusal(0, "The broker does not answer.");
  }
}

// What stands between us and the broker may answer with something else than JSON.
function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
