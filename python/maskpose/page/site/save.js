/** Files to keep, named as `maskpose predict` names them. */

import { jsonText } from "./document.js";
import { drawPicture } from "./view.js";
import { stem } from "./words.js";

export function saveJson({ name, found }, settings) {
  save(new Blob([jsonText({ name, ...found }, settings)], { type: "application/json" }), `${stem(name)}.json`);
}

/** White on the hand, black elsewhere. */
export async function saveMask({ name, found }) {
  const canvas = new OffscreenCanvas(found.width, found.height);
  const context = canvas.getContext("2d");
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (found.hand.present) {
    const { x, y, width, height, data } = found.hand.mask;
    const pixels = new ImageData(width, height);
    data.forEach((isHand, n) => pixels.data.fill(255 * isHand, 4 * n, 4 * n + 3));
    for (let n = 3; n < pixels.data.length; n += 4) pixels.data[n] = 255;
    context.putImageData(pixels, x, y);
  }
  save(await canvas.convertToBlob(), `${stem(name)}_mask.png`);
}

/** The image in its own size with what is shown over it. */
export async function saveOverlay({ name, blob, found }, look, settings) {
  const bitmap = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(found.width, found.height);
  drawPicture(canvas, bitmap, found, look, settings);
  bitmap.close();
  save(await canvas.convertToBlob(), `${stem(name)}_overlay.png`);
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
