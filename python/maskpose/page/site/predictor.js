/** From an image to its hand (maskpose.inference.predictor): first pass, search, refinement pass, their mean. */

import { clipCrop, compose, cropMap, invert, toGrid } from "./geometry.js";
import { maskFromProbability } from "./mask.js";
import { decodeKeypoints } from "./peaks.js";
import { cropToInput } from "./preprocess.js";
import { averagePasses, refinementSquare } from "./refinement.js";
import { score, tiles } from "./search.js";

const MAX_ENLARGEMENT = 2; // of a refinement pass: enlarging a blurred hand further adds nothing
const FIRST_WEIGHT = 1 / 3; // of the first pass: the refinement pass runs the network twice, and every run counts the same

export class Predictor {
  /**
   * run: an async function of the network's input (3 x size x size floats) that gives {heatmaps, mask}, both floats:
   * keypoints + 1 and 2 maps of side x side cells.
   * settings: inputSize, stride, keypoints (their number), threshold, scoreThreshold, sure, sureOfTile.
   */
  constructor(run, settings) {
    this.run = run;
    this.settings = settings;
    this.side = settings.inputSize / settings.stride;
    this.runs = 0; // of the network, by now
  }

  /** The hand in an image: one pass if `single`, else with search and refinement. */
  async predict(image, { single = false } = {}) {
    const whole = { x: 0, y: 0, width: image.width, height: image.height };
    const output = await this.#pass(image, whole);
    return single ? this.#hand(image, whole, output) : this.#completed(image, whole, output);
  }

  /** The hand in a region of an image alone, by one pass. */
  async predictRegion(image, region) {
    return this.#hand(image, region, await this.#pass(image, region));
  }

  async #completed(image, whole, output) {
    const { sure, threshold, inputSize } = this.settings;
    let first = { crop: whole, output };
    if (this.#score(output) < sure) first = (await this.#bestTile(image)) ?? first;
    const hand = this.#hand(image, first.crop, first.output);
    const least = Math.floor(inputSize / MAX_ENLARGEMENT);
    const crop = refinementSquare(hand, threshold, least, image.width * image.height);
    if (!crop || !shows(crop, image)) return hand;
    const refined = { crop, output: await this.#mirroredPass(image, crop) };
    return this.#hand(image, crop, averagePasses(refined, first, image, this.settings, FIRST_WEIGHT));
  }

  /** {crop, output} of the tile with the highest score; undefined if no tile's score is high enough. */
  async #bestTile(image) {
    let best;
    for (const crop of tiles(image.width, image.height)) {
      const output = await this.#pass(image, crop);
      const sure = this.#score(output);
      if (!best || sure > best.sure) best = { crop, output, sure };
    }
    return best.sure < this.settings.sureOfTile ? undefined : best;
  }

  /** What the network finds in a crop: {heatmaps, mask}. */
  #pass(image, crop) {
    return this.#run(cropToInput(image, crop, this.settings.inputSize));
  }

  /** The mean of what the network finds in a crop, and in the same crop seen in a mirror. */
  async #mirroredPass(image, crop) {
    const { inputSize } = this.settings;
    const input = cropToInput(image, crop, inputSize);
    const plain = await this.#run(input);
    const mirrored = await this.#run(flipped(input, inputSize));
    const mean = (name) => {
      const other = flipped(mirrored[name], this.side);
      return plain[name].map((value, n) => Math.fround(value + other[n]) / 2);
    };
    return { heatmaps: mean("heatmaps"), mask: mean("mask") };
  }

  #run(input) {
    this.runs += 1;
    return this.run(input);
  }

  /** The score of a pass by its cells alone. */
  #score({ heatmaps }) {
    const cells = this.side ** 2;
    const largest = Array.from({ length: this.settings.keypoints }, (_, n) =>
      largestOf(heatmaps.subarray(n * cells, (n + 1) * cells)),
    );
    return score(largest);
  }

  #hand(image, crop, { heatmaps, mask }) {
    const { inputSize, stride, keypoints: count, scoreThreshold } = this.settings;
    const { side } = this;
    const map = cropMap(crop, inputSize);
    const gridToImage = invert(compose(toGrid(stride), map));
    const part = clipCrop(crop, image.width, image.height);
    const { keypoints, confidences } = decodeKeypoints(heatmaps, count, side, stride, map, part);
    const hand = mask.subarray(side * side);
    const found = score(confidences, largestOf(hand));
    return {
      keypoints,
      confidences,
      heatmaps,
      gridToImage,
      mask: maskFromProbability(hand, side, gridToImage, part),
      score: found,
      present: found >= scoreThreshold,
    };
  }
}

function largestOf(values) {
  return values.reduce((most, value) => Math.max(most, value), -Infinity);
}

/** Maps of `side` columns, or an input, each mirrored. */
function flipped(maps, side) {
  const result = new Float32Array(maps.length);
  for (let row = 0; row < maps.length; row += side) {
    for (let column = 0; column < side; column++) result[row + column] = maps[row + side - 1 - column];
  }
  return result;
}

/** Whether a region shows some of an image. */
function shows(region, image) {
  const { width, height } = clipCrop(region, image.width, image.height);
  return Math.min(width, height) > 0;
}
