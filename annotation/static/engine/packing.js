/**
 * A mask's values on their way: rows of bits, most significant first, each row padded to whole bytes, in a zlib stream.
 * The same layout as pack_bits of annotation/mask.py.
 */

/**
 * @param {Uint8Array} values  0 or 1, row after row
 * @param {number} width
 * @param {number} height
 * @returns {Uint8Array} the bits, not compressed
 */
export function toBits(values, width, height) {
  const stride = (width + 7) >> 3;
  const bits = new Uint8Array(stride * height);
  const whole = width >> 3;
  for (let y = 0, from = 0; y < height; y++, from = y * width) {
    let to = y * stride;
    for (let byte = 0; byte < whole; byte++, from += 8) {
      bits[to++] =
        (values[from] << 7) | (values[from + 1] << 6) | (values[from + 2] << 5) | (values[from + 3] << 4) |
        (values[from + 4] << 3) | (values[from + 5] << 2) | (values[from + 6] << 1) | values[from + 7];
    }
    for (let bit = 0; bit < (width & 7); bit++) bits[to] |= values[from + bit] << (7 - bit);
  }
  return bits;
}

/**
 * @param {Uint8Array} bits
 * @param {number} width
 * @param {number} height
 * @returns {Uint8Array} 0 or 1, row after row
 */
export function fromBits(bits, width, height) {
  const stride = (width + 7) >> 3;
  if (bits.length !== stride * height) {
    throw new Error(`a mask of ${width}×${height} needs ${stride * height} bytes, got ${bits.length}`);
  }
  const values = new Uint8Array(width * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0, row = y * stride; x < width; x++) values[to++] = (bits[row + (x >> 3)] >> (7 - (x & 7))) & 1;
  }
  return values;
}

/** @param {Uint8Array} bytes @param {CompressionStream|DecompressionStream} stream @returns {Promise<Uint8Array>} */
async function through(bytes, stream) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}

/** @param {Uint8Array} values @param {number} width @param {number} height @returns {Promise<Uint8Array>} as pack_bits */
export function pack(values, width, height) {
  return through(toBits(values, width, height), new CompressionStream("deflate"));
}

/** @param {Uint8Array} data @param {number} width @param {number} height @returns {Promise<Uint8Array>} as unpack_bits */
export async function unpack(data, width, height) {
  return fromBits(await through(data, new DecompressionStream("deflate")), width, height);
}

/** @param {string} text  base64 @returns {Uint8Array} */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
