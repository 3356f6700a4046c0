// Files on their way up, one after the other. XMLHttpRequest, since fetch does not tell how far an upload is.

import { path, problem, Problem } from './api.js';
import { parse } from './json.js';
import { answered, keyOf } from './once.js';
import { headers } from './session.js';

let last = Promise.resolve();

/** Sends a file as the body of a request once those before it are sent; `told(fraction)` meanwhile. Answers what is answered. */
export function send(parts, query, file, told) {
  const sent = last.then(() => request(path(parts, query), file, told));
  last = sent.catch(() => null);
  return sent;
}

function request(address, file, told) {
  return new Promise((resolve, reject) => {
    const asked = new XMLHttpRequest();
    asked.open('POST', address);
    const deed = [address, file.name, file.size, file.lastModified].join(' ');
    const said = headers({ 'content-type': 'application/octet-stream', 'idempotency-key': keyOf(deed) });
    for (const [name, value] of Object.entries(said)) asked.setRequestHeader(name, value);
    asked.upload.addEventListener('progress', ({ loaded, total }) => told(total > 0 ? loaded / total : 0));
    asked.addEventListener('load', () => {
      answered(deed);
      if (asked.status >= 200 && asked.status < 300) resolve(parse(asked.responseText));
      else reject(problem(asked.status, asked.responseText));
    });
    const cut = () => reject(new Problem(0, { detail: `${file.name} was not sent: the connection was cut off; nothing of it is kept` }));
    asked.addEventListener('error', cut);
    asked.addEventListener('abort', cut);
    asked.send(file);
  });
}
