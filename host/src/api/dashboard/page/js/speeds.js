// How fast tasks that run get on, in bytes a second. Pure.

export class Speeds {
  constructor() {
    this.known = new Map();
  }

  /** Of a task, or null. */
  of(number) {
    return this.known.get(number)?.rate ?? null;
  }

  /** Takes in how far a task is; one without a position does not run. */
  take({ number, position }, now) {
    const known = this.known.get(number);
    if (position === undefined) this.known.delete(number);
    else if (!known) this.known.set(number, { at: now, position, rate: null });
    else {
      const passed = (now - known.at) / 1000;
      if (passed < 0.5 || position <= known.position) return;
      const fresh = (position - known.position) / passed;
      this.known.set(number, { at: now, position, rate: known.rate === null ? fresh : known.rate * 0.6 + fresh * 0.4 });
    }
  }

  /** Forgets those of which nothing was heard since a time. */
  forget(since) {
    for (const [number, { at }] of this.known) if (at < since) this.known.delete(number);
  }
}
