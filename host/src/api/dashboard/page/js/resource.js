// Something that is read once and then again when it may have changed, at most once a second. What was read stays when it
// cannot be read again; the error stands beside it.

const GAP = 1000;

export class Resource {
  /** `read` answers a promise; `changed` is called whenever there is something else to show. */
  constructor(read, changed) {
    Object.assign(this, { read, changed, value: null, error: null, busy: false, again: false, closed: false });
    this.refresh();
  }

  /** Reads it again, now or when the read under way is over. */
  refresh() {
    if (this.closed) return;
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    this.#read();
  }

  /** Nothing of it is shown any more. */
  close() {
    this.closed = true;
  }

  async #read() {
    try {
      const value = await this.read();
      Object.assign(this, { value, error: null });
    } catch (error) {
      this.error = error;
    }
    if (this.closed) return;
    this.changed();
    setTimeout(() => {
      this.busy = false;
      if (this.again) {
        this.again = false;
        this.refresh();
      }
    }, GAP);
  }
}
