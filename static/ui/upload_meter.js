/* How far a transfer is, in words: amounts in decimal units, a rate over ten seconds, a time left that does not jitter. */
const QUIET_MS = 5000;
const UNITS = ["B", "kB", "MB", "GB", "TB"];

function scale(bytes) {
  let power = 0;
  while (power < 4 && bytes >= 1000 ** (power + 1)) power += 1;
  return power;
}

function digits(bytes, power) {
  const value = bytes / 1000 ** power;
  return power === 0 ? String(Math.round(value)) : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** 3420000000 -> 3.42 GB. */
export function size(bytes) {
  const power = scale(bytes);
  return `${digits(bytes, power)} ${UNITS[power]}`;
}

/** (3420000000, 8100000000) -> 3.42 of 8.10 GB: both in the larger one's unit. */
export function pair(done, total) {
  const power = scale(total);
  return `${power ? (done / 1000 ** power).toFixed(2) : done} of ${power ? (total / 1000 ** power).toFixed(2) : total} ${UNITS[power]}`;
}

/** 1234567 -> 1,234,567. */
export function number(value) {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

function left(seconds) {
  const step = seconds < 120 ? 5 : seconds < 600 ? 15 : 60;
  const whole = Math.max(step, Math.round(seconds / step) * step);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  return [hours && `${hours} h`, minutes && `${minutes} min`, rest && !hours && `${rest} s`].filter(Boolean).join(" ");
}

/** Follows one file. Times are milliseconds of `performance.now()`. */
export class Meter {
  constructor(total) {
    this.total = total;
    this.shown = 0;
    this.restart(0, 0);
  }

  /** Begin anew at an offset (first start, resume): rate and time left are measured afresh. */
  restart(done, now) {
    this.began = now;
    this.at = now;
    this.done = done;
    this.rate = null;
    this.weight = 0;
    this.shown = Math.max(this.shown, done);
  }

  /** Take the count of bytes sent so far. */
  advance(done, now) {
    const seconds = (now - this.at) / 1000;
    this.shown = Math.max(this.shown, done);
    if (seconds < 0.5 || done < this.done) return;
    const keep = Math.exp(-seconds / 10);
    this.rate = keep * (this.rate ?? 0) + (1 - keep) * ((done - this.done) / seconds);
    this.weight = keep * this.weight + (1 - keep);
    this.at = now;
    this.done = done;
  }

  /** Whole percent, floored; 100 only when all bytes are there. */
  percent() {
    return this.shown >= this.total ? 100 : Math.min(99, Math.floor((100 * this.shown) / this.total));
  }

  /** Bytes a second over the last ten seconds, null while not known. */
  speed() {
    return this.rate === null || this.weight < 0.05 ? null : this.rate / this.weight;
  }

  /** 3.42 of 8.10 GB (42 %) - 61 MB/s - about 1 min 20 s left */
  words(now) {
    const facts = [`${pair(this.shown, this.total)} (${this.percent()} %)`];
    const speed = now - this.at < QUIET_MS ? this.speed() : null; // what has stopped has no speed
    if (speed) facts.push(`${size(speed)}/s`);
    if (speed && now - this.began >= 5000 && this.percent() >= 2) facts.push(`about ${left((this.total - this.shown) / speed)} left`);
    return facts.join(" - ");
  }
}
