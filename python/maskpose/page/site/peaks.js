/**
 * Each heatmap's maximum after bicubic enlargement (maskpose.codecs.heatmaps), without building the large map.
 *
 * A pixel of the enlarged map is computed from 4 x 4 cells. It is at most M + c (M - m), where M and m are the largest
 * and smallest of them and c is OVERSHOOT. Blocks of pixels are computed in the order of that bound, until it is below
 * the largest value found.
 */

import { apply, clamp, invert } from "./geometry.js";

const OVERSHOOT = 0.4453125; // the most that bicubic weights below 0 sum to in two dimensions
const A = -0.75; // of the bicubic weights, as OpenCV's
const TAPS = 4;

/**
 * Keypoints and confidences of one pass.
 *
 * maps: `count` heatmaps of `side` x `side` cells, one after another; stride: pixels of the network's input per cell;
 * map: from the image to the network's input; part: the part of the image that the pass shows. Only input pixels whose
 * centre lies on that part can be chosen; of a part so small that there is none, the nearest one.
 */
export function decodeKeypoints(maps, count, side, stride, map, part) {
  const window = inputWindow(map, part, side * stride);
  const toImage = invert(map);
  const keypoints = new Float64Array(2 * count);
  const confidences = new Float32Array(count);
  const enlarge = new Enlarged(side, stride);
  for (let n = 0; n < count; n++) {
    const peak = enlarge.peak(maps.subarray(n * side * side, (n + 1) * side * side), window);
    const [x, y] = apply(toImage, peak.x, peak.y);
    keypoints[2 * n] = clamp(x, part.x, part.x + part.width - 1);
    keypoints[2 * n + 1] = clamp(y, part.y, part.y + part.height - 1);
    confidences[n] = peak.value;
  }
  return { keypoints, confidences };
}

/** The input pixels, {left, top, right, bottom}, that lie on a part of the image; the last two are beyond them. */
function inputWindow(map, part, size) {
  const first = (edge) => Math.ceil(edge - 1e-6); // pixel centre at or after an edge
  const [x0, y0] = apply(map, part.x - 0.5, part.y - 0.5);
  const [x1, y1] = apply(map, part.x + part.width - 0.5, part.y + part.height - 0.5);
  const left = Math.min(first(x0), size - 1);
  const top = Math.min(first(y0), size - 1);
  return { left, top, right: Math.max(first(x1), left + 1), bottom: Math.max(first(y1), top + 1) };
}

/** Maps of side x side cells, enlarged by `stride`; blocks are the stride x stride pixels between four cells. */
export class Enlarged {
  constructor(side, stride) {
    this.side = side;
    this.stride = stride;
    this.weights = cubicWeights(stride);
    this.padded = new Float64Array((side + 4) ** 2);
    this.rows = new Float64Array(stride * TAPS);
  }

  /** {value, x, y}: the largest pixel of a map in {left, top, right, bottom}, the first of them if there are several. */
  peak(cells, window) {
    this.#pad(cells);
    const blocks = this.#blocks(window).sort((one, other) => other.bound - one.bound);
    const best = { value: -Infinity, x: window.left, y: window.top };
    for (const block of blocks) {
      if (block.bound < best.value) break;
      this.#search(block, window, best);
    }
    return best;
  }

  /** Copy the cells with their border repeated twice. */
  #pad(cells) {
    const { side, padded } = this;
    const wide = side + 4;
    for (let y = 0; y < wide; y++) {
      const from = clamp(y - 2, 0, side - 1) * side;
      for (let x = 0; x < wide; x++) padded[y * wide + x] = cells[from + clamp(x - 2, 0, side - 1)];
    }
  }

  /** The blocks that reach into a window, each with a bound of its values. */
  #blocks({ left, top, right, bottom }) {
    const { side, stride, padded } = this;
    const wide = side + 4;
    const half = stride / 2;
    const of = (pixel) => Math.floor((pixel + half) / stride);
    const blocks = [];
    for (let row = of(top); row <= of(bottom - 1); row++) {
      for (let column = of(left); column <= of(right - 1); column++) {
        let highest = -Infinity;
        let lowest = Infinity;
        for (let y = row; y < row + TAPS; y++) {
          for (let x = column; x < column + TAPS; x++) {
            const value = padded[y * wide + x];
            if (value > highest) highest = value;
            if (value < lowest) lowest = value;
          }
        }
        const bound = highest + (OVERSHOOT + 1e-4) * (highest - lowest) + 1e-6 * Math.abs(highest);
        blocks.push({ row, column, bound });
      }
    }
    return blocks;
  }

  /** Set `best` to the largest pixel of a block in a window, if that is larger, or as large and before it. */
  #search({ row, column }, window, best) {
    const { stride, weights, rows, side, padded } = this;
    const wide = side + 4;
    for (let y = 0; y < TAPS; y++) {
      const from = (row + y) * wide + column;
      for (let x = 0; x < stride; x++) {
        let sum = 0;
        for (let tap = 0; tap < TAPS; tap++) sum += padded[from + tap] * weights[x * TAPS + tap];
        rows[y * stride + x] = sum;
      }
    }
    const [x0, y0] = [column * stride - stride / 2, row * stride - stride / 2];
    for (let j = Math.max(0, window.top - y0); j < Math.min(stride, window.bottom - y0); j++) {
      for (let i = Math.max(0, window.left - x0); i < Math.min(stride, window.right - x0); i++) {
        let value = 0;
        for (let tap = 0; tap < TAPS; tap++) value += rows[tap * stride + i] * weights[j * TAPS + tap];
        const [x, y] = [x0 + i, y0 + j];
        const first = y < best.y || (y === best.y && x < best.x);
        if (value > best.value || (value === best.value && first)) Object.assign(best, { value, x, y });
      }
    }
  }
}

/** stride x 4 weights of four cells in a row for the pixels between the middle two. */
function cubicWeights(stride) {
  const near = (d) => ((A + 2) * d - (A + 3)) * d * d + 1;
  const far = (d) => ((A * d - 5 * A) * d + 8 * A) * d - 4 * A;
  return Float64Array.from({ length: stride * TAPS }, (_, n) => {
    const t = (Math.floor(n / TAPS) + 0.5) / stride;
    return [far(1 + t), near(t), near(1 - t), far(2 - t)][n % TAPS];
  });
}
