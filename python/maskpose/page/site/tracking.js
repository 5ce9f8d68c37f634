/** A hand from frame to frame (maskpose.inference.tracking): looked for where it was, its keypoints smoothed. */

import { around } from "./boxes.js";
import { detectedPoints } from "./hand.js";

const MIN_DETECTED = 1 / 3; // share of the keypoints that make it sure that there is a hand
const MARGIN = 1.35 * 1.8; // side of the square that is searched in sides of the hand's box: the hand moves

/** Gives each frame's hand by one pass, or by two if the hand is not where it was. */
export class Follower {
  constructor(predictor, settings) {
    this.predictor = predictor;
    this.settings = settings;
    this.last = null;
  }

  /** The hand in an image; follow: look first where the last one was. */
  async next(image, follow) {
    const { threshold } = this.settings;
    let hand = null;
    if (follow && this.last && this.#isSure(this.last)) {
      const region = around(detectedPoints(this.last, threshold), image.width, image.height, MARGIN);
      hand = await this.predictor.predictRegion(image, region);
      if (!this.#isSure(hand)) hand = null;
    }
    this.last = hand ?? (await this.predictor.predict(image, { single: true }));
    return this.last;
  }

  #isSure(hand) {
    const { keypoints, threshold } = this.settings;
    return detectedPoints(hand, threshold).length >= Math.floor(keypoints * MIN_DETECTED);
  }
}

/** The 1 euro filter (Casiez, Roussel and Vogel, CHI 2012) of coordinates: still when slow, quick when fast. */
export class OneEuro {
  constructor(cutoff = 1.5, beta = 0.02, speedCutoff = 1) {
    Object.assign(this, { cutoff, beta, speedCutoff, values: null, speeds: null, seconds: 0 });
  }

  /** `values` at a time in seconds, later than the last, smoothed. */
  next(values, seconds) {
    if (!this.values) {
      Object.assign(this, { values: values.slice(), speeds: values.map(() => 0), seconds });
      return values;
    }
    const step = Math.max(seconds - this.seconds, 1e-6);
    const steadiness = share(this.speedCutoff, step);
    this.speeds = this.speeds.map((speed, n) => speed + steadiness * ((values[n] - this.values[n]) / step - speed));
    this.values = this.values.map((value, n) => {
      return value + share(this.cutoff + this.beta * Math.abs(this.speeds[n]), step) * (values[n] - value);
    });
    this.seconds = seconds;
    return this.values.slice();
  }
}

/** How much of a new value a low-pass filter of `cutoff` hertz takes after `step` seconds. */
function share(cutoff, step) {
  return 1 / (1 + 1 / (2 * Math.PI * cutoff * step));
}
