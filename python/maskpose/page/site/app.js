/** The page: what is chosen, dropped or pasted, and which parts are shown. */

import { Camera, listCameras } from "./camera.js";
import { NetworkWorker } from "./client.js";
import { fetchFile } from "./network.js";
import { Gallery } from "./gallery.js";
import { Heatmaps, showFound, showFrame, showWords } from "./panel.js";
import { saveJson, saveMask, saveOverlay } from "./save.js";
import { drawPicture } from "./view.js";
import { keypointName, percent, summary } from "./words.js";

const byId = (id) => document.getElementById(id);
const QUIET = 2000; // milliseconds between two sentences about the camera for screen readers
const HEAT_PAUSE = 250; // milliseconds between two drawings of a camera's heatmaps

const look = { mask: true, opacity: 0.45, skeleton: true, palette: "paper", heat: null };
let settings, worker, gallery, camera, heatmaps;
let engine = "";
let current = null; // {name, blob, bitmap, found} of what the stage shows
let [saidAt, heatAt] = [0, 0];

async function begin() {
  byId("unstarted").remove();
  settings = await (await fetchFile("settings.json")).json();
  look.opacity = settings.maskOpacity;
  worker = new NetworkWorker((share) => loading(`The network is loading: ${percent(share)}`));
  gallery = new Gallery(byId("film").querySelector("ul"), {
    find: (blob, name) => worker.image(blob, name),
    onShow: showImage,
    onDone: imageDone,
  });
  camera = new Camera(byId("video"), { find: findInFrame, onFrame: showCameraFrame, onEnd: endCamera });
  heatmaps = new Heatmaps(settings, chooseHeat);
  showExamples();
  connect();
  byId("main").hidden = byId("actions").hidden = false;
  document.documentElement.dataset.state = "started";
  const wanted = new URLSearchParams(location.search).get("backend");
  const { backend, threads, precision } = await worker.start(["webgpu", "wasm"].includes(wanted) ? wanted : null);
  const counted = threads && `${threads} ${threads === 1 ? "thread" : "threads"}`;
  engine = [backend, counted, precision].filter(Boolean).join(", ");
  loading(`The network is ready, by ${engine}. maskpose ${settings.version}.`);
  document.documentElement.dataset.state = "ready";
}

function connect() {
  byId("choose").onclick = byId("drop").onclick = () => byId("files").click();
  byId("files").onchange = ({ target }) => {
    addImages(target.files);
    target.value = ""; // so that the same file may be chosen again
  };
  byId("use-camera").onclick = () => startCamera();
  byId("stop").onclick = () => endCamera();
  byId("keep").onclick = keepFrame;
  byId("clear").onclick = () => {
    gallery.clear();
    showStart();
    byId("choose").focus();
  };
  byId("devices").onchange = ({ target }) => startCamera(target.value);
  byId("mirror").onchange = redraw;
  connectLook();
  connectSaving();
  connectDropping();
  new ResizeObserver(redraw).observe(byId("view"));
}

function connectLook() {
  const bind = (id, event, change) => {
    byId(id).addEventListener(event, ({ target }) => {
      change(target);
      redraw();
    });
  };
  bind("show-mask", "change", ({ checked }) => (look.mask = checked));
  bind("show-skeleton", "change", ({ checked }) => (look.skeleton = checked));
  bind("opacity", "input", ({ value }) => setOpacity(value / 100));
  for (const radio of document.querySelectorAll("input[name=palette]")) {
    radio.onchange = () => {
      setPalette(radio.value);
      redraw();
    };
  }
  byId("opacity").value = 100 * look.opacity;
  setOpacity(look.opacity);
  setPalette(look.palette);
  byId("no-heat").onclick = () => {
    heatmaps.choose(null);
    byId("show-skeleton").focus();
  };
  byId("threshold").textContent = settings.threshold;
}

function setOpacity(value) {
  look.opacity = value;
  document.querySelector("output[for=opacity]").textContent = percent(value);
}

