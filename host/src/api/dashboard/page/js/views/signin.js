// The sign-in page: a token, typed once.

import { h } from '../dom.js';

export class SignIn {
  /** `sentence`: why somebody is asked, where that is to be told. */
  constructor(sentence, enter, redraw) {
    Object.assign(this, { sentence, enter, redraw, isBare: true, busy: false });
  }

  close() {}

  turn() {}

  render() {
    return h('main', { class: 'sign-in' }, h('form', { on: { submit: (event) => this.#submit(event) } },
      h('div', { class: 'brand' }, h('img', { src: '/dashboard/icon.svg', alt: '' }), 'mysimbdp'),
      h('div', {}, h('h1', {}, 'Sign in'), h('p', { class: 'muted' }, 'With the token that your operator gave you. It is kept until this tab is closed.')),
      h('label', {}, 'Token', h('input', { type: 'password', name: 'token', autocomplete: 'current-password', required: true, spellcheck: 'false' })),
      this.sentence ? h('p', { class: 'notice', role: 'alert' }, this.sentence) : null,
      h('button', { class: 'button main', type: 'submit', disabled: this.busy }, this.busy ? 'One moment…' : 'Sign in')));
  }

  /** It is on the page: the first time, the field is what one types into. */
  drawn() {
    if (this.wasDrawn) return;
    this.wasDrawn = true;
    document.querySelector('input[name=token]').focus();
  }

  async #submit(event) {
    event.preventDefault();
    const typed = event.currentTarget.elements.token.value.trim();
    if (!typed || this.busy) return;
    this.busy = true;
    this.redraw();
    try {
      await this.enter(typed);
    } catch (error) {
      this.sentence = error.message;
    }
    this.busy = false;
    this.redraw();
  }
}
