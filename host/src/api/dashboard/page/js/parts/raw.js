// A row as it came: as text where it is some, with what cannot be seen made visible; as hexadecimal digits otherwise.

import { h } from '../dom.js';
import { bytes as size, visible } from '../format.js';

/** Bytes that are shown in hexadecimal. */
const MOST = 256;

/** The row of a dead letter. */
export function raw({ text, base64, bytes: length }) {
  if (text === null || text === undefined) return [block('The raw row, in hexadecimal', hex(base64 ?? '')), block('The raw row, in base64', base64 ?? '', 'base64: it is no UTF-8')];
  const isCut = new TextEncoder().encode(text).length < length;
  return block('The raw row', visible(text), isCut ? `… of ${size(length)}` : null);
}

const block = (label, text, more) => h('pre', { tabindex: '0', 'aria-label': label, key: label }, h('bdi', {}, text), more ? h('span', { class: 'muted' }, `  (${more})`) : null);

/** Bytes in hexadecimal with what is ASCII of them beside it, sixteen on a line. */
function hex(base64) {
  const bytes = [...atob(base64)].map((letter) => letter.charCodeAt(0));
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, MOST); at += 16) {
    const part = bytes.slice(at, at + 16);
    const digits = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    lines.push(`${digits.padEnd(47)}  ${part.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·')).join('')}`);
  }
  return lines.join('\n') + (bytes.length > MOST ? '\n…' : '');
}
