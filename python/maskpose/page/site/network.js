/** Runs the network by onnxruntime-web: on a GPU by WebGPU, else by WebAssembly with SIMD and threads. */

import { PageError } from "./errors.js";

const FOLDER = new URL("ort/", import.meta.url);
const BACKENDS = {
  webgpu: { module: "ort.webgpu.min.mjs", files: "ort-wasm-simd-threaded.asyncify", name: "WebGPU" },
  wasm: { module: "ort.wasm.min.mjs", files: "ort-wasm-simd-threaded", name: "WebAssembly" },
};
const MOST_THREADS = 4;

/**
 * {run, backend, threads, precision, madeWith}: `run` takes 3 x size x size floats and gives {heatmaps, mask}, both
 * floats; madeWith: what the fingerprint of a result is made from.
 *
 * settings: the page's settings.json. wanted: "webgpu", "wasm", or null for what is best here. progress: called with the
 * share of the network's file that has arrived. Throws a PageError if there is no such network or nothing to run it by.
 */
export async function openNetwork(settings, wanted, progress) {
  if (typeof WebAssembly === "undefined") {
    throw new PageError("This browser has no WebAssembly, so it cannot run the network. A current one has.");
  }
  const choices = wanted ? [wanted] : (await hasGpu()) ? ["webgpu", "wasm"] : ["wasm"];
  let model, fetched, failure;
  for (const choice of choices) {
    const network = settings.networks[choice];
    if (fetched !== network.file) model = await fetchModel(network, progress);
    fetched = network.file;
    try {
      return await open(BACKENDS[choice], choice, model, settings);
    } catch (error) {
      failure = error;
    }
  }
  throw new PageError(`This browser could not start the network: ${failure.message ?? failure}`);
}

/** Whether there is a GPU, not a program that does as if it were one: that would be slower than WebAssembly. */
async function hasGpu() {
  try {
    const adapter = await globalThis.navigator.gpu?.requestAdapter();
    return Boolean(adapter) && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
  } catch {
    return false;
  }
}

async function open(backend, provider, model, settings) {
  const { precision, madeWith } = settings.networks[provider];
  const ort = await import(new URL(backend.module, FOLDER).href);
  const threads = globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, MOST_THREADS) : 1;
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = {
    mjs: new URL(`${backend.files}.mjs`, FOLDER).href,
    wasm: new URL(`${backend.files}.wasm`, FOLDER).href,
  };
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(model, { executionProviders: [provider] });
  const { input, heatmaps, mask } = settings.blobs;
  const shape = [1, 3, settings.inputSize, settings.inputSize];
  const run = async (values) => {
    const outputs = await session.run({ [input]: new ort.Tensor("float32", values, shape) });
    return { heatmaps: outputs[heatmaps].data, mask: outputs[mask].data };
  };
  await run(new Float32Array(3 * settings.inputSize ** 2)); // the first run is slow, and shows whether it works
  return { run, backend: backend.name, threads: provider === "wasm" ? threads : null, precision, madeWith };
}

async function fetchModel({ file, bytes }, progress) {
  const response = await fetchFile(file);
  const model = new Uint8Array(bytes);
  let arrived = 0;
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (arrived + value.length > bytes) break;
    model.set(value, arrived);
    arrived += value.length;
    progress(arrived / bytes);
  }
  if (arrived !== bytes) throw new PageError(`The file ${file} did not arrive whole. Load the page again.`);
  return model;
}

/** The response to a request of one of the page's files. Throws a PageError if there is none. */
export async function fetchFile(file) {
  try {
    const response = await fetch(new URL(file, import.meta.url));
    if (response.ok) return response;
  } catch {
    // said below
  }
  throw new PageError(`The file ${file} could not be loaded from the page's own server. Is it still there?`);
}
