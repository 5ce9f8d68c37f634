/** Squares of an image about points (maskpose.boxes). */

import { clamp, roundHalfEven } from "./geometry.js";

/** The square about points, [[x, y], …], `margin` times as large as their box, of `least` pixels or more; it may reach beyond. */
export function square(points, margin, least = 8) {
  const low = [0, 1].map((axis) => Math.min(...points.map((point) => point[axis])));
  const high = [0, 1].map((axis) => Math.max(...points.map((point) => point[axis])));
  const larger = Math.max(high[0] - low[0], high[1] - low[1]);
  const side = Math.ceil(Math.max(margin * larger, least, 8)) + 1;
  const [x, y] = [0, 1].map((axis) => roundHalfEven((low[axis] + high[axis] - side + 1) / 2));
  return { x, y, width: side, height: side };
}

/** The same square, cut off at the border of an image of width x height. */
export function around(points, width, height, margin) {
  const { x, y, width: side } = square(points, margin);
  const [x0, y0] = [clamp(x, 0, width - 2), clamp(y, 0, height - 2)];
  const [x1, y1] = [clamp(x + side, x0 + 2, width), clamp(y + side, y0 + 2, height)];
  return { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
}
