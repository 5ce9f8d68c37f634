/** Draws what was found (maskpose.visualization.drawing): photograph, heatmap, mask, skeleton. */

const ROOM = 2.5; // sides of a hand's box that an image is taken to have for the size of lines, if it has more
const HALO = "rgb(0 0 0 / 0.55)";

/** The colour of each keypoint. */
export function colours(settings, palette) {
  const found = settings.names.map(() => settings.wristColour);
  for (const [finger, keypoints] of Object.entries(settings.fingers)) {
    for (const keypoint of keypoints) found[keypoint] = settings.palettes[palette][finger];
  }
  return found;
}

/**
 * Draw an image with what was found in it over all of a canvas.
 *
 * source: what drawImage takes; found: of worker.js, or null; look: {mask, opacity, skeleton, palette, heat}, heat being
 * the number of a heatmap or null; least: the thinnest line, in the canvas' pixels.
 */
export function drawPicture(canvas, source, found, look, settings, least = 1) {
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  if (!found) return;
  const scale = canvas.width / found.width;
  context.save();
  context.scale(scale, canvas.height / found.height);
  context.translate(0.5, 0.5); // pixel centres are integers
  if (look.heat !== null) drawHeat(context, found, look.heat, settings);
  if (found.hand.present) {
    if (look.mask) drawMask(context, found, look.opacity, settings, least / scale);
    if (look.skeleton) drawSkeleton(context, found, look.palette, settings, least / scale);
  }
  context.restore();
}

function drawMask(context, found, opacity, { maskColour }, least) {
  const path = new Path2D();
  for (const ring of found.outline) {
    path.moveTo(ring[0], ring[1]);
    for (let n = 2; n < ring.length; n += 2) path.lineTo(ring[n], ring[n + 1]);
    path.closePath();
  }
  context.fillStyle = context.strokeStyle = maskColour;
  context.globalAlpha = opacity;
  context.fill(path, "evenodd");
  context.globalAlpha = 1;
  context.lineWidth = Math.max(least, Math.round(Math.max(found.width, found.height) / 300));
  context.lineJoin = "round";
  context.stroke(path);
}

function drawSkeleton(context, found, palette, settings, least) {
  const { keypoints, confidences } = found.hand;
  const point = (n) => [keypoints[2 * n], keypoints[2 * n + 1]];
  const isShown = (n) => confidences[n] > settings.threshold;
  const shown = settings.names.map((_, n) => n).filter(isShown);
  const size = sizeOfLines(shown.map(point), Math.max(found.width, found.height));
  const [thickness, radius] = [Math.max(least, Math.round(size / 200)), Math.max(1.4 * least, size / 130)];
  const colour = colours(settings, palette);
  const bones = settings.bones.filter(([start, end]) => isShown(start) && isShown(end));
  context.lineCap = "round";
  for (const pass of ["halo", "colour"]) {
    const more = pass === "halo" ? least : 0;
    for (const [start, end] of bones) {
      context.strokeStyle = more ? HALO : colour[end];
      context.lineWidth = thickness + more;
      context.beginPath();
      context.moveTo(...point(start));
      context.lineTo(...point(end));
      context.stroke();
    }
    for (const n of shown) {
      context.fillStyle = more ? HALO : colour[n];
      context.beginPath();
      context.arc(...point(n), radius + more / 2, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

/** The image's larger side, or less for a hand that is small in it. */
function sizeOfLines(points, larger) {
  if (points.length < 2) return larger;
  const spans = [0, 1].map((axis) => {
    const values = points.map((point) => point[axis]);
    return Math.max(...values) - Math.min(...values);
  });
  return Math.min(larger, ROOM * Math.max(...spans));
}

function drawHeat(context, found, number, settings) {
  const { x, y, side } = gridBox(found, settings);
  context.fillStyle = settings.heatColours[0];
  context.globalAlpha = settings.heatOpacity;
  context.beginPath();
  context.rect(-0.5, -0.5, found.width, found.height);
  context.rect(x, y, side, side);
  context.fill("evenodd");
  context.drawImage(heatImage(found.hand.heatmaps, number, settings), x, y, side, side);
  context.globalAlpha = 1;
}

/** The square of the image that the heatmaps' grid covers. */
function gridBox({ hand }, settings) {
  const cells = settings.inputSize / settings.stride;
  const { sx, tx, ty } = hand.gridToImage;
  return { x: tx - sx / 2, y: ty - sx / 2, side: cells * sx };
}

const heat = new OffscreenCanvas(1, 1); // a pixel a cell

/** A heatmap in colours, a pixel a cell; the next call draws over it. */
function heatImage(heatmaps, number, settings) {
  const cells = settings.inputSize / settings.stride;
  heat.width = heat.height = cells;
  const pixels = new ImageData(cells, cells);
  const words = new Uint32Array(pixels.data.buffer);
  const table = heatTable(settings);
  for (let cell = 0; cell < words.length; cell++) {
    const value = heatmaps[number * words.length + cell];
    words[cell] = table[Math.round(255 * Math.min(Math.max(value, 0), 1))];
  }
  heat.getContext("2d").putImageData(pixels, 0, 0);
  return heat;
}

let table; // of heatTable, made once

/** Each level's colour as a pixel of four bytes. */
function heatTable({ heatColours }) {
  table ??= Uint32Array.from(heatColours, (colour) => {
    const [red, green, blue] = [1, 3, 5].map((from) => parseInt(colour.slice(from, from + 2), 16));
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
  return table;
}

/** The part of the image that the heatmaps cover, in a canvas of so many pixels; grey beyond the image. */
export function heatGround(source, found, pixels, settings) {
  const { x, y, side } = gridBox(found, settings);
  const ground = new OffscreenCanvas(pixels, pixels);
  const context = ground.getContext("2d");
  context.fillStyle = "#808080";
  context.fillRect(0, 0, pixels, pixels);
  context.imageSmoothingQuality = "high";
  const scale = pixels / side;
  context.drawImage(source, -(x + 0.5) * scale, -(y + 0.5) * scale, found.width * scale, found.height * scale);
  return ground;
}

/** Draw a heatmap over its ground. */
export function drawTile(canvas, ground, found, number, settings) {
  const context = canvas.getContext("2d");
  context.globalAlpha = 1;
  context.drawImage(ground, 0, 0, canvas.width, canvas.height);
  context.globalAlpha = settings.heatOpacity;
  context.drawImage(heatImage(found.hand.heatmaps, number, settings), 0, 0, canvas.width, canvas.height);
}
