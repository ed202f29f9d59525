/** Numbers, times and sizes as they are read: short, of one width where they stand in columns, `–` for what is not
 * known. */

export const UNKNOWN = "–";

const clock = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit"});
const day = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short"});
const full = new Intl.DateTimeFormat("en-GB", {
  weekday: "short", day: "numeric", month: "short", year: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, timeZoneName: "short",
});
const grouped = new Intl.NumberFormat("en-US", {maximumFractionDigits: 2});

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/**
 * A moment in the reader's time zone: `14:03:22`, and on another day than today `25 Nov 14:03`.
 * @param {number | null} value seconds since 1970
 */
export function moment(value, now = Date.now()) {
  if (!isNumber(value)) return UNKNOWN;
  const date = new Date(value * 1000);
  if (date.toDateString() === new Date(now).toDateString()) return clock.format(date);
  return `${day.format(date)} ${clock.format(date).slice(0, 5)}`;
}

/**
 * A moment with all there is to say about it, for a title.
 * @param {number | null} value seconds since 1970
 */
export function fullMoment(value) {
  return isNumber(value) ? full.format(new Date(value * 1000)) : UNKNOWN;
}

/**
 * A duration: `85 ms`, `1.24 s`, `12.4 s`, `3 m 05 s`, `2 h 03 m`.
 * @param {number | null} value seconds
 */
export function seconds(value) {
  if (!isNumber(value)) return UNKNOWN;
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 9.995) return `${value.toFixed(2)} s`;
  if (value < 59.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${padded(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${padded(Math.floor(whole / 60) % 60)} m`;
}

/**
 * A size: `312 B`, `4.1 kB`, `5.2 MB`.
 * @param {number | null} value bytes
 */
export function bytes(value) {
  if (!isNumber(value)) return UNKNOWN;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 99.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/**
 * A number with its thousands apart: `12,345`.
 * @param {number | null} value
 */
export function count(value) {
  return isNumber(value) ? grouped.format(value) : UNKNOWN;
}

/**
 * A number for a narrow column: `845`, `12.3k`, `1.4M`.
 * @param {number | null} value
 */
export function shortCount(value) {
  if (!isNumber(value)) return UNKNOWN;
  if (Math.abs(value) < 10_000) return grouped.format(value);
  const [scaled, unit] = Math.abs(value) < 999_950 ? [value / 1e3, "k"] : [value / 1e6, "M"];
  return `${Math.abs(scaled) < 99.95 ? scaled.toFixed(1) : Math.round(scaled)}${unit}`;
}

/**
 * A share: `4.2 %`, `97 %`.
 * @param {number | null} value from 0 to 1
 */
export function percent(value) {
  if (!isNumber(value)) return UNKNOWN;
  const hundredths = value * 100;
  const exact = hundredths === 0 || hundredths === 100 || (hundredths >= 9.95 && hundredths < 99.5);
  return `${exact ? Math.round(hundredths) : hundredths.toFixed(1)} %`;
}

/**
 * Dollars: `$0.0042`, `$1.37`.
 * @param {number | null} value
 */
export function dollars(value) {
  if (!isNumber(value)) return UNKNOWN;
  if (value === 0) return "$0";
  return `$${value < 0.995 ? value.toPrecision(2) : grouped.format(value)}`;
}

/** A word for a number of things: `1 request`, `2,000 requests`. */
export function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** A message of the server as a sentence: they begin small and have no full stop, as they stand after others. */
export function sentence(message) {
  const text = String(message).trim();
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

function padded(number) {
  return String(number).padStart(2, "0");
}
