/**
 * From an image to the network's input (maskpose.codecs.preprocessing): crop, resize and pad, values.
 *
 * An image is {width, height, data} with four bytes a pixel: red, green, blue, and a fourth that is not read. A view is
 * an image with {offset, stride} beside, in bytes: a part of another image's data.
 */

import { clipCrop, compose, cropMap, roundHalfEven, translation } from "./geometry.js";
import { STEPS, samples } from "./sampling.js";

const CHANNELS = 4;
const FILL = 128; // grey level beside the image
const WEIGHT = STEPS * STEPS; // sum of the weights of a bilinear sample

/** The network's input of a crop: 3 x size x size floats, blue first, grey beyond the image. */
export function cropToInput(image, crop, size) {
  const part = clipCrop(crop, image.width, image.height);
  const map = compose(cropMap(crop, size), translation(part.x, part.y));
  return networkInput(reduced(view(image, part), map), size);
}

/** The part of an image in a crop that lies inside it, without a copy. */
export function view(image, { x, y, width, height }) {
  const stride = image.width * CHANNELS;
  return { width, height, data: image.data, stride, offset: y * stride + x * CHANNELS };
}

/** {view, map}: the view halved while `map` reduces it to a half or less, and the map from what that leaves. */
export function reduced(whole, map) {
  let smaller = whole;
  for (let n = halvings(map); n > 0; n--) smaller = halved(smaller);
  const rx = whole.width / smaller.width;
  const ry = whole.height / smaller.height;
  const grow = { sx: rx, sy: ry, tx: (rx - 1) / 2, ty: (ry - 1) / 2 };
  return { view: smaller, map: smaller === whole ? map : compose(map, grow) };
}

/** How many times an image may be halved before `map` without a loss. */
export function halvings({ sx, sy }) {
  const scale = Math.sqrt(Math.abs(sx * sy));
  return Math.max(0, Math.floor(1e-6 - Math.log2(Math.max(scale, 1e-6))));
}

/** A view at half its width and height, at least one pixel: means of blocks, as OpenCV's INTER_AREA computes them. */
export function halved(source) {
  const width = Math.max(1, source.width >> 1);
  const height = Math.max(1, source.height >> 1);
  const even = source.width === 2 * width && source.height === 2 * height;
  const data = even ? meansOfFour(source, width, height) : meansOfAreas(source, width, height);
  return { width, height, data, stride: width * CHANNELS, offset: 0 };
}

function meansOfFour({ data, stride, offset }, width, height) {
  const result = new Uint8ClampedArray(width * height * CHANNELS);
  for (let row = 0, to = 0; row < height; row++) {
    let from = offset + 2 * row * stride;
    for (let column = 0; column < width; column++, from += 2 * CHANNELS, to += CHANNELS) {
      for (let channel = 0; channel < 3; channel++) {
        const upper = from + channel;
        const lower = upper + stride;
        result[to + channel] = (data[upper] + data[upper + CHANNELS] + data[lower] + data[lower + CHANNELS] + 2) >> 2;
      }
    }
  }
  return result;
}

function meansOfAreas(source, width, height) {
  const result = new Uint8ClampedArray(width * height * CHANNELS);
  const columns = areas(source.width, width);
  const rows = areas(source.height, height);
  const sums = new Float32Array(width * 3);
  const line = new Float32Array(width * 3);
  for (let row = 0; row < height; row++) {
    sums.fill(0);
    for (const [from, weight] of rows[row]) {
      sumColumns(source, from, columns, line);
      for (let n = 0; n < sums.length; n++) sums[n] += Math.fround(line[n] * weight);
    }
    for (let column = 0; column < width; column++) {
      for (let channel = 0; channel < 3; channel++) {
        result[(row * width + column) * CHANNELS + channel] = roundHalfEven(sums[column * 3 + channel]);
      }
    }
  }
  return result;
}

/** Write the weighted sums of a row's pixels, three channels each, into `line`. */
function sumColumns({ data, stride, offset }, row, columns, line) {
  const start = offset + row * stride;
  for (let column = 0; column < columns.length; column++) {
    for (let channel = 0; channel < 3; channel++) {
      let sum = 0;
      for (const [from, weight] of columns[column]) {
        sum = Math.fround(sum + Math.fround(data[start + from * CHANNELS + channel] * weight));
      }
      line[column * 3 + channel] = sum;
    }
  }
}

/** For each of `fewer` pixels the pixels of `count` that it covers, with their weights: [[[pixel, weight], …], …]. */
export function areas(count, fewer) {
  const scale = count / fewer;
  const least = 1e-3; // of a pixel, below which a part of one is not counted
  return Array.from({ length: fewer }, (_, n) => {
    const [start, end] = [n * scale, n * scale + scale];
    const size = Math.min(scale, count - start);
    const last = Math.min(Math.floor(end), count - 1);
    const first = Math.min(Math.ceil(start), last);
    const covered = [];
    if (first - start > least) covered.push([first - 1, Math.fround((first - start) / size)]);
    for (let pixel = first; pixel < last; pixel++) covered.push([pixel, Math.fround(1 / size)]);
    if (end - last > least) covered.push([last, Math.fround(Math.min(end - last, 1, size) / size)]);
    return covered;
  });
}

/** The network's input: `map` takes a view's pixels to it; what is not the view is grey. */
export function networkInput({ view: source, map }, size) {
  const { x, y } = samples(map, size, size);
  const columns = taps(x, source.width, CHANNELS);
  const rows = taps(y, source.height, source.stride);
  const data = source.data;
  const area = size * size;
  const input = new Float32Array(3 * area);
  for (let row = 0, to = 0; row < size; row++) {
    const upper = source.offset + rows.near[row];
    const lower = source.offset + rows.far[row];
    const [up, down] = [rows.nearWeight[row], rows.farWeight[row]];
    for (let column = 0; column < size; column++, to++) {
      const [left, right] = [columns.near[column], columns.far[column]];
      const [near, far] = [columns.nearWeight[column], columns.farWeight[column]];
      const fill = FILL * (WEIGHT - (up + down) * (near + far)) + WEIGHT / 2; // the half is for rounding
      for (let channel = 0; channel < 3; channel++) {
        const above = data[upper + left + channel] * near + data[upper + right + channel] * far;
        const below = data[lower + left + channel] * near + data[lower + right + channel] * far;
        const level = Math.floor((above * up + below * down + fill) / WEIGHT);
        input[(2 - channel) * area + to] = level / 256 - 0.5;
      }
    }
  }
  return input;
}

/** The two source pixels of each sample as offsets, with their weights: 0 for one beyond the `count` pixels. */
function taps({ at, part }, count, step) {
  const inside = (pixel) => pixel >= 0 && pixel < count;
  return {
    near: at.map((pixel) => (inside(pixel) ? pixel * step : 0)),
    far: at.map((pixel) => (inside(pixel + 1) ? (pixel + 1) * step : 0)),
    nearWeight: at.map((pixel, n) => (inside(pixel) ? STEPS - part[n] : 0)),
    farWeight: at.map((pixel, n) => (inside(pixel + 1) ? part[n] : 0)),
  };
}
