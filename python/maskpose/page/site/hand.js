/**
 * What the network found in an image (maskpose.inference.hand).
 *
 * A hand is {keypoints, confidences, mask, heatmaps, gridToImage, score, present}: keypoints as x and y of each in turn,
 * in the image's pixels; a mask of mask.js; heatmaps one after another, the background's last.
 */

/** The points, [[x, y], …], of the keypoints whose confidence is above a threshold. */
export function detectedPoints(hand, threshold) {
  const points = [];
  hand.confidences.forEach((confidence, n) => {
    if (confidence > threshold) points.push([hand.keypoints[2 * n], hand.keypoints[2 * n + 1]]);
  });
  return points;
}
