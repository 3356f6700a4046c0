// Elements, and how what stands on the page is changed into what should stand there.
//
// A view is a function that makes all its elements anew. `morph` then changes only what differs, so that focus, selection and
// whatever somebody has unfolded stay. Children with a `key` are found again wherever they have moved.
//
// Text goes in as text: there is no way in this file from a string to markup.

const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element. `properties`: attributes, `key`, and `on` with listeners. Children that are null or false are none. */
export function h(name, properties, ...children) {
  return fill(document.createElement(name), properties, children);
}

/** An SVG element. */
export function s(name, properties, ...children) {
  return fill(document.createElementNS(SVG, name), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name === 'on') listen(element, value);
    else if (name === 'key') element.$key = String(value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

// One listener for each kind of event; what it does is exchanged with the next view.
function listen(element, listeners) {
  const known = element.$on ?? {};
  for (const name of Object.keys(listeners)) {
    if (!(name in known)) element.addEventListener(name, hear);
  }
  element.$on = listeners;
}

function hear(event) {
  event.currentTarget.$on?.[event.type]?.(event);
}

/** Changes the children of `parent` into `fresh` (an element or a list of them). */
export function show(parent, ...fresh) {
  const holder = document.createElement(parent.localName);
  holder.append(...fresh.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  const focused = document.activeElement;
  const heirs = parent.contains(focused) && focused !== parent ? neighbours(focused, parent) : [];
  morphChildren(parent, holder);
  if (heirs.length > 0 && !focused.isConnected) inherit(heirs);
}

/** An element that goes on with time: made anew by `tick`, while all around it stays. */
export function ticking(make) {
  const element = make();
  element.$make = make;
  element.setAttribute('data-ticks', '');
  return element;
}

/** Changes what goes on with time, and nothing else. */
export function tick(parent) {
  for (const element of parent.querySelectorAll('[data-ticks]')) {
    const fresh = element.isConnected && element.$make ? ticking(element.$make) : null;
    if (fresh && isSame(element, fresh)) morph(element, fresh);
  }
}

/** While somebody uses the button, it is not to be used again: `busy` is a promise of the end. */
export function occupy(element, busy) {
  element.$busy = true;
  element.setAttribute('aria-disabled', 'true');
  busy.finally(() => {
    element.$busy = false;
    element.removeAttribute('aria-disabled');
  });
}

// What the focus goes to when what has it vanishes: the next of its kind, or the one before; the content of the page at last.
const neighbours = (element, parent) => {
  const found = [];
  for (let at = element; at && at !== parent; at = at.parentElement) found.push(at.nextElementSibling, at.previousElementSibling, at.parentElement);
  return found.filter(Boolean);
};

function inherit(heirs) {
  const usable = 'button:not([disabled]), a[href], summary, input:not([type=file]), select';
  for (const heir of heirs.filter((one) => one.isConnected)) {
    const one = heir.matches(usable) ? heir : heir.querySelector(usable);
    if (one?.checkVisibility()) return one.focus();
  }
}

// What somebody changes by hand is theirs.
const BY_HAND = new Set(['open', 'value']);

function morph(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    const isKept = (BY_HAND.has(name) && old.localName !== 'progress') || (old.$busy && name === 'aria-disabled');
    if (!fresh.hasAttribute(name) && !isKept) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  // Which option is chosen is the view's to say: it hears of every choice.
  if (old.localName === 'option' && old.selected !== fresh.selected) old.selected = fresh.selected;
  if (fresh.$on || old.$on) listen(old, { ...fresh.$on });
  old.$key = fresh.$key;
  old.$make = fresh.$make;
  morphChildren(old, fresh);
}

const isSame = (old, fresh) =>
  old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && old.namespaceURI === fresh.namespaceURI && old.$key === fresh.$key;

function morphChildren(old, fresh) {
  const keyed = new Map();
  for (const child of old.childNodes) if (child.$key !== undefined) keyed.set(child.$key, child);
  const wanted = new Set([...fresh.childNodes].map((child) => child.$key));
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    while (at && at.$key !== undefined && !wanted.has(at.$key)) at = removed(at);
    let found = next.$key === undefined ? at : keyed.get(next.$key);
    if (found && !isSame(found, next)) found = null;
    if (!found) {
      old.insertBefore(next, at);
      continue;
    }
    if (found === at) at = at.nextSibling;
    else old.insertBefore(found, at);
    morph(found, next);
  }
  while (at) at = removed(at);
}

function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}
