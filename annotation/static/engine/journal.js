/**
 * What the server has not acknowledged yet, kept in the browser's IndexedDB so that a closed lid, a crash or a reload
 * loses nothing. Where IndexedDB is missing or refuses, everything stands in memory alone and `kept` says so.
 */

/**
 * @typedef {object} Operation  one thing to tell the server
 * @property {number} [seq]  given by the journal
 * @property {string} project  its id
 * @property {number} layer
 * @property {string} annotator
 * @property {string} chain  operations of one chain build on each other
 * @property {string} owner  the page that sends it
 * @property {"stroke"|"move"|"accept"} type
 * @property {string} id  of the revision or, for a move, of the operation
 * @property {string} parent  the head that it builds on
 * @property {string} [to]  move: the new head
 * @property {"undo"|"redo"|"restore"} [why]  move
 * @property {string} [kind]  stroke
 * @property {import("./types.js").Rect} [rect]  stroke
 * @property {Uint8Array} [values]  stroke: the rectangle's new values as pack_bits
 *
 * @typedef {{head: string, redo: string[]}} Place  where a layer stood when this browser last changed it
 * @typedef {{project: string, layer: number, annotator: string, mine: string}} Branch  strokes of ours that lie beside the head
 */

const DATABASE = "million-ird-masks";

/** @param {IDBRequest} request */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {IDBTransaction} transaction */
function committed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(undefined);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

/** @returns {Promise<IDBDatabase>} */
function connect() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("operations", { keyPath: "seq", autoIncrement: true });
      request.result.createObjectStore("places");
      request.result.createObjectStore("branches");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another page holds an older journal open"));
  });
}

/** @returns {string} */
const keyOf = (/** @type {{project: string, layer: number, annotator: string}} */ of) => JSON.stringify([of.project, of.layer, of.annotator]);

export class Journal {
  /** @type {IDBDatabase|null} */ #database = null;
  /** @type {Map<string, any>} places and branches, where there is no database */ #memory = new Map();
  #memorySeq = 1e12; // above every number that a database gives

  /** whether what is written survives the page */
  kept = false;

  async open() {
    try {
      this.#database = await connect();
      this.#database.onversionchange = () => this.#database?.close();
      this.kept = true;
    } catch {
      this.kept = false; // private windows, full disks and forbidden storage all end here; the status tells the person
    }
    return this;
  }

  /** @template T @param {string[]} stores @param {(transaction: IDBTransaction) => Promise<T>|T} work @returns {Promise<T|null>} null: the database failed; memory takes over */
  async #write(stores, work) {
    if (!this.#database || !this.kept) return null;
    try {
      const transaction = this.#database.transaction(stores, "readwrite", { durability: "strict" });
      const [result] = await Promise.all([work(transaction), committed(transaction)]);
      return result;
    } catch {
      this.kept = false; // the quota is used up, or the browser closed the database: said in the status
      return null;
    }
  }

  /** Keep an operation before it is sent, and where its layer then stands. @param {Operation} operation @param {Place} place @returns {Promise<Operation>} with its seq */
  async add(operation, place) {
    this.#memory.set(`place ${keyOf(operation)}`, place);
    const seq = await this.#write(["operations", "places"], (transaction) => {
      transaction.objectStore("places").put(place, keyOf(operation));
      return done(transaction.objectStore("operations").add(operation));
    });
    return { ...operation, seq: seq ?? this.#memorySeq++ };
  }

  /** @param {Operation[]} operations */
  async remove(operations) {
    await this.#write(["operations"], (transaction) => {
      for (const { seq } of operations) transaction.objectStore("operations").delete(seq);
    });
  }

  /** @param {Operation[]} operations  with changed fields */
  async update(operations) {
    await this.#write(["operations"], (transaction) => {
      for (const operation of operations) if (operation.seq < 1e12) transaction.objectStore("operations").put(operation);
    });
  }

  /**
   * Take over what pages that are gone left unsent. One transaction: two pages cannot take the same operation.
   * @param {string} project @param {Set<string>} alive  pages that still send for themselves @param {string} owner
   * @returns {Promise<Operation[]>} in their order
   */
  async adopt(project, alive, owner) {
    const taken = await this.#write(["operations"], async (transaction) => {
      const store = transaction.objectStore("operations");
      const all = /** @type {Operation[]} */ (await done(store.getAll()));
      const orphans = all.filter((operation) => operation.project === project && !alive.has(operation.owner));
      for (const operation of orphans) {
        operation.owner = owner;
        store.put(operation);
      }
      return orphans;
    });
    return taken ?? [];
  }

  /** @param {string} project @returns {Promise<{operations: Operation[], branches: Branch[]}>} what is kept for it, in order */
  async all(project) {
    const found = await this.#write(["operations", "branches"], (transaction) =>
      Promise.all(["operations", "branches"].map((store) => done(transaction.objectStore(store).getAll()))),
    );
    const [operations, branches] = (found ?? [[], []]).map((rows) => rows.filter((row) => row.project === project));
    return { operations, branches };
  }

  /** Give what was kept for another project to this one. @param {{operations: Operation[], branches: Branch[]}} rows @param {string} project */
  async give({ operations, branches }, project) {
    await this.#write(["operations", "branches"], async (transaction) => {
      const store = transaction.objectStore("operations");
      for (const { seq } of operations) {
        const kept = await done(store.get(seq)); // none: the page that it belongs to was faster
        if (kept) store.put({ ...kept, project });
      }
      for (const branch of branches) {
        transaction.objectStore("branches").delete(keyOf(branch));
        transaction.objectStore("branches").put({ ...branch, project }, keyOf({ ...branch, project }));
      }
    });
  }

  /** @returns {Promise<Set<string>>} the pages whose operations are kept */
  async owners() {
    const all = await this.#write(["operations"], (transaction) => done(transaction.objectStore("operations").getAll()));
    return new Set((all ?? []).map((/** @type {Operation} */ operation) => operation.owner));
  }

  /** @param {{project: string, layer: number, annotator: string}} of @returns {Promise<Place|null>} */
  async place(of) {
    const kept = await this.#write(["places"], (transaction) => done(transaction.objectStore("places").get(keyOf(of))));
    return kept ?? this.#memory.get(`place ${keyOf(of)}`) ?? null;
  }

  /** @param {{project: string, layer: number, annotator: string}} of @returns {Promise<Branch|null>} */
  async branch(of) {
    const kept = await this.#write(["branches"], (transaction) => done(transaction.objectStore("branches").get(keyOf(of))));
    return kept ?? this.#memory.get(`branch ${keyOf(of)}`) ?? null;
  }

  /** @param {Branch} branch */
  async setBranch(branch) {
    this.#memory.set(`branch ${keyOf(branch)}`, branch);
    await this.#write(["branches"], (transaction) => void transaction.objectStore("branches").put(branch, keyOf(branch)));
  }

  /** @param {{project: string, layer: number, annotator: string}} of */
  async endBranch(of) {
    this.#memory.delete(`branch ${keyOf(of)}`);
    await this.#write(["branches"], (transaction) => void transaction.objectStore("branches").delete(keyOf(of)));
  }
}