function setPalette(name) {
  look.palette = name;
  const colours = Object.entries(settings.palettes[name]);
  for (const [finger, colour] of colours) document.documentElement.style.setProperty(`--${finger}`, colour);
  byId("key").replaceChildren(
    ...colours.map(([finger]) => {
      const item = document.createElement("li");
      item.className = finger;
      item.textContent = finger;
      return item;
    }),
  );
}

/** Lay a heatmap over the image, by its number, or none. */
function chooseHeat(number) {
  look.heat = number;
  byId("no-heat").hidden = number === null;
  byId("no-heat").textContent = `Hide the heatmap: ${keypointName(settings.names[number] ?? "background")}`;
  redraw();
}

function connectSaving() {
  byId("save-json").onclick = () => saveJson(current, settings);
  byId("save-mask").onclick = () => saveMask(current);
  byId("save-overlay").onclick = () => saveOverlay(current, look, settings);
}

function connectDropping() {
  let inside = 0; // how many elements the pointer has entered and not left
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const setInside = (value) => {
    inside = value;
    byId("dropping").hidden = inside === 0;
  };
  addEventListener("dragenter", (event) => hasFiles(event) && setInside(inside + 1));
  addEventListener("dragleave", (event) => hasFiles(event) && setInside(Math.max(0, inside - 1)));
  addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setInside(0);
    addImages(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) addImages(files);
    else notice("There is no image to paste. Copy an image, not its address.");
  });
}

async function showExamples() {
  const list = byId("examples").querySelector("ul");
  for (const [n, path] of settings.examples.entries()) {
    const item = document.createElement("li");
    item.innerHTML = '<button type="button"><img alt="" width="144" height="144"></button>';
    const button = item.querySelector("button");
    button.setAttribute("aria-label", `Example ${n + 1}`);
    item.querySelector("img").src = path;
    button.onclick = async () => {
      const blob = await (await fetchFile(path)).blob();
      addImages([new File([blob], path.split("/").pop(), { type: blob.type })]);
    };
    list.append(item);
  }
  byId("examples").hidden = settings.examples.length === 0;
}

function addImages(files) {
  clearNotices();
  if (files.length === 0) return;
  const fromStart = byId("start").contains(document.activeElement);
  if (camera.isOn) endCamera();
  gallery.add([...files]);
  if (fromStart) gallery.shown.button.focus(); // what had the focus is hidden
}

/** Show the parts that belong to "start", "image" or "camera". */
function showParts(state) {
  byId("start").hidden = state !== "start";
  byId("view").hidden = byId("panel").hidden = state === "start";
  byId("camera-bar").hidden = state !== "camera";
  byId("use-camera").hidden = state === "camera";
  byId("film").hidden = state === "start" || gallery.items.length === 0;
  byId("downloads").hidden = state !== "image" || !current?.found;
  byId("heat").hidden = !current?.found;
}

function setCurrent(next) {
  if (current?.bitmap !== next?.bitmap) current?.bitmap?.close();
  current = next;
}

function showStart() {
  setCurrent(null);
  showParts("start");
}

async function showImage(item) {
  setCurrent({ name: item.name, blob: item.blob, found: item.found, bitmap: null });
  wait(item.error ?? (item.found ? "" : "Looking for a hand …"));
  showParts("image");
  describeCurrent(item);
  const bitmap = await createImageBitmap(item.blob).catch(() => null);
  if (gallery.shown !== item || camera.isOn || !current) {
    bitmap?.close();
    return;
  }
  setCurrent({ ...current, found: item.found, bitmap });
  if (bitmap) redraw();
  else clearPicture();
  drawHeatmaps();
}

function imageDone(item) {
  const shown = gallery.shown === item && !camera.isOn;
  say(`${item.name}: ${item.error ?? summary(item.found, settings)}`);
  if (item.error) notice(item.error);
  if (!shown) return;
  current.found = item.found;
  wait(item.error ?? "");
  showParts("image");
  describeCurrent(item);
  redraw();
  drawHeatmaps();
}

function describeCurrent(item) {
  if (item.error) showWords("Not read", item.name);
  else if (item.found) showFound(item.name, item.found, engine, settings);
  else showWords("Looking for a hand …", item.name);
  const words = item.error ?? (item.found ? summary(item.found, settings) : "looking for a hand");
  byId("picture").setAttribute("aria-label", `${item.name}: ${words}`);
}

