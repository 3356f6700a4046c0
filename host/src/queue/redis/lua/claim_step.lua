-- A claim. ARGV from `at` on: host, lease in milliseconds, token of this request, 1 where it is asked again since its answer
-- was lost (or a second key says so).
-- Answers {where there was nothing, how many milliseconds until something becomes claimable by itself, else -1; number or ''; fields of the task, of
-- which the last of the same name counts}, and the tenant.
local function claim(at)
  local host, lease, token = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2]

  if ARGV[at + 3] == '1' or KEYS[2] then
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

  if not best then
    local due = -1
    for _, name in ipairs({ 'paused', 'leases' }) do
      local soonest = tonumber(call('ZRANGE', P .. name, 0, 0, 'WITHSCORES')[2])
      if soonest and (due < 0 or soonest < due) then due = soonest end
    end
    if due >= 0 then due = math.max(0, due - now) end
    return { string.format('%d', due), '', {} }
  end
  local number = string.format('%d', best.head)
  local tenant, task = best.tenant, key_of(number)
  call('ZREM', P .. 'ready:' .. tenant, number)
  call('ZREM', P .. 'tasks:' .. tenant .. ':waiting', number)
  call('ZADD', P .. 'tasks:' .. tenant .. ':running', number, number)
  local fields, known = call('HGETALL', task), {}
  for field = 1, #fields, 2 do known[fields[field]] = fields[field + 1] end
  local generation = known.generation
  if not generation then
    local live = call('HGET', P .. 'live', tenant .. ' ' .. known.app)
    generation = live and live:match('^%d+ (%x+)$')
  end
  local changed = { 'state', 'running', 'epoch', string.format('%d', tonumber(known.epoch) + 1), 'host', host, 'token', token,
    'begun_at', known.begun_at or string.format('%d', now) }
  if generation and not known.generation then
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
  if known.not_before then
    call('HDEL', task, 'not_before')
    fields = call('HGETALL', task)
  else
    for _, part in ipairs(changed) do table.insert(fields, part) end
  end
  return { '-1', number, fields }, tenant
end
