/** The page's side of worker.js. */

import { PageError } from "./errors.js";

export class NetworkWorker {
  /** progress: called with the share of the network that has arrived. */
  constructor(progress) {
    this.waiting = new Map();
    this.count = 0;
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => (data.id === undefined ? progress(data.progress) : this.#settle(data));
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.#failAll("The page's worker could not be started. Load the page again, in a current browser.");
    };
  }

  /** Load the network: {backend, threads, precision}. backend: "webgpu", "wasm", or null for the better one. */
  start(backend) {
    return this.#ask({ type: "start", backend });
  }

  /** What is found in an image's file. */
  image(blob, name) {
    return this.#ask({ type: "image", blob, name });
  }

  /** What is found in a frame, an ImageBitmap that comes back as `bitmap`. */
  frame(bitmap, options) {
    return this.#ask({ type: "frame", bitmap, ...options }, [bitmap]);
  }

  #ask(message, transfer = []) {
    const id = this.count++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...message }, transfer);
    });
  }

  #settle({ id, result, error }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new PageError(error));
  }

  #failAll(message) {
    for (const { reject } of this.waiting.values()) reject(new PageError(message));
    this.waiting.clear();
  }
}
