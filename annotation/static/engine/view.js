/** Which part of the picture the stage shows. All lengths on the screen are CSS pixels; the device's pixel ratio concerns
 * the painter alone. */

/** Screen pixels per image pixel. */
export const LARGEST_SCALE = 32;
/** Of the picture that stays on the stage however far it is panned: screen pixels. */
const KEPT_IN_SIGHT = 40;

export class View {
  /** screen pixels per image pixel */ scale = 1;
  /** image coordinates at the stage's top left corner */ left = 0;
  top = 0;
  /** the stage's size */ width = 1;
  height = 1;
  /** the picture's size */ imageWidth = 1;
  imageHeight = 1;
  /** whether the whole picture is shown and follows the stage's size */ fitted = true;

  /** @param {number} width @param {number} height  of the picture */
  setImage(width, height) {
    this.imageWidth = width;
    this.imageHeight = height;
    this.fit();
  }

  /** @param {number} width @param {number} height  of the stage */
  resize(width, height) {
    const [x, y] = this.toImage(this.width / 2, this.height / 2);
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    if (this.fitted) return this.fit();
    this.left = x - this.width / 2 / this.scale;
    this.top = y - this.height / 2 / this.scale;
    return this.#keepInSight();
  }

  /** @returns {number} the scale at which the whole picture is just visible */
  get fitScale() {
    return Math.min(LARGEST_SCALE, this.width / this.imageWidth, this.height / this.imageHeight);
  }

  fit() {
    this.scale = this.fitScale;
    this.left = (this.imageWidth - this.width / this.scale) / 2;
    this.top = (this.imageHeight - this.height / this.scale) / 2;
    this.fitted = true;
  }

  /** @param {number} x @param {number} y  on the stage @returns {[number, number]} in the picture */
  toImage(x, y) {
    return [this.left + x / this.scale, this.top + y / this.scale];
  }

  /** @param {number} x @param {number} y  in the picture @returns {[number, number]} on the stage */
  toScreen(x, y) {
    return [(x - this.left) * this.scale, (y - this.top) * this.scale];
  }

  /** @param {[number, number]} a @param {[number, number]} b  in the picture @returns {number} on the stage */
  distance(a, b) {
    return this.scale * Math.hypot(a[0] - b[0], a[1] - b[1]);
  }

  /** @param {number} scale @param {number} x @param {number} y  on the stage: what lies there stays there */
  zoomAround(scale, x, y) {
    const [imageX, imageY] = this.toImage(x, y);
    this.scale = Math.min(LARGEST_SCALE, Math.max(Math.min(this.fitScale, 1) / 2, scale));
    this.left = imageX - x / this.scale;
    this.top = imageY - y / this.scale;
    this.fitted = false;
    this.#keepInSight();
  }

  /** @param {number} dx @param {number} dy  screen pixels that the picture moves right and down */
  panBy(dx, dy) {
    this.left -= dx / this.scale;
    this.top -= dy / this.scale;
    this.fitted = false;
    this.#keepInSight();
  }

  /** Pan just so far that a point of the picture is on the stage. @param {number} x @param {number} y @returns {boolean} whether it moved */
  reveal(x, y) {
    const [screenX, screenY] = this.toScreen(x, y);
    const dx = Math.max(0, KEPT_IN_SIGHT - screenX) - Math.max(0, screenX - this.width + KEPT_IN_SIGHT);
    const dy = Math.max(0, KEPT_IN_SIGHT - screenY) - Math.max(0, screenY - this.height + KEPT_IN_SIGHT);
    if ((screenX >= 0 && screenY >= 0 && screenX <= this.width && screenY <= this.height) || (!dx && !dy)) return false;
    this.panBy(dx, dy);
    return true;
  }

  #keepInSight() {
    const margin = KEPT_IN_SIGHT / this.scale;
    this.left = Math.min(this.imageWidth - margin, Math.max(margin - this.width / this.scale, this.left));
    this.top = Math.min(this.imageHeight - margin, Math.max(margin - this.height / this.scale, this.top));
  }
}
