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
 * A duration: `<1 ms`, `85 ms`, `1.24 s`, `12.4 s`, `3 m 05 s`, `2 h 03 m`.
 * @param {number | null} value seconds
 */
export function seconds(value) {
  if (!isNumber(value)) return UNKNOWN;
  if (value > 0 && value < 0.001) return "<1 ms";
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
 * A share: `4.2 %`, `97 %`; `<0.1 %` and `>99.9 %` are not nothing and not all.
 * @param {number | null} value from 0 to 1
 */
export function percent(value) {
  if (!isNumber(value)) return UNKNOWN;
  const hundredths = value * 100;
  if (hundredths > 0 && hundredths < 0.05) return "<0.1 %";
  if (hundredths < 100 && hundredths >= 99.95) return ">99.9 %";
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
  const text = ended(message);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A message with its full stop, which begins as it did: with a word of the reader's, perhaps. */
export function ended(message) {
  const text = visible(message).trim();
  return text + (/[.!?]$/.test(text) ? "" : ".");
}

// Control characters but for tab and line ends, and those that change the direction of the text around them.
const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text from traffic with a sign for each character that would be unseen or rearrange what stands around it: a reader
 * could otherwise be shown something else than what was sent.
 * @param {unknown} text null and undefined are empty
 */
export function visible(text) {
  return String(text ?? "").replace(UNSEEN, signOf);
}

/** Unicode has pictures of the old control characters; the others get their number. */
function signOf(character) {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `‹U+${code.toString(16).toUpperCase().padStart(4, "0")}›`;
}

/**
 * Who answered, as people call it. `openai` and `anthropic` are but formats that many vendors speak: there the host
 * tells them apart.
 * @param {string | null} provider
 * @param {string | null | undefined} host
 * @returns {{name: string, kind: string | null}} `kind`: the provider, where it is not the name
 */
export function vendorOf(provider, host) {
  const isFormat = provider === "openai" || provider === "anthropic";
  if (isFormat && host) return {name: visible(host), kind: provider};
  return {name: visible(provider), kind: null};
}

function padded(number) {
  return String(number).padStart(2, "0");
}
