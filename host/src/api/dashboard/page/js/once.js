// Deeds that are asked for twice are done once: each has a key, and one whose answer never came is sent again with the key that it had.

const unanswered = new Map();

/** The key of a deed, whose name says all there is to it. It holds until `answered(name)`. */
export function keyOf(name) {
  if (!unanswered.has(name)) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    unanswered.set(name, Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));
  }
  return unanswered.get(name);
}

/** An answer came: the next time it is another deed. */
export const answered = (name) => unanswered.delete(name);
