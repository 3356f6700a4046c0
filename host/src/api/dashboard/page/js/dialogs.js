// Questions: asked in a dialog that the browser itself keeps the keyboard in, answered by a promise.

import { h } from './dom.js';

/** Asks whether something that cannot be undone shall be done. */
export function confirm(title, text, yes) {
  return ask(title, [h('p', {}, text)], (close) => [
    h('button', { class: 'button', type: 'button', on: { click: () => close(false) } }, 'Leave it'),
    h('button', { class: 'button danger', type: 'submit' }, yes),
  ], true, false);
}

/** Asks which of several: `[value, label, more]`. Answers null where none is wanted. */
export function choose(title, text, choices) {
  return ask(title, [h('p', { class: 'muted' }, text)], (close) => [
    h('button', { class: 'button', type: 'button', on: { click: () => close(null) } }, 'None of them'),
  ], null, null, (close) => h('div', { class: 'choices' }, choices.map(([value, label, more]) =>
    h('button', { class: 'button', type: 'button', on: { click: () => close(value) } }, label, h('span', { class: 'muted small' }, more)))));
}

/** Shows something until it is closed. */
export function tell(title, ...content) {
  return ask(title, content, () => [h('button', { class: 'button main', type: 'submit' }, 'Close')], null, null);
}

function ask(title, content, actions, onSubmit, onCancel, more = () => null) {
  return new Promise((answer) => {
    const before = document.activeElement;
    let said = onCancel;
    const close = (value) => {
      said = value;
      dialog.close();
    };
    const submit = (event) => {
      event.preventDefault();
      close(onSubmit);
    };
    const dialog = h('dialog', { 'aria-label': title, on: { close: () => {
      dialog.remove();
      if (before?.isConnected) before.focus();
      answer(said);
    } } },
    h('form', { on: { submit } }, h('h2', {}, title), content, more(close), h('div', { class: 'actions' }, actions(close))));
    document.body.append(dialog);
    dialog.showModal();
  });
}
