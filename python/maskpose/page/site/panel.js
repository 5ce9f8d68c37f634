/** What was found, in numbers and heatmaps, beside and below the image. */

import { clamp } from "./geometry.js";
import { drawTile, heatGround } from "./view.js";
import { keypointName, keypointsFound, percent } from "./words.js";

const TILE = 138; // pixels of a heatmap's side: six a cell

const byId = (id) => document.getElementById(id);

/** Show an image's result. */
export function showFound(name, found, engine, settings) {
  const { hand, milliseconds, runs } = found;
  headline(hand.present ? keypointsFound(found, settings) : "No hand found", name);
  facts([
    ["Score", scoreWords(hand, settings)],
    ["Hand mask", hand.present ? `${percent(found.maskShare)} of the image` : "–"],
    ["Time", `${Math.round(milliseconds.finding)} ms, ${runs} runs of the network`],
    ["Image", `${found.width} × ${found.height} pixels, decoded in ${Math.round(milliseconds.decoding)} ms`],
    ["Computed by", engine],
  ]);
}

/** Show a camera's frame. */
export function showFrame(found, camera, engine, settings) {
  const { hand, milliseconds } = found;
  const all = camera.shown + camera.dropped;
  headline(hand.present ? keypointsFound(found, settings) : "No hand found", "camera");
  facts([
    ["Rate", `${camera.rate.toFixed(1)} frames per second`],
    ["Time", `${Math.round(milliseconds.finding)} ms per frame`],
    ["Frames", `${camera.shown} of ${all}; the network was busy at the others`],
    ["Score", scoreWords(hand, settings)],
    ["Hand mask", hand.present ? `${percent(found.maskShare)} of the image` : "–"],
    ["Computed by", engine],
  ]);
}

/** Show why there is no result, or that there is none yet. */
export function showWords(words, name) {
  headline(words, name);
  facts([]);
}

function scoreWords({ score }, { scoreThreshold }) {
  return `${score.toFixed(2)} (a hand from ${scoreThreshold})`;
}

function headline(words, name) {
  setText(byId("headline"), words);
  setText(byId("subject"), name);
}

function facts(rows) {
  const list = byId("facts");
  while (list.children.length > rows.length) list.lastElementChild.remove();
  rows.forEach(([term, value], n) => {
    const row = list.children[n] ?? list.appendChild(document.createElement("div"));
    if (!row.children.length) row.append(document.createElement("dt"), document.createElement("dd"));
    setText(row.children[0], term);
    setText(row.children[1], value);
  });
}

/** Change an element's text where it is another: nothing is laid out anew for what stays. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The heatmaps as buttons, each with its confidence. */
export class Heatmaps {
  /** onChoose: called with the number of the heatmap to lay over the image, or null. */
  constructor(settings, onChoose) {
    Object.assign(this, { settings, onChoose, chosen: null });
    this.tiles = [...settings.names, "background"].map((name, number) => {
      const tile = makeTile(keypointName(name), fingerOf(settings, number));
      tile.button.onclick = () => this.choose(this.chosen === number ? null : number);
      byId("tiles").append(tile.item);
      return tile;
    });
  }

  choose(number) {
    this.chosen = number;
    this.tiles.forEach(({ button }, n) => button.setAttribute("aria-pressed", n === number));
    this.onChoose(number);
  }

  show(source, found) {
    const { threshold } = this.settings;
    const ground = heatGround(source, found, TILE, this.settings);
    this.tiles.forEach((tile, number) => {
      drawTile(tile.canvas, ground, found, number, this.settings);
      const confidence = found.hand.confidences[number];
      if (confidence === undefined) return; // the background has none
      tile.meter.value = clamp(confidence, 0, 1);
      setText(tile.value, confidence.toFixed(2));
      tile.item.classList.toggle("unsure", !(found.hand.present && confidence > threshold));
    });
  }
}

function fingerOf({ fingers }, number) {
  return Object.keys(fingers).find((finger) => fingers[finger].includes(number)) ?? (number === 0 ? "wrist" : "none");
}

function makeTile(name, finger) {
  const item = document.createElement("li");
  item.innerHTML =
    '<button type="button" aria-pressed="false"><canvas></canvas>' +
    '<span class="name"></span><progress max="1" value="0" aria-hidden="true"></progress><span class="value"></span>' +
    "</button>";
  item.className = finger;
  const find = (selector) => item.querySelector(selector);
  const canvas = find("canvas");
  canvas.width = canvas.height = TILE;
  find(".name").textContent = name;
  return { item, canvas, button: find("button"), value: find(".value"), meter: find("progress") };
}
