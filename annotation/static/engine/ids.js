/** @returns {string} a new name for a revision or an operation: 32 hexadecimal digits. (crypto.randomUUID would need HTTPS.) */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
