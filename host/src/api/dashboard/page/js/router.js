// Which page an address names. Pure but for reading and setting it.
//
//   #/                       the platform
//   #/tenants/acme           a tenant
//   #/tenants/acme/streams   one of its tabs; `?state=parked` filters

export const TABS = [
  ['now', 'Now'],
  ['apps', 'Apps'],
  ['batches', 'Batches'],
  ['streams', 'Streams'],
  ['letters', 'Dead letters'],
  ['log', 'Log'],
];

/** What a hash says: `{ page: 'platform' | 'tenant', tenant, tab, query }`. */
export function route(hash) {
  const [where, asked = ''] = hash.replace(/^#\/?/, '').split('?');
  const parts = where.split('/').filter(Boolean).map(decode);
  const query = Object.fromEntries(new URLSearchParams(asked));
  if (parts[0] !== 'tenants' || !parts[1]) return { page: 'platform', query };
  const tab = TABS.some(([name]) => name === parts[2]) ? parts[2] : 'now';
  return { page: 'tenant', tenant: parts[1], tab, query };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a tenant's page. */
export function toTenant(tenant, tab = 'now', query = {}) {
  const asked = new URLSearchParams(query).toString();
  return `#/tenants/${encodeURIComponent(tenant)}${tab === 'now' ? '' : `/${tab}`}${asked ? `?${asked}` : ''}`;
}
