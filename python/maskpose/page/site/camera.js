/** The camera: each frame goes to the network while that is free; the others are dropped. */

import { PageError } from "./errors.js";

const SIZE = { width: { ideal: 640 }, height: { ideal: 480 } };
const RECENT = 30; // frames that the rate is measured over
const REASONS = {
  NotAllowedError: "This page may not use the camera. Allow it in the browser, then try again.",
  NotFoundError: "This device has no camera.",
  OverconstrainedError: "That camera is no longer there.",
  NotReadableError: "The camera cannot be read. Does another program use it?",
};

export class Camera {
  /**
   * video: an element that plays the camera; find: an async function of (bitmap, seconds, first) that gives what was
   * found, the bitmap again in it; onFrame: called with that and the camera, to close the bitmap once it is not needed;
   * onEnd: called with a message when the camera was taken away.
   */
  constructor(video, { find, onFrame, onEnd }) {
    Object.assign(this, { video, find, onFrame, onEnd, stream: null, isBusy: false });
  }

  get isOn() {
    return this.stream !== null;
  }

  /** Begin with a camera, by its id or the browser's choice. Throws a PageError if there is none. */
  async start(deviceId) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new PageError("The browser gives the camera to pages of https or of this device (localhost) alone.");
    }
    this.stop();
    const chosen = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { ...SIZE, ...chosen } });
    } catch (error) {
      throw new PageError(REASONS[error.name] ?? `The camera could not be started: ${error.message}`);
    }
    const [track] = this.stream.getVideoTracks();
    track.onended = () => {
      this.stop();
      this.onEnd("The camera was taken away.");
    };
    Object.assign(this, { shown: 0, dropped: 0, times: [], isFirst: true });
    this.video.srcObject = this.stream;
    await this.video.play();
    this.#await(this.stream);
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.stream = null;
    this.video.srcObject = null;
  }

  /** Whether the camera looks at its user, as far as the browser knows. */
  get facesUser() {
    return this.stream?.getVideoTracks()[0].getSettings().facingMode !== "environment";
  }

  get deviceId() {
    return this.stream?.getVideoTracks()[0].getSettings().deviceId;
  }

  /** Frames a second, over the last ones. */
  get rate() {
    const { times } = this;
    return times.length < 2 ? 0 : (1000 * (times.length - 1)) / (times[times.length - 1] - times[0]);
  }

  /** Call #frame for each of a stream's frames. */
  #await(stream) {
    const next = () => {
      if (this.stream !== stream) return;
      this.#frame(stream);
      this.#await(stream);
    };
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(next);
    else requestAnimationFrame(next);
  }

  async #frame(stream) {
    if (this.isBusy) {
      this.dropped += 1;
      return;
    }
    this.isBusy = true;
    try {
      const bitmap = await createImageBitmap(this.video);
      const found = await this.find(bitmap, performance.now() / 1000, this.isFirst);
      this.isFirst = false;
      if (this.stream !== stream) {
        found.bitmap.close();
        return;
      }
      this.shown += 1;
      this.times.push(performance.now());
      if (this.times.length > RECENT) this.times.shift();
      this.onFrame(found, this);
    } catch (error) {
      if (this.stream !== stream) return;
      this.stop();
      this.onEnd(error instanceof PageError ? error.message : `The camera failed: ${error.message}`);
    } finally {
      this.isBusy = false;
    }
  }
}

/** [{id, name}] of the cameras; names are known once a camera was used. */
export async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter(({ kind }) => kind === "videoinput");
  return cameras.map(({ deviceId, label }, n) => ({ id: deviceId, name: label || `Camera ${n + 1}` }));
}
