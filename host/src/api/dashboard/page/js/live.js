// The live connection: server-sent events over fetch, which can send the token. It comes back by itself when it is lost, and
// rests while nobody looks.

import { open } from './api.js';
import { passing } from './clock.js';
import { parse } from './json.js';
import { reader } from './sse.js';

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 15_000;
// The server says something at least every 15 seconds.
const SILENCE = 45_000;
// A browser has six connections to one host, for all tabs together: one that nobody looks at gives its own back.
const UNSEEN = 10_000;
/** What is not here for this token, or for anybody, is not asked for again. */
const isFinal = (error) => error?.status === 403 || error?.status === 404;

export class Live {
  /** `heard(name, data)` for each event, `changed(isUp, error)` when the connection comes or goes. */
  constructor(tenant, heard, changed) {
    Object.assign(this, { tenant, heard, changed, ended: false, pause: FIRST_PAUSE, cut: null, wake: null, lastWord: null, retryAt: null });
    this.seen = () => this.#seen();
    this.retry = () => this.wake?.();
    document.addEventListener('visibilitychange', this.seen);
    for (const kind of ['online', 'focus']) window.addEventListener(kind, this.retry);
    this.#run();
  }

  /** Ends it for good. */
  close() {
    this.ended = true;
    document.removeEventListener('visibilitychange', this.seen);
    for (const kind of ['online', 'focus']) window.removeEventListener(kind, this.retry);
    clearTimeout(this.rest);
    this.cut?.abort();
    this.wake?.();
  }

  #seen() {
    clearTimeout(this.rest);
    if (document.hidden) this.rest = setTimeout(() => this.cut?.abort(), UNSEEN);
    else this.wake?.();
  }

  async #run() {
    while (!this.ended) {
      let lost = null;
      this.retryAt = null;
      try {
        await this.#listen();
      } catch (error) {
        // What is shown stays, and it is tried again.
        lost = error;
      }
      if (this.ended) return;
      if (!document.hidden && !isFinal(lost)) this.retryAt = passing() + this.pause;
      this.changed(false, lost);
      if (isFinal(lost)) return this.close();
      await new Promise((wake) => {
        this.wake = wake;
        if (!document.hidden) setTimeout(wake, this.pause);
      });
      this.wake = null;
      this.pause = Math.min(LONGEST_PAUSE, this.pause * 2);
    }
  }

  async #listen() {
    this.cut = new AbortController();
    let alarm = setTimeout(() => this.cut.abort(), SILENCE);
    try {
      const body = await open(['live'], { tenant: this.tenant }, this.cut.signal);
      const events = reader();
      const pieces = body.pipeThrough(new TextDecoderStream()).getReader();
      this.lastWord = passing();
      this.changed(true);
      for (;;) {
        const { done, value } = await pieces.read();
        if (done || this.ended) return;
        this.lastWord = passing();
        this.pause = FIRST_PAUSE;
        clearTimeout(alarm);
        alarm = setTimeout(() => this.cut.abort(), SILENCE);
        for (const { name, data } of events(value)) this.heard(name, parse(data));
      }
    } finally {
      clearTimeout(alarm);
      this.cut.abort();
    }
  }
}
