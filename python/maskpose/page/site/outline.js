/** A mask's outline as closed rings of points, in the image's pixels, to be filled by the even-odd rule. */

const STEPS = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
]; // along a pixel's edges: right, down, left, up

/**
 * [Float32Array of x, y, x, y, …]: rings through the middles of the edges between hand and no hand.
 *
 * The rings of holes are among them. Pixels that touch at a corner are connected.
 */
export function outline(mask) {
  const { width, height, data } = mask;
  const isHand = (x, y) => x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] === 1;
  const followed = new Uint8Array(data.length); // upper edges of pixels
  const rings = [];
  for (let y = 0, pixel = 0; y < height; y++) {
    for (let x = 0; x < width; x++, pixel++) {
      if (data[pixel] && !followed[pixel] && !isHand(x, y - 1)) rings.push(ring(x, y, mask, isHand, followed));
    }
  }
  return rings;
}

/** The ring that begins with the upper edge of a pixel. It goes with the hand at its right. */
function ring(startX, startY, mask, isHand, followed) {
  const points = [];
  let [x, y, direction] = [startX, startY, 0]; // a corner: that of pixel (x, y) at the upper left
  do {
    const [dx, dy] = STEPS[direction];
    if (direction === 0) followed[y * mask.width + x] = 1;
    addPoint(points, mask.x + x + dx / 2 - 0.5, mask.y + y + dy / 2 - 0.5);
    [x, y] = [x + dx, y + dy];
    const [left, right] = ahead(x, y, direction);
    if (isHand(...left)) direction = (direction + 3) % 4;
    else if (!isHand(...right)) direction = (direction + 1) % 4;
  } while (x !== startX || y !== startY || direction !== 0);
  return Float32Array.from(points);
}

/** The pixels at the left and at the right of the edge that goes on from a corner. */
function ahead(x, y, direction) {
  const around = [
    [x, y - 1],
    [x, y],
    [x - 1, y],
    [x - 1, y - 1],
  ]; // of a corner: upper right, lower right, lower left, upper left
  return [around[direction], around[(direction + 1) % 4]];
}

/** Add a point to a ring; a point before it that lies straight between its neighbours is left out. */
function addPoint(points, x, y) {
  const n = points.length;
  if (n >= 4) {
    const [x0, y0, x1, y1] = points.slice(n - 4);
    if ((x1 - x0) * (y - y1) === (y1 - y0) * (x - x1)) points.length = n - 2;
  }
  points.push(x, y);
}
