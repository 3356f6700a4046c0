-- ARGV: host, lease in milliseconds, token of this request.
-- Answers {when something becomes claimable by itself or -1, number or '', fields of the task}.
local host, lease, token = ARGV[2], tonumber(ARGV[3]), ARGV[4]

-- The answer to this very request was lost: it is given again.
local before = call('GET', P .. 'token:' .. token)
if before then
  local number, epoch = before:match('^(%d+) (%d+)$')
  if held(number, epoch) then return { '-1', number, call('HGETALL', key_of(number)) } end
end

for _, number in ipairs(call('ZRANGEBYSCORE', P .. 'leases', '-inf', now)) do
  local task = call('HMGET', key_of(number), 'tenant', 'cancel')
  give_back(number, task[1], task[2])
end
end_pauses()

-- Whose turn it is: ../../scheduler.rs says why. The tenants of whom nothing runs are in order already.
local best
local function consider(tenant, value, busy)
  local head = tonumber(call('ZRANGE', P .. 'ready:' .. tenant, 0, 0)[1])
  if not head then return end
  local better = not best or value < best.value
    or (value == best.value and (busy < best.busy or (busy == best.busy and head < best.head)))
  if better then best = { tenant = tenant, value = value, busy = busy, head = head } end
end
for _, tenant in ipairs(call('SMEMBERS', P .. 'active')) do
  local weight, concurrent, virtual_time = share_of(tenant)
  local running, seconds = running_of(tenant)
  if running < concurrent then consider(tenant, virtual_time + seconds / weight, running / weight) end
end
local first = call('ZRANGE', P .. 'turn', 0, 0, 'WITHSCORES')
if first[2] then
  local equal = call('ZRANGEBYSCORE', P .. 'turn', first[2], first[2], 'LIMIT', 0, 64)
  for _, tenant in ipairs(equal) do consider(tenant, tonumber(first[2]), 0) end
end

local number, fields = '', {}
if best then
  number = string.format('%d', best.head)
  local tenant, task = best.tenant, key_of(number)
  call('ZREM', P .. 'ready:' .. tenant, number)
  move(number, tenant, 'waiting', 'running')
  local epoch = call('HINCRBY', task, 'epoch', 1)
  call('HSET', task, 'host', host)
  call('HDEL', task, 'not_before')
  call('HSETNX', task, 'begun_at', string.format('%d', now))
  local live = call('HGET', P .. 'live', tenant .. ' ' .. call('HGET', task, 'app'))
  if live then
    local generation = live:match('^%d+ (%x+)$')
    if generation then call('HSETNX', task, 'generation', generation) end
  end
  call('ZADD', P .. 'leases', now + lease, number)
  call('HSET', P .. 'running:' .. tenant, number, string.format('%d', now))
  call('SADD', P .. 'active', tenant)
  call('ZREM', P .. 'turn', tenant)
  call('SET', P .. 'token:' .. token, number .. ' ' .. string.format('%d', epoch), 'PX', lease)
  fields = call('HGETALL', task)
end
local due = -1
for _, name in ipairs({ 'paused', 'leases' }) do
  local at = tonumber(call('ZRANGE', P .. name, 0, 0, 'WITHSCORES')[2])
  if at and (due < 0 or at < due) then due = at end
end
return { string.format('%d', due), number, fields }
