// Calls functions of the page's modules for test_page_modules.py: JSON in, JSON out, arrays as base64.

const ARRAYS = { float32: Float32Array, float64: Float64Array, uint8: Uint8Array, int32: Int32Array };

function received(_, value) {
  if (!value || typeof value !== "object" || !("dtype" in value)) return value;
  const bytes = Buffer.from(value.base64, "base64");
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return new ARRAYS[value.dtype](copy);
}

function sent(_, value) {
  if (!ArrayBuffer.isView(value)) return value;
  const name = value.constructor.name.replace("Clamped", "").replace("Array", "").toLowerCase();
  return { dtype: name, base64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
}

let text = "";
for await (const chunk of process.stdin) text += chunk;
const { module, calls } = JSON.parse(text, received);
const functions = await import(module);
const results = [];
for (const { name, args } of calls) results.push(await functions[name](...args));
console.log(JSON.stringify(results, sent));
