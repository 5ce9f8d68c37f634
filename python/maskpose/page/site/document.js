/** The JSON of a prediction, to the letter as `maskpose predict` writes it (maskpose.inference.writers). */

/**
 * The text of an image's JSON.
 *
 * found: {name, width, height, hand, fingerprint}; the fingerprint is left out if it is null.
 */
export function jsonText({ name, width, height, hand, fingerprint }, { threshold }) {
  const keypoints = Array.from(hand.confidences, (confidence, n) => {
    const point = [decimal(hand.keypoints[2 * n], 2), decimal(hand.keypoints[2 * n + 1], 2), decimal(confidence, 4)];
    return `[${point.join(", ")}]`;
  });
  const detected = Array.from(hand.confidences, (confidence) => hand.present && confidence > threshold);
  const lines = [
    ["image", text(name)],
    ["width", width],
    ["height", height],
    ["threshold", float(threshold)],
    ["hand", hand.present],
    ["score", decimal(hand.score, 4)],
    ["keypoints", `[\n  ${keypoints.join(",\n  ")}\n ]`],
    ["detected", `[${detected.join(", ")}]`],
  ];
  if (fingerprint) lines.push(["fingerprint", text(fingerprint)]);
  return `{\n${lines.map(([key, value]) => ` "${key}": ${value}`).join(",\n")}\n}\n`;
}

/** JSON of a string in ASCII alone. */
function text(value) {
  const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, escaped);
}

/** A number rounded to some decimals, halves to the even digit. */
export function decimal(value, digits) {
  const rounded = Number(value.toFixed(digits));
  const halves = value * 2 ** (digits + 1);
  const isHalf = Number.isInteger(halves) && halves % 2 !== 0; // the only numbers just between two decimals
  if (!isHalf) return float(rounded);
  const lower = Math.floor(value * 10 ** digits);
  return float((lower % 2 === 0 ? lower : lower + 1) / 10 ** digits);
}

function float(value) {
  if (Object.is(value, -0)) return "-0.0";
  return Number.isInteger(value) ? `${value}.0` : `${value}`;
}

/** The first 16 digits of the SHA-256 of what a prediction was made with and the image's bytes; null if not here. */
export async function fingerprintOf(madeWith, bytes) {
  if (!globalThis.crypto?.subtle) return null; // no https
  const before = new TextEncoder().encode(madeWith);
  const all = new Uint8Array(before.length + bytes.byteLength);
  all.set(before);
  all.set(new Uint8Array(bytes), before.length);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", all));
  return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
