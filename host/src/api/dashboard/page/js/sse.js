// Server-sent events, read from pieces of text as they come. Pure.

/** Answers a function that takes the next piece and answers the events that are whole with it: `{ name, data }`. */
export function reader() {
  let rest = '';
  let name = '';
  let data = [];
  return (piece) => {
    const events = [];
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) events.push({ name: name || 'message', data: data.join('\n') });
        name = '';
        data = [];
        continue;
      }
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'event') name = value;
      if (field === 'data') data.push(value);
    }
    return events;
  };
}
