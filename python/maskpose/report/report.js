"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const ALL = "mean";
const one = (selector, root = document) => root.querySelector(selector);
const every = (selector, root = document) => [...root.querySelectorAll(selector)];
const filters = one("#filters").elements;
const layers = one("#layers").elements;
const slider = one("#threshold");
const dialog = one("#large");

const svgElement = (name, attributes = {}, text = "") => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
  element.textContent = text;
  return element;
};

// ---- tables

function showTables(part, selection) {
  const bodies = every("#scores tbody");
  bodies.forEach((body) => { body.hidden = part !== "all" && body.dataset.part !== part; });
  const rows = bodies.flatMap((body) => [...body.rows]);
  one("#rows-count").textContent = `${rows.filter((row) => !row.parentElement.hidden).length} of ${rows.length} rows.`;
  every(".joints").forEach((table) => { table.hidden = table.dataset.part !== part; });
  one("#joints-part").textContent = partLabel(part);
  every(".joints tr[data-selection]").forEach((row) => {
    row.classList.toggle("chosen", selection !== ALL && isWithin(row.dataset.selection, selection));
  });
}

// Whether one selection holds all keypoints of the other; the finger's own row counts, too.
function isWithin(row, selection) {
  return data.selections[row].every((joint) => data.selections[selection].includes(joint));
}

// A name between marks that keep its direction of writing from the text around it.
function isolated(name) {
  return /^[\x00-\x7f]*$/.test(name) ? name : `\u2068${name}\u2069`;
}

function partLabel(part) {
  return part === "all" ? "all images" : isolated(part);
}

// ---- curves

const DASHES = ["none", "7 4", "2 3", "9 3 2 3"];
const MARGIN = { left: 46, right: 14, top: 10, bottom: 44 };

function showCurves(part, selection) {
  const curves = data.series
    .filter((series) => series.curves[part])
    .map((series) => ({ ...series, ...series.curves[part], values: series.curves[part].by_selection[selection] }));
  const at = Number(slider.value);
  one("#curves-what").textContent =
    `Share of keypoints closer to the truth than a threshold: ${data.labels[selection]}, ${partLabel(part)}.` +
    (selection === ALL ? " Shaded: 95 % intervals." : "");
  drawPlot(curves, selection, at);
  one("#threshold-value").textContent = (at / 100).toFixed(2);
  slider.setAttribute("aria-valuetext", (at / 100).toFixed(2));
  one("#readings tbody").replaceChildren(...curves.map((curve) => reading(curve, at)));
}

function reading(curve, at) {
  const row = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  const swatch = svgElement("svg", { class: `swatch series-${curve.colour % 7}`, viewBox: "0 0 30 10", "aria-hidden": "true" });
  swatch.append(svgElement("line", { x1: 1, x2: 29, y1: 5, y2: 5, "stroke-dasharray": DASHES[curve.dash % 4] }));
  name.append(swatch, curve.label);
  const value = document.createElement("td");
  value.className = "number";
  value.textContent = curve.values[at] === null ? "–" : curve.values[at].toFixed(3);
  row.append(name, value);
  return row;
}

function drawPlot(curves, selection, at) {
  const plot = one("#plot");
  const width = Math.max(240, plot.clientWidth);
  const height = Math.min(460, Math.max(260, Math.round(width * 0.56)));
  const x = (threshold) => MARGIN.left + (threshold / 0.5) * (width - MARGIN.left - MARGIN.right);
  const y = (share) => height - MARGIN.bottom - share * (height - MARGIN.top - MARGIN.bottom);
  const svg = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-labelledby": "plot-title" });
  svg.append(svgElement("title", { id: "plot-title" }, `PCK curves, ${data.labels[selection]}; the table beside has the values`));
  for (let tick = 0; tick <= 5; tick += 1) {
    const [share, threshold] = [tick / 5, tick / 10];
    svg.append(svgElement("line", { class: tick ? "grid" : "axis", x1: x(0), x2: x(0.5), y1: y(share), y2: y(share) }));
    svg.append(svgElement("line", { class: tick ? "grid" : "axis", x1: x(threshold), x2: x(threshold), y1: y(0), y2: y(1) }));
    svg.append(svgElement("text", { x: x(0) - 8, y: y(share) + 4, "text-anchor": "end" }, share.toFixed(1)));
    svg.append(svgElement("text", { x: x(threshold), y: y(0) + 18, "text-anchor": "middle" }, threshold.toFixed(1)));
  }
  svg.append(svgElement("text", { x: (x(0) + x(0.5)) / 2, y: height - 6, "text-anchor": "middle" }, "normalised distance"));
  svg.append(svgElement("text", { x: x(0) + 8, y: y(1) + 16 }, "PCK"));
  svg.append(svgElement("line", { class: "at", x1: x(at / 100), x2: x(at / 100), y1: y(0), y2: y(1) }));
  const points = (thresholds, values) => thresholds
    .map((threshold, i) => [threshold, values[i]])
    .filter(([, value]) => value !== null)
    .map(([threshold, value]) => `${x(threshold).toFixed(1)},${y(value).toFixed(1)}`);
  curves.filter(() => selection === ALL).forEach((curve) => {
    const band = [...points(curve.thresholds, curve.high), ...points(curve.thresholds, curve.low).reverse()];
    svg.append(svgElement("polygon", { class: `band series-${curve.colour % 7}`, points: band.join(" ") }));
  });
  curves.forEach((curve) => {
    const colour = `series-${curve.colour % 7}`;
    const line = points(curve.thresholds, curve.values).join(" ");
    svg.append(svgElement("polyline", { class: `curve ${colour}`, points: line, "stroke-dasharray": DASHES[curve.dash % 4] }));
    if (curve.values[at] !== null) {
      svg.append(svgElement("circle", { class: `reading ${colour}`, cx: x(at / 100), cy: y(curve.values[at]), r: 4.5 }));
    }
  });
  plot.replaceChildren(svg);
}

