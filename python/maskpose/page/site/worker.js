/**
 * The worker that holds the network. Messages to it are {id, type, …} of TASKS; each is answered, in order, by
 * {id, result} or {id, error}. While the network loads, it sends {progress}.
 */

import { fingerprintOf } from "./document.js";
import { PageError } from "./errors.js";
import { Follower, OneEuro } from "./tracking.js";
import { area } from "./mask.js";
import { fetchFile, openNetwork } from "./network.js";
import { outline } from "./outline.js";
import { Predictor } from "./predictor.js";

const TASKS = { start, image, frame };

let settings;
let network;
let predictor;
let follower;
let filter;
let canvas;

let turn = Promise.resolve();
self.onmessage = ({ data }) => {
  turn = turn.then(() => answer(data)); // one after the other
};

async function answer({ id, type, ...rest }) {
  try {
    const { result, transfer = [] } = await TASKS[type](rest);
    self.postMessage({ id, result }, transfer);
  } catch (error) {
    const message = error instanceof PageError ? error.message : `The page failed: ${error.message ?? error}`;
    self.postMessage({ id, error: message });
  }
}

/** Load the network. backend: "webgpu", "wasm" or null for the better one. */
async function start({ backend }) {
  settings = await (await fetchFile("settings.json")).json();
  network = await openNetwork(settings, backend, (progress) => self.postMessage({ progress }));
  predictor = new Predictor(network.run, settings);
  const { backend: name, threads, precision } = network;
  return { result: { backend: name, threads, precision } };
}

/** Find the hand in an image's file. */
async function image({ blob, name }) {
  const began = performance.now();
  const bytes = await blob.arrayBuffer().catch(() => {
    throw new PageError(`${name} cannot be read.`);
  });
  const pixels = await decoded(blob, name);
  const decodedAt = performance.now();
  const before = predictor.runs;
  const hand = await predictor.predict(pixels);
  const found = { ...described(hand, pixels), fingerprint: await fingerprintOf(network.madeWith, bytes) };
  found.runs = predictor.runs - before;
  found.milliseconds = { decoding: decodedAt - began, finding: performance.now() - decodedAt };
  return { result: found, transfer: [found.hand.mask.data.buffer, found.hand.heatmaps.buffer] };
}

/** Find the hand in a camera's frame, an ImageBitmap that is given back. first: the frames before are another film's. */
async function frame({ bitmap, seconds, follow, smooth, first }) {
  const began = performance.now();
  if (first || !follower) {
    follower = new Follower(predictor, settings);
    filter = null;
  }
  const pixels = pixelsOf(bitmap);
  const before = predictor.runs;
  const hand = { ...(await follower.next(pixels, follow)) };
  if (!smooth || !hand.present) filter = null;
  else hand.keypoints = (filter ??= new OneEuro()).next(hand.keypoints, seconds);
  const found = { ...described(hand, pixels), bitmap, runs: predictor.runs - before };
  found.milliseconds = { decoding: 0, finding: performance.now() - began };
  return { result: found, transfer: [bitmap, found.hand.mask.data.buffer] };
}

function described(hand, { width, height }) {
  const rings = outline(hand.mask);
  return { width, height, hand, outline: rings, maskShare: area(hand.mask) / (width * height) };
}

/** The upright pixels of an image's file. */
async function decoded(blob, name) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
  } catch {
    throw new PageError(`${name} is not an image that this browser can read.`);
  }
  try {
    return pixelsOf(bitmap);
  } catch {
    throw new PageError(`${name} has ${bitmap.width} x ${bitmap.height} pixels: more than this browser can hold.`);
  } finally {
    bitmap.close();
  }
}

function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  if (canvas?.width !== width || canvas?.height !== height) canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.globalCompositeOperation = "copy"; // nothing of the image before shows through
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, width, height);
}
