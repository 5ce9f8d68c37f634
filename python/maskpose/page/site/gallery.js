/** The images that were chosen: one after the other goes to the network, and each keeps what was found. */

const THUMB = 144; // pixels of a small picture's side

export class Gallery {
  /**
   * list: the element of the small pictures; find: an async function of (blob, name) that gives what was found; onShow:
   * called with the image to show; onDone: called with an image once it has `found` or `error`.
   */
  constructor(list, { find, onShow, onDone }) {
    Object.assign(this, { list, find, onShow, onDone, items: [], shown: null });
  }

  /** Add files; the first of them is shown. */
  add(files) {
    const added = files.map((blob) => this.#item(blob));
    this.items.push(...added);
    for (const item of added) this.#run(item);
    if (added.length) this.show(added[0]);
  }

  show(item) {
    this.shown = item;
    for (const { button } of this.items) button.removeAttribute("aria-current");
    item?.button.setAttribute("aria-current", "true");
    if (item) this.onShow(item);
    item?.button.scrollIntoView({ block: "nearest", inline: "nearest" }); // once the list is shown
  }

  clear() {
    this.items = [];
    this.shown = null;
    this.list.replaceChildren();
  }

  #item(blob) {
    const name = blob.name || "pasted.png";
    const entry = document.createElement("li");
    entry.innerHTML = '<button type="button" class="waiting"><canvas></canvas><span></span></button>';
    const button = entry.querySelector("button");
    entry.querySelector("span").textContent = name;
    button.title = name;
    const item = { blob, name, button, canvas: entry.querySelector("canvas"), found: null, error: null };
    button.onclick = () => this.show(item);
    button.onkeydown = (event) => this.#move(event, item);
    this.list.append(entry);
    return item;
  }

  async #run(item) {
    drawThumb(item);
    try {
      item.found = await this.find(item.blob, item.name);
    } catch (error) {
      item.error = error.message;
    }
    item.button.className = item.error ? "failed" : item.found.hand.present ? "done" : "none"; // style.css has the words
    if (item.button.className !== "done") {
      item.button.setAttribute("aria-label", `${item.name}: ${item.error ? "not read" : "no hand"}`);
    }
    if (this.items.includes(item)) this.onDone(item);
  }

  /** The arrow keys go from one small picture to the next. */
  #move(event, item) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = step && this.items[this.items.indexOf(item) + step];
    if (!next) return;
    event.preventDefault();
    next.button.focus();
    this.show(next);
  }
}

async function drawThumb({ blob, canvas }) {
  try {
    const bitmap = await createImageBitmap(blob);
    const scale = THUMB / Math.min(bitmap.width, bitmap.height);
    const [width, height] = [bitmap.width * scale, bitmap.height * scale];
    canvas.width = canvas.height = THUMB;
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, (THUMB - width) / 2, (THUMB - height) / 2, width, height);
    bitmap.close();
  } catch {
    // the network's worker says what is wrong with it
  }
}
