/**
 * The hand's mask (maskpose.codecs.masks and maskpose.boxes).
 *
 * A mask is {x, y, width, height, data}: a byte a pixel, 1 on the hand, of a part of the image; elsewhere is no hand.
 */

import { compose, translation } from "./geometry.js";
import { warpCells } from "./sampling.js";

const THRESHOLD = 0.5; // probability of hand from which on a pixel is
const SMALLEST_REGION = 0.002; // of the image, a smaller connected region is no hand

/** The mask of a part of the image, from side x side probabilities and the map from their cells to the image. */
export function maskFromProbability(probability, side, gridToImage, part) {
  const data = new Uint8Array(part.width * part.height);
  const map = compose(translation(-part.x, -part.y), gridToImage);
  warpCells(probability, side, map, part.width, part.height, (index, value) => {
    if (value > THRESHOLD) data[index] = 1;
  });
  return { ...part, data };
}

/** How many pixels of a mask are hand. */
export function area(mask) {
  let sum = 0;
  for (const value of mask.data) sum += value;
  return sum;
}

/**
 * The `count` largest connected regions of a mask, largest first, of those that fill SMALLEST_REGION of `imageArea`.
 *
 * Each is {area, left, top, right, bottom, has(x, y)}, in the image's pixels; right and bottom are its last ones.
 * Pixels that touch at a corner are connected.
 */
export function connectedRegions(mask, count, imageArea) {
  const { labels, found } = components(mask);
  const large = found.filter((region) => region.area >= SMALLEST_REGION * imageArea);
  large.sort((one, other) => other.area - one.area);
  return large.slice(0, count).map(({ label, ...region }) => ({
    area: region.area,
    left: region.left + mask.x,
    right: region.right + mask.x,
    top: region.top + mask.y,
    bottom: region.bottom + mask.y,
    has(x, y) {
      const [column, row] = [x - mask.x, y - mask.y];
      const inside = column >= 0 && column < mask.width && row >= 0 && row < mask.height;
      return inside && labels[row * mask.width + column] === label;
    },
  }));
}

/** {labels, found}: each pixel's region, from 1, and the regions in the order of their first pixels. */
function components({ width, height, data }) {
  const labels = new Int32Array(width * height);
  const found = [];
  const stack = [];
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || labels[start]) continue;
    const label = found.length + 1;
    const region = { label, area: 0, left: width, right: 0, top: height, bottom: 0 };
    labels[start] = label;
    stack.push(start);
    while (stack.length) {
      const pixel = stack.pop();
      const row = Math.floor(pixel / width);
      const column = pixel - row * width;
      region.area += 1;
      region.left = Math.min(region.left, column);
      region.right = Math.max(region.right, column);
      region.top = Math.min(region.top, row);
      region.bottom = Math.max(region.bottom, row);
      for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, height - 1); y++) {
        for (let x = Math.max(column - 1, 0); x <= Math.min(column + 1, width - 1); x++) {
          const next = y * width + x;
          if (data[next] && !labels[next]) {
            labels[next] = label;
            stack.push(next);
          }
        }
      }
    }
    found.push(region);
  }
  return { labels, found };
}
