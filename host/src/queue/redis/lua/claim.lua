-- ARGV: host, lease in milliseconds, token of this request, 1 where it is asked again since its answer was lost
-- (or a second key says so).
-- Answers {when something becomes claimable by itself or -1, number or '', fields of the task}.
local host, lease, token = ARGV[2], tonumber(ARGV[3]), ARGV[4]

if ARGV[5] == '1' or KEYS[2] then
  for _, number in ipairs(call('ZRANGE', P .. 'leases', 0, -1)) do
    if call('HGET', key_of(number), 'token') == token then return { '-1', number, call('HGETALL', key_of(number)) } end
  end
end

for _, number in ipairs(call('ZRANGEBYSCORE', P .. 'leases', '-inf', now)) do
  local task = call('HMGET', key_of(number), 'tenant', 'cancel')
  give_back(number, task[1], task[2])
end
end_pauses()

-- Whose turn it is: ../../scheduler.rs says why. The tenants of whom nothing runs are in order already.
local best
local function consider(tenant, value, busy, is_active)
  local head = tonumber(call('ZRANGE', P .. 'ready:' .. tenant, 0, 0)[1])
  if not head then return end
  local better = not best or value < best.value
    or (value == best.value and (busy < best.busy or (busy == best.busy and head < best.head)))
  if better then best = { tenant = tenant, value = value, busy = busy, head = head, is_active = is_active } end
end
for _, tenant in ipairs(call('SMEMBERS', P .. 'active')) do
  local weight, concurrent, virtual_time = share_of(tenant)
  local running, seconds = running_of(tenant)
  if running < concurrent then consider(tenant, virtual_time + seconds / weight, running / weight, true) end
end
local first = call('ZRANGE', P .. 'turn', 0, 0, 'WITHSCORES')
if first[2] and not (best and best.value < tonumber(first[2])) then
  local equal = call('ZRANGEBYSCORE', P .. 'turn', first[2], first[2], 'LIMIT', 0, 64)
  for _, tenant in ipairs(equal) do consider(tenant, tonumber(first[2]), 0) end
end

local number, fields = '', {}
if best then
  number = string.format('%d', best.head)
  local tenant, task = best.tenant, key_of(number)
  call('ZREM', P .. 'ready:' .. tenant, number)
  call('ZREM', P .. 'tasks:' .. tenant .. ':waiting', number)
  call('ZADD', P .. 'tasks:' .. tenant .. ':running', number, number)
  local known = call('HMGET', task, 'epoch', 'app', 'generation', 'begun_at', 'not_before')
  if known[5] then call('HDEL', task, 'not_before') end
  local generation = known[3]
  if not generation then
    local live = call('HGET', P .. 'live', tenant .. ' ' .. known[2])
    generation = live and live:match('^%d+ (%x+)$')
  end
  local changed = { 'state', 'running', 'epoch', string.format('%d', tonumber(known[1]) + 1), 'host', host, 'token', token,
    'begun_at', known[4] or string.format('%d', now) }
  if generation then
    table.insert(changed, 'generation')
    table.insert(changed, generation)
  end
  call('HSET', task, unpack(changed))
  call('ZADD', P .. 'leases', now + lease, number)
  call('HSET', P .. 'running:' .. tenant, number, string.format('%d', now))
  if not best.is_active then
    call('SADD', P .. 'active', tenant)
    call('ZREM', P .. 'turn', tenant)
  end
  fields = call('HGETALL', task)
end
local due = -1
for _, name in ipairs({ 'paused', 'leases' }) do
  local at = tonumber(call('ZRANGE', P .. name, 0, 0, 'WITHSCORES')[2])
  if at and (due < 0 or at < due) then due = at end
end
return { string.format('%d', due), number, fields }
