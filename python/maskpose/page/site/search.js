/** Whether there is a hand, and where else to look for one (maskpose.inference.search). */

import { clamp, roundHalfEven } from "./geometry.js";

const TILE = 0.45; // side of a tile, of the image's larger side
const STEP = 0.7; // from one tile to the next at most, of a tile's side

/** Overlapping squares of whole pixels that cover an image, row by row. */
export function tiles(width, height) {
  const side = Math.max(1, roundHalfEven(TILE * Math.max(width, height)));
  const size = { width: Math.min(side, width), height: Math.min(side, height) };
  return starts(height, side).flatMap((y) => starts(width, side).map((x) => ({ x, y, ...size })));
}

function starts(length, side) {
  const rest = Math.max(0, length - side);
  const steps = Math.ceil(rest / (STEP * side));
  return Array.from({ length: steps + 1 }, (_, n) => roundHalfEven(steps ? n * (rest / steps) : 0));
}

/** How sure it is that there is a hand, 0 to 1: the mean confidence, each cut to 0 to 1, times the mask's largest value. */
export function score(confidences, maskProbability = 1) {
  let sum = 0;
  for (const value of confidences) sum += clamp(value, 0, 1);
  return confidences.length ? (sum / confidences.length) * maskProbability : 0;
}
