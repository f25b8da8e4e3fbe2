// Formats: numbers as people read them.

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function count(value) {
  return value == null ? "–" : plain.format(value);
}

export function compact(value) {
  return Math.abs(value) < 10000 ? plain.format(value) : short.format(value);
}

export function rate(value) {
  if (!value) return "0/s";
  return `${value < 10 ? value.toFixed(1) : compact(value)}/s`;
}

export function bytes(value) {
  if (value == null) return "–";
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit && value < 100 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

export function duration(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

// What part of the whole, in percent; nothing can be said of a part of nothing.
export function share(part, whole) {
  return whole ? `${Math.round((100 * part) / whole)} %` : "–";
}

export function nanoseconds(value) {
  if (value == null) return "–";
  return value < 1000 ? `${value} ns` : `${(value / 1000).toFixed(value < 10000 ? 1 : 0)} µs`;
}

export function json(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
