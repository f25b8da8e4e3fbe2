// Histories: what was seen of a number while this page was open. The broker keeps none.

const SAMPLES_MAX = 300;
const APART_MS = 1000;
const HISTORIES_MAX = 64;
// After so long a time without a sample nothing is known of what was in between.
export const GAP_MS = 10000;

const histories = new Map();

// Samples of several numbers under names; those that grow can be looked at as rates.
class History {
  constructor() {
    this.times = [];
    this.values = {};
  }

  // A sample shortly after another takes its place: a rate over a moment says little.
  add(time, values) {
    if (time - this.times.at(-1) < APART_MS) this.drop(-1);
    this.times.push(time);
    for (const [name, value] of Object.entries(values)) (this.values[name] ??= []).push(value ?? 0);
    if (this.times.length > SAMPLES_MAX) this.drop(0);
  }

  drop(at) {
    for (const series of [this.times, ...Object.values(this.values)]) series.splice(at, 1);
  }

  gauge(name) {
    return (this.values[name] ?? []).map((value, at) => [this.times[at], value]);
  }

  // How fast a count grew between samples. One that starts anew, starts from zero.
  rate(name) {
    return this.gauge(name)
      .map(([time, value], at, all) => {
        if (!at || time - all[at - 1][0] > GAP_MS) return null;
        const grown = value - all[at - 1][1];
        return [time, (1000 * (grown < 0 ? value : grown)) / (time - all[at - 1][0])];
      })
      .filter(Boolean);
  }
}

// The history of a thing; the ones looked at longest ago are forgotten.
export function historyOf(key) {
  const history = histories.get(key) ?? new History();
  histories.delete(key);
  histories.set(key, history);
  if (histories.size > HISTORIES_MAX) histories.delete(histories.keys().next().value);
  return history;
}

// How fast counts of many things grow, from one look to the next.
export class Growth {
  constructor() {
    this.looks = new Map();
  }

  // Growth a second, nothing at the first look; one soon after another says what that one said.
  of(key, value) {
    const now = Date.now();
    const before = this.looks.get(key);
    if (!before || value < before.value || now - before.time > GAP_MS) {
      this.looks.set(key, { time: now, value, speed: null });
      return null;
    }
    if (now - before.time < APART_MS) return before.speed;
    const speed = (1000 * (value - before.value)) / (now - before.time);
    this.looks.set(key, { time: now, value, speed });
    return speed;
  }
}

export function forgetAll() {
  histories.clear();
}

export function latest(series) {
  return series.length ? series.at(-1)[1] : 0;
}
