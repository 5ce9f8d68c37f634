/** The refinement pass (maskpose.inference.refinement): the square that it sees, and the mean of both passes' maps. */

import { square } from "./boxes.js";
import { apply, compose, cropMap, invert, isInside, roundHalfEven, toGrid } from "./geometry.js";
import { detectedPoints } from "./hand.js";
import { connectedRegions } from "./mask.js";
import { resample } from "./sampling.js";

const MARGIN = 1.8; // side of the square in sides of the box of keypoints and mask
const MIN_KEYPOINTS = 3; // detected keypoints that make a square without a mask
const MAX_REGIONS = 5; // connected regions of the mask that are compared

/**
 * The square about a hand's keypoints above a threshold and the region of its mask there, of `least` pixels or more.
 *
 * Null if the hand has neither. imageArea: pixels of the image.
 */
export function refinementSquare(hand, threshold, least, imageArea) {
  const points = detectedPoints(hand, threshold);
  const region = maskRegion(hand.mask, points, imageArea);
  if (region) points.push([region.left, region.top], [region.right, region.bottom]);
  else if (points.length < MIN_KEYPOINTS) return null;
  return square(points, MARGIN, least);
}

/** The connected region of a mask that holds most of the points, of several such the largest; null if it has none. */
function maskRegion(mask, points, imageArea) {
  let best = null;
  let most = -1;
  for (const region of connectedRegions(mask, MAX_REGIONS, imageArea)) {
    const held = points.filter(([x, y]) => region.has(roundHalfEven(x), roundHalfEven(y))).length;
    if (held > most) [best, most] = [region, held];
  }
  return best;
}

/**
 * The weighted mean of two passes' maps on the second one's grid; where the first did not see the image, the second's.
 *
 * refined, first: {crop, output} with output {heatmaps, mask}; image: {width, height}; network: {inputSize, stride};
 * firstWeight: of the first pass, 0 to 1.
 */
export function averagePasses(refined, first, image, { inputSize, stride }, firstWeight) {
  const grid = toGrid(stride);
  const side = inputSize / stride;
  const imageToCells = compose(grid, cropMap(refined.crop, inputSize));
  const firstToRefined = compose(imageToCells, invert(cropMap(first.crop, inputSize)), invert(grid));
  const cellsToImage = invert(imageToCells);
  const whole = { x: 0, y: 0, width: image.width, height: image.height };
  const weights = Float32Array.from({ length: side * side }, (_, cell) => {
    const point = apply(cellsToImage, cell % side, Math.floor(cell / side));
    return isInside(point, whole) && !isInside(point, first.crop) ? 0 : firstWeight;
  });
  const mean = (name) => {
    const [ours, theirs] = [refined.output[name], first.output[name]];
    const result = new Float32Array(ours.length);
    for (let from = 0; from < ours.length; from += weights.length) {
      const moved = resample(theirs.subarray(from, from + weights.length), firstToRefined, side);
      for (let n = 0; n < moved.length; n++) {
        result[from + n] = ours[from + n] + weights[n] * (moved[n] - ours[from + n]);
      }
    }
    return result;
  };
  return { heatmaps: mean("heatmaps"), mask: mean("mask") };
}