/** Draw the stage again: something of `look`, its size or its image is new. */
function redraw() {
  if (!current?.bitmap) return;
  const canvas = byId("picture");
  const { width, height } = current.bitmap;
  const room = byId("view").clientWidth;
  if (!room) return;
  const tallest = Math.max(240, 0.72 * innerHeight);
  const scale = Math.min(room / width, tallest / height);
  const [shownWidth, shownHeight] = [Math.round(width * scale), Math.round(height * scale)];
  const dense = Math.min(devicePixelRatio || 1, 2);
  const size = [Math.max(1, Math.round(shownWidth * dense)), Math.max(1, Math.round(shownHeight * dense))];
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  canvas.style.width = `${shownWidth}px`;
  canvas.style.height = `${shownHeight}px`;
  canvas.classList.toggle("mirrored", camera.isOn && byId("mirror").checked);
  drawPicture(canvas, current.bitmap, current.found, look, settings, 2 * dense);
}

/** Leave nothing of the image before on the stage. */
function clearPicture() {
  const canvas = byId("picture");
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

function drawHeatmaps() {
  if (current?.found && current.bitmap) heatmaps.show(current.bitmap, current.found);
}

async function startCamera(device) {
  clearNotices();
  try {
    await camera.start(device);
  } catch (error) {
    endCamera(error.message);
    return;
  }
  if (!device) byId("mirror").checked = camera.facesUser;
  setCurrent(null);
  wait("The camera is starting …");
  showWords("Looking for a hand …", "camera");
  showParts("camera");
  byId("picture").setAttribute("aria-label", "The camera's image");
  byId("keep").focus();
  const cameras = await listCameras();
  byId("devices-label").hidden = cameras.length < 2;
  byId("devices").replaceChildren(
    ...cameras.map(({ id, name }) => new Option(name, id, false, id === camera.deviceId)),
  );
}

function findInFrame(bitmap, seconds, first) {
  return worker.frame(bitmap, { seconds, first, follow: byId("follow").checked, smooth: byId("smooth").checked });
}

function showCameraFrame(found) {
  const now = performance.now();
  const isFirst = current === null;
  setCurrent({ name: "camera", found, bitmap: found.bitmap });
  if (isFirst) {
    wait("");
    showParts("camera");
  }
  redraw();
  showFrame(found, camera, engine, settings);
  if (now - heatAt > HEAT_PAUSE) {
    heatAt = now;
    drawHeatmaps();
  }
  if (now - saidAt > QUIET) {
    saidAt = now;
    say(summary(found, settings));
  }
}

/** Leave the camera for the images, or for the beginning; message: what went wrong. */
function endCamera(message) {
  const wasOn = !byId("camera-bar").hidden;
  camera.stop();
  setCurrent(null);
  if (gallery.items.length) gallery.show(gallery.shown ?? gallery.items[0]);
  else showStart();
  if (message) notice(message);
  if (wasOn) byId("use-camera").focus();
}

/** Take the camera's image as one more image, which gets search and refinement, too. */
async function keepFrame() {
  const { video } = camera;
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob();
  const number = gallery.items.filter(({ name }) => name.startsWith("frame_")).length + 1;
  addImages([new File([blob], `frame_${number}.png`, { type: blob.type })]);
}

function wait(words) {
  byId("waiting").textContent = words;
  byId("waiting").hidden = !words;
  byId("view").classList.toggle("is-waiting", Boolean(words));
}

function loading(words) {
  byId("engine").textContent = words;
}

/** Tell screen readers. */
function say(words) {
  byId("status").textContent = words;
}

/** Show what went wrong until it is closed. */
function notice(words) {
  const line = document.createElement("p");
  line.className = "notice";
  line.innerHTML = '<span></span> <button type="button">Close</button>';
  line.querySelector("span").textContent = words;
  line.querySelector("button").onclick = () => line.remove();
  byId("notices").append(line);
}

function clearNotices() {
  byId("notices").replaceChildren();
}

begin().catch((error) => {
  document.documentElement.dataset.state = "failed";
  loading("The network could not be loaded.");
  notice(error.message);
});
