/** The server's routes, one method each. */

/**
 * @typedef {import("./types.js").Layer} Layer
 * @typedef {import("./types.js").Rect} Rect
 * @typedef {import("./journal.js").Operation} Operation
 */

/** After this long without an answer the server counts as unreachable: milliseconds. Looking for an outline may take
 * the server several seconds; a stroke takes it a few milliseconds. */
const PATIENCE = 30_000;

/** The server answered, and its answer is no. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message  the server's line @param {any} body */
  constructor(status, message, body) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.body = body;
  }
}

export class Api {
  /** @param {string} base  in front of every path; "" for the page's own server */
  constructor(base = "") {
    this.base = base;
    /** the id of the project that requests are meant for; the server refuses them (412) while it serves another one.
     * "" until it is known */
    this.project = "";
  }

  /** @param {string} path @param {RequestInit} [options] @returns {Promise<Response>} a 2xx; network trouble is a TypeError or an abort */
  async request(path, options = {}) {
    const headers = { ...options.headers, ...(this.project && { "X-Project": this.project }) };
    const response = await fetch(this.base + path, { ...options, headers, signal: options.signal ?? AbortSignal.timeout(PATIENCE) });
    if (response.ok) return response;
    const body = await response.json().catch(() => null); // a proxy's error page is no JSON
    throw new ApiError(response.status, body?.error ?? `the server answered ${response.status}`, body);
  }

  /** @param {string} path */
  async get(path) {
    return (await this.request(path)).json();
  }

  /** @param {string} path @param {object} body */
  async post(path, body) {
    const headers = { "Content-Type": "application/json" };
    return (await this.request(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
  }

  /** @param {number} item @returns {Promise<import("./types.js").Item>} */
  item(item) {
    return this.get(`/api/items/${item}`);
  }

  /** @param {number} item @param {"blurred"|"sharp"} which @returns {Promise<Blob>} */
  async picture(item, which) {
    return (await this.request(`/api/items/${item}/${which}`)).blob();
  }

  /** @param {number} layer @param {string|null} [revision]  null: the head @returns {Promise<{revision: string, data: Uint8Array}>} as pack_bits */
  async mask(layer, revision = null) {
    const response = await this.request(`/api/layers/${layer}/mask${revision ? `?revision=${revision}` : ""}`);
    const data = new Uint8Array(await response.arrayBuffer());
    return { revision: response.headers.get("X-Revision") ?? revision ?? "", data };
  }

  /** @param {number} layer @returns {Promise<{id: string, parent: string|null, kind: string, annotator: string}[]>} newest first */
  async history(layer) {
    return (await this.get(`/api/layers/${layer}/history`)).revisions;
  }

  /** @param {number} layer @param {string} state @param {string} reason @param {number} version @param {string} annotator @returns {Promise<Layer>} */
  setState(layer, state, reason, version, annotator) {
    return this.post(`/api/layers/${layer}/state`, { state, reason, version, annotator });
  }

  /** @param {number} item @param {"blurred"|"sharp"} picture @param {[number, number]} anchor @param {[number, number]} target @returns {Promise<[number, number][]>} */
  async scissors(item, picture, anchor, target) {
    return (await this.post(`/api/items/${item}/scissors`, { picture, anchor, target })).points;
  }

  /** @param {number} item @param {"blurred"|"sharp"} picture @param {Rect} box @returns {Promise<Rect & {values: string}>} values: base64 of pack_bits */
  grabcut(item, picture, box) {
    return this.post(`/api/items/${item}/grabcut`, { picture, box: [box.x, box.y, box.width, box.height] });
  }

  /**
   * Send one operation of the journal. Repeating it does no harm: the server knows it by its id.
   * @param {Operation} operation
   * @returns {Promise<{layer: Layer, known: boolean}>} known: the server had it already
   */
  async send(operation) {
    const { layer, id, parent, annotator } = operation;
    if (operation.type === "move") {
      const body = { operation: id, to: operation.to, expected: parent, annotator };
      return { layer: await this.post(`/api/layers/${layer}/head`, body), known: false };
    }
    if (operation.type === "accept") {
      return { layer: await this.post(`/api/layers/${layer}/accept`, { revision: id, expected: parent, annotator }), known: false };
    }
    const { x, y, width, height } = operation.rect;
    const query = new URLSearchParams({ revision: id, parent, kind: operation.kind, x, y, width, height, annotator });
    const headers = { "Content-Type": "application/octet-stream" };
    const options = { method: "POST", headers, body: operation.values };
    const response = await this.request(`/api/layers/${layer}/revisions?${query}`, options);
    return { layer: await response.json(), known: response.status === 200 };
  }
}