// ---- images

// Mean of the chosen keypoints' errors; null if none of them counts.
function errorOf(photograph, selection) {
  const errors = data.selections[selection].map((joint) => photograph.errors[joint]).filter((error) => error !== null);
  return errors.length ? errors.reduce((sum, error) => sum + error, 0) / errors.length : null;
}

function showPhotographs(part, selection, run) {
  every(".gallery").forEach((gallery) => {
    gallery.hidden = gallery.dataset.run !== run;
    const photographs = data.galleries[gallery.dataset.run];
    const shown = every(".group", gallery).map((group) => showGroup(group, photographs, part, selection));
    const count = one(".count", gallery);
    if (count) {
      count.textContent = `${shown.reduce((sum, n) => sum + n, 0)} of ${photographs.length} images shown.`;
    }
  });
}

function showGroup(group, photographs, part, selection) {
  const list = one(".photographs", group);
  const sign = group.dataset.group === "worst" ? -1 : 1;
  const items = every("li", list).map((item) => {
    const photograph = photographs[item.dataset.photograph];
    return { item, photograph, error: errorOf(photograph, selection) };
  });
  items.forEach(({ item, photograph, error }) => {
    item.hidden = error === null || (part !== "all" && photograph.part !== part);
    const text = error === null ? "" : `error ${error.toFixed(3)}`;
    one(".error", item).textContent = text;
    const what = selection === ALL ? "mean error" : `error of ${data.labels[selection]}`;
    one("button", item).title = `Enlarge ${isolated(item.dataset.name)}: ${what} ${error === null ? "unknown" : error.toFixed(3)}`;
    one(".heat image", item)?.setAttribute("href", photograph.heatmaps[selection]);
    every("[data-joint]", item).forEach((mark) => {
      mark.classList.toggle("chosen", data.selections[selection].includes(Number(mark.dataset.joint)));
    });
  });
  // Stable: equal errors, and those that are not shown, stay as they are.
  const order = [...items].sort((a, b) => sign * ((a.error ?? 0) - (b.error ?? 0)) || a.item.dataset.photograph - b.item.dataset.photograph);
  list.append(...order.map(({ item }) => item));
  const shown = items.filter(({ item }) => !item.hidden).length;
  one("h3 small", group).textContent = `${shown} of ${items.length}`;
  one(".empty", group).hidden = shown > 0;
  list.hidden = shown === 0;
  return shown;
}

function showLayers() {
  ["mask", "pose", "heat", "truth"].forEach((layer) => {
    every(".gallery").forEach((gallery) => gallery.classList.toggle(`show-${layer}`, layers[layer].checked));
  });
}

// ---- an image enlarged

const PANELS = [
  ["Mask", ".mask", "show-mask"],
  ["Pose", ".pose", "show-pose"],
  ["Heatmaps", ".heat", "show-heat"],
  ["Ground truth", ".truth", "show-truth"],
];
let enlarged = null;

function enlarge(item) {
  enlarged = item;
  const selection = filters.joint.value;
  one("#large-name").textContent = item.dataset.name;
  one("#large-figures").textContent = [isolated(one(".source", item).textContent), `${data.labels[selection]}: ${one(".error", item).textContent}`,
    one(".iou", item)?.textContent].filter(Boolean).join(" · ");
  one(".panels", dialog).replaceChildren(...PANELS.filter(([, layer]) => one(layer, item)).map(([name, , layer]) => {
    const figure = document.createElement("figure");
    const frame = one(".frame", item).cloneNode(true);
    frame.classList.add(layer);
    frame.classList.toggle("chosen-joints", selection !== ALL);
    const caption = document.createElement("figcaption");
    caption.textContent = name;
    figure.append(frame, caption);
    return figure;
  }));
  if (!dialog.open) {
    dialog.showModal();
  }
}

function step(by) {
  const shown = every(".gallery:not([hidden]) li:not([hidden])").filter((item) => !item.closest("[hidden]"));
  enlarge(shown[(shown.indexOf(enlarged) + by + shown.length) % shown.length]);
}

function close() {
  dialog.close();
  one("button", enlarged).focus();
}

// ---- everything

function show() {
  const [part, selection] = [filters.part.value, filters.joint.value];
  document.documentElement.dataset.colours = filters.colours.value;
  every(".gallery").forEach((gallery) => gallery.classList.toggle("chosen-joints", selection !== ALL));
  showTables(part, selection);
  showCurves(part, selection);
  showPhotographs(part, selection, filters.run?.value ?? "0");
}

slider.value = Math.round(100 * data.at);
one("#filters").addEventListener("change", show);
one("#filters").addEventListener("submit", (event) => event.preventDefault());
slider.addEventListener("input", () => showCurves(filters.part.value, filters.joint.value));
one("#layers").addEventListener("change", showLayers);
one("main").addEventListener("click", (event) => {
  const item = event.target.closest(".photographs li");
  if (item) {
    enlarge(item);
  }
});
dialog.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (event.target === dialog || button?.hasAttribute("data-close")) {
    close();
  } else if (button) {
    step(Number(button.dataset.step));
  }
});
dialog.addEventListener("cancel", (event) => {
  event.preventDefault();
  close();
});
dialog.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by) {
    step(by);
  }
});
new ResizeObserver(() => showCurves(filters.part.value, filters.joint.value)).observe(one("#plot"));
showLayers();
show();
