/**
 * The shapes that the modules of the page exchange. Nothing runs here: other files name these types in their JSDoc.
 *
 * @typedef {{x: number, y: number, width: number, height: number}} Rect  whole image pixels, top left is 0,0
 *
 * @typedef {"brush"|"eraser"|"polygon"|"fill"|"scissors"|"grabcut"|"clear"|"resolve"} StrokeKind
 * @typedef {"brush"|"eraser"|"polygon"|"fill"|"scissors"|"grabcut"|"pan"} ToolName
 * @typedef {"blurred"|"sharp"|"split"|"heat"} PictureMode
 *
 * @typedef {object} Layer  one mask of one item, as the server tells it
 * @property {number} id
 * @property {number} item
 * @property {1|2} number
 * @property {string} annotator
 * @property {string} state
 * @property {string} reason
 * @property {string} head  the revision that the layer shows, 32 hexadecimal digits
 * @property {string|null} undo
 * @property {string|null} redo
 * @property {boolean} is_proposal
 * @property {number|null} confidence
 * @property {number} version
 *
 * @typedef {object} Item  as GET /api/items/{id} tells it
 * @property {number} id
 * @property {string} name
 * @property {number} width
 * @property {number} height
 * @property {boolean} pair
 * @property {Layer[]} layers
 *
 * @typedef {object} Status  what is saved, what is not
 * @property {"saved"|"saving"|"offline"|"conflict"|"refused"} state
 * @property {number} unsent  operations that the server has not acknowledged, over all layers
 * @property {Date|null} since  when the server was last reached, if it cannot be reached now
 * @property {string} message  one line for a person
 * @property {"kept"|"memory"} journal  "memory": this browser keeps nothing, unsent strokes end with the page
 *
 * @typedef {object} ToolPoint  where a pointer is
 * @property {number} x  image coordinates, a pixel's centre is at .5
 * @property {number} y
 * @property {number} pressure  0 … 1; 1 for what has no pressure
 * @property {boolean} subtract  take away instead of adding
 */

export {};
