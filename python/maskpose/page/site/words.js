/** What is said of a hand, in the words of `maskpose predict`. */

import { detectedPoints } from "./hand.js";

/** In a few words: how many keypoints are detected, and how much of the image is hand. */
export function summary(found, settings) {
  const { hand } = found;
  if (!hand.present) return `no hand found (score ${hand.score.toFixed(2)})`;
  return `${keypointsFound(found, settings)}, hand mask ${percent(found.maskShare)} of the image`;
}

export function keypointsFound({ hand }, settings) {
  return `${detectedPoints(hand, settings.threshold).length} of ${settings.keypoints} keypoints`;
}

export function percent(share) {
  return `${Math.round(100 * share)} %`;
}

/** A keypoint's name as people read it: "index 3", of "index_3". */
export function keypointName(name) {
  return name.replace("_", " ");
}

/** An image's name without its suffix. */
export function stem(name) {
  return name.replace(/\.[^.]*$/, "") || name;
}
