/**
 * Where OpenCV's warpAffine takes its samples: bilinear, with coordinates in 32nds of a pixel.
 *
 * OpenCV computes coordinates in whole 1024ths. They are computed here in the same order, so that the same pixels come
 * out but for rounding.
 */

import { invert, roundHalfEven } from "./geometry.js";

const UNITS = 1024; // that a coordinate is counted in
export const STEPS = 32; // between two pixels

/**
 * The samples of `columns` x `rows` results of a map from source to result.
 *
 * Each of {x, y} is {at, part}: the source pixel before the sample, and how many 32nds the sample lies beyond it.
 */
export function samples(map, columns, rows) {
  const { sx, sy, tx, ty } = invert(map);
  const start = roundHalfEven(tx * UNITS);
  return {
    x: axis(columns, (n) => start + roundHalfEven(sx * n * UNITS)),
    y: axis(rows, (n) => roundHalfEven((sy * n + ty) * UNITS)),
  };
}

function axis(count, position) {
  const at = new Int32Array(count);
  const part = new Int32Array(count);
  for (let n = 0; n < count; n++) {
    const steps = Math.floor((position(n) + UNITS / STEPS / 2) / (UNITS / STEPS));
    at[n] = Math.floor(steps / STEPS);
    part[n] = steps - at[n] * STEPS;
  }
  return { at, part };
}

/** A map of `side` x `side` cells moved by a map from cells to cells; beyond it, its border goes on. */
export function resample(cells, map, side) {
  const result = new Float32Array(side * side);
  warpCells(cells, side, map, side, side, (index, value) => {
    result[index] = value;
  });
  return result;
}

/**
 * Call `use(index, value)` for each of `columns` x `rows` samples of a map of `side` x `side` cells, row by row.
 * Beyond the cells, their border goes on.
 */
export function warpCells(cells, side, map, columns, rows, use) {
  const { x, y } = samples(map, columns, rows);
  const last = side - 1;
  const left = x.at.map((at) => Math.min(Math.max(at, 0), last));
  const right = x.at.map((at) => Math.min(Math.max(at + 1, 0), last));
  const row = new Float64Array(side);
  for (let j = 0, index = 0; j < rows; j++) {
    const above = Math.min(Math.max(y.at[j], 0), last) * side;
    const below = Math.min(Math.max(y.at[j] + 1, 0), last) * side;
    const down = y.part[j] / STEPS;
    for (let n = 0; n < side; n++) row[n] = cells[above + n] * (1 - down) + cells[below + n] * down;
    for (let i = 0; i < columns; i++, index++) {
      const across = x.part[i] / STEPS;
      use(index, row[left[i]] * (1 - across) + row[right[i]] * across);
    }
  }
}
