/**
 * The geometry of maskpose.geometry, for the maps that one pass needs: scaled and moved, never turned.
 *
 * A point (x, y) is in pixels with pixel centres at integers. A map {sx, sy, tx, ty} takes x to sx * x + tx and y to
 * sy * y + ty. A crop or region is {x, y, width, height} in whole pixels.
 */

/** Resize about the image's top left corner, not the centre of its first pixel. */
export function scaling(scale) {
  const shift = (scale - 1) / 2;
  return { sx: scale, sy: scale, tx: shift, ty: shift };
}

/** The image to the network's input of `size` pixels: resized into the top left corner. */
export function fit(width, height, size) {
  return scaling(Math.min(size / width, size / height));
}

/** The network's input to its grid: cell g is centred on input pixel stride * g + (stride - 1) / 2. */
export function toGrid(stride) {
  return scaling(1 / stride);
}

export function translation(dx, dy) {
  return { sx: 1, sy: 1, tx: dx, ty: dy };
}

/** One map that applies `maps` from the last to the first, as a matrix product reads. */
export function compose(...maps) {
  return maps.reduce((outer, inner) => ({
    sx: outer.sx * inner.sx,
    sy: outer.sy * inner.sy,
    tx: outer.sx * inner.tx + outer.tx,
    ty: outer.sy * inner.ty + outer.ty,
  }));
}

export function invert({ sx, sy, tx, ty }) {
  return { sx: 1 / sx, sy: 1 / sy, tx: -tx / sx, ty: -ty / sy };
}

/** [x, y] of a point under a map. */
export function apply(map, x, y) {
  return [map.sx * x + map.tx, map.sy * y + map.ty];
}

/** The part of a crop that lies in an image of that size; its width or height is below 1 if none does. */
export function clipCrop(crop, width, height) {
  const x = Math.max(crop.x, 0);
  const y = Math.max(crop.y, 0);
  return { x, y, width: Math.min(crop.x + crop.width, width) - x, height: Math.min(crop.y + crop.height, height) - y };
}

/** The map from the image to the network's input of `size` pixels, for a crop. */
export function cropMap(crop, size) {
  return compose(fit(crop.width, crop.height, size), translation(-crop.x, -crop.y));
}

/** Whether a point lies on a pixel of a crop. */
export function isInside([x, y], crop) {
  const [dx, dy] = [x - crop.x, y - crop.y];
  return dx >= -0.5 && dx < crop.width - 0.5 && dy >= -0.5 && dy < crop.height - 0.5;
}

/** Round to the nearest integer, halves to the even one, as numpy does. */
export function roundHalfEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
