// The API as its description has it: /openapi.json, made readable. Nothing of it is written here.

import { h, show } from './dom.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

const root = document.getElementById('reference');

try {
  const answer = await fetch('/openapi.json');
  const api = await answer.json();
  show(root, page(api));
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch (error) {
  show(root, h('p', { class: 'trouble' }, `The description cannot be had: ${error.message}`));
}

function page(api) {
  const tags = api.tags.map((tag) => ({ ...tag, operations: operations(api, tag.name) }));
  return [
    h('header', null,
      h('h1', null, h('a', { href: '/' }, api.info.title), ' / API'),
      h('p', null, api.info.description),
      h('p', null, 'Version ', api.info.version, '. The description itself: ', h('a', { href: '/openapi.json' }, '/openapi.json'), ' (OpenAPI ', api.openapi, ').')),
    h('nav', { 'aria-label': 'Subjects' }, tags.map((tag) => h('a', { href: `#${anchor(tag.name)}` }, tag.name))),
    tags.map((tag) => h('section', { id: anchor(tag.name) },
      h('h2', null, tag.name),
      h('p', { class: 'quiet' }, tag.description),
      tag.operations.map((operation) => told(api, operation)))),
  ];
}

function operations(api, tag) {
  const all = Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ method, path, ...item[method] })));
  return all.filter((operation) => operation.tags?.includes(tag));
}

function told(api, { method, path, summary, description, parameters = [], requestBody, responses, security }) {
  const open = security?.some((one) => Object.keys(one).length === 0);
  const good = Object.entries(responses).filter(([status]) => status.startsWith('2'));
  return h('details', { class: 'operation', id: anchor(`${method} ${path}`) },
    h('summary', null,
      h('code', { class: `method ${method}` }, method.toUpperCase()), ' ',
      h('code', { class: 'path' }, path), ' ',
      h('span', { class: 'quiet' }, summary)),
    description && h('p', null, description),
    open && h('p', null, 'Needs no token.'),
    parameters.length > 0 && fields('Parameters', parameters.map((one) => ({
      name: one.name, where: one.in, type: type(one.schema), required: one.required, text: one.description,
    }))),
    requestBody && [h('h3', null, 'Body'), Object.entries(requestBody.content).map(([kind, { schema }]) => content(api, kind, schema))],
    h('h3', null, 'Answer'),
    good.map(([status, { description: words, content: kinds = {} }]) => [
      h('p', null, h('code', null, status), ' ', words),
      Object.entries(kinds).map(([kind, { schema }]) => content(api, kind, schema)),
    ]));
}

function content(api, kind, schema) {
  return h('div', { class: 'content' }, h('p', null, h('code', null, kind), ': ', type(schema)), body(api, schema, new Set()));
}

/** The fields of a schema, and of those that it names, each unfolded when it is wanted. */
function body(api, schema, seen) {
  const name = named(schema);
  if (name) {
    if (seen.has(name)) return null;
    return body(api, api.components.schemas[name], new Set([...seen, name]));
  }
  const parts = [schema, ...(schema?.allOf ?? []), ...(schema?.oneOf ?? [])];
  const properties = parts.flatMap((part) => Object.entries(part?.properties ?? {}).map(([key, value]) => ({
    name: key, type: type(value), required: part.required?.includes(key), text: value.description, below: below(api, value, seen),
  })));
  const others = parts.slice(1).map((part) => named(part) && body(api, part, seen));
  if (properties.length === 0 && !others.some(Boolean)) return below(api, schema?.items, seen);
  return [properties.length > 0 && fields(null, properties), others];
}

function below(api, schema, seen) {
  const name = named(schema) ?? named(schema?.items) ?? schema?.oneOf?.map(named).find(Boolean);
  if (!name || seen.has(name)) return null;
  const inside = body(api, { $ref: `#/components/schemas/${name}` }, seen);
  const isShown = [inside].flat(Infinity).some(Boolean);
  return isShown ? h('details', null, h('summary', null, name), inside) : null;
}

function fields(title, rows) {
  return [
    title && h('h3', null, title),
    h('div', { class: 'wide' }, h('table', null, h('tbody', null, rows.map((row) => h('tr', null,
      h('th', { scope: 'row' }, h('code', null, row.name), row.required && h('span', { class: 'needed' }, ' needed')),
      h('td', null, row.type, row.where && row.where !== 'query' && ` (${row.where})`),
      h('td', null, row.text ?? '', row.below)))))),
  ];
}

function type(schema) {
  if (!schema) return 'anything';
  const name = named(schema);
  if (name) return name;
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.oneOf) return schema.oneOf.map(type).join(' | ');
  if (schema.allOf) return schema.allOf.map(type).join(' and ');
  if (schema.items) return `list of ${type(schema.items)}`;
  const kinds = [schema.type ?? 'anything'].flat().join(' | ');
  return schema.format ? `${kinds} (${schema.format})` : kinds;
}

function named(schema) {
  return schema?.$ref?.split('/').pop() ?? null;
}

function anchor(text) {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
}
