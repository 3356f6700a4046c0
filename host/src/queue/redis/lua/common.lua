-- What every script begins with. KEYS[1] is the prefix of all keys; KEYS[2] is there where the same is asked once more.
-- ARGV[1] is the time in milliseconds since 1970, or '' for the server's own; what follows begins with ARGV[2]. How the keys
-- hang together is told in ../mod.rs.
local P, call = KEYS[1], redis.call
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function key_of(number) return P .. 'task:' .. number end

-- Weight, tasks at the same time, and virtual time of a tenant.
local function share_of(tenant)
  local share = call('HMGET', P .. 'share:' .. tenant, 'weight', 'concurrent', 'virtual_time')
  return tonumber(share[1] or 1), tonumber(share[2] or 1), tonumber(share[3] or 0)
end

local function set_virtual_time(tenant, value)
  call('HSET', P .. 'share:' .. tenant, 'virtual_time', string.format('%.17g', value))
end

-- How many tasks of a tenant run, and how many slot seconds they have used that are not charged yet.
local function running_of(tenant)
  local since = call('HVALS', P .. 'running:' .. tenant)
  local millis = 0
  for _, at in ipairs(since) do millis = millis + math.max(0, now - tonumber(at)) end
  return #since, millis / 1000
end

-- Keeps `turn` true: tenants of whom something waits and nothing runs, by their virtual time.
local function place(tenant)
  if call('HLEN', P .. 'running:' .. tenant) > 0 then return end
  local weight, concurrent, virtual_time = share_of(tenant)
  if concurrent > 0 and call('ZCARD', P .. 'ready:' .. tenant) > 0 then
    call('ZADD', P .. 'turn', string.format('%.17g', virtual_time), tenant)
  else
    call('ZREM', P .. 'turn', tenant)
  end
end

-- A task whose state is 'waiting' may be claimed from now on, or from a later time on.
local function ready(number, tenant, not_before)
  if not_before then
    call('ZADD', P .. 'paused', not_before, number)
    call('HSET', key_of(number), 'not_before', string.format('%d', not_before))
  else
    call('ZADD', P .. 'ready:' .. tenant, number, number)
  end
  place(tenant)
end

-- Pauses that are over. So many at a time; the rest at the next occasion.
local function end_pauses()
  for _, number in ipairs(call('ZRANGEBYSCORE', P .. 'paused', '-inf', now, 'LIMIT', 0, 1000)) do
    call('ZREM', P .. 'paused', number)
    ready(number, call('HGET', key_of(number), 'tenant'))
  end
end

-- A tenant that has nothing waiting or running does not bring along what it did not use: it starts at the least virtual
-- time of those who are busy.
local function join(tenant)
  end_pauses()
  if call('ZCARD', P .. 'tasks:' .. tenant .. ':waiting') > 0 or call('HLEN', P .. 'running:' .. tenant) > 0 then
    return
  end
  local first = call('ZRANGE', P .. 'turn', 0, 0, 'WITHSCORES')
  local least = tonumber(first[2])
  for _, busy in ipairs(call('SMEMBERS', P .. 'active')) do
    local weight, _, virtual_time = share_of(busy)
    local _, seconds = running_of(busy)
    local value = virtual_time + seconds / weight
    if not least or value < least then least = value end
  end
  local _, _, own = share_of(tenant)
  if least and least > own then set_virtual_time(tenant, least) end
end

-- Puts the slot time that a running task has used since it was last charged on its tenant's account.
local function charge(number, tenant)
  local since = call('HGET', P .. 'running:' .. tenant, number)
  if not since then return end
  local weight, _, virtual_time = share_of(tenant)
  set_virtual_time(tenant, virtual_time + math.max(0, now - tonumber(since)) / 1000 / weight)
  call('HSET', P .. 'running:' .. tenant, number, string.format('%d', now))
end

-- Ends the claim of a running task, without saying what becomes of it. Answers whether the tenant had as many as it may, and
-- whether nothing of it runs any more.
local function leave(number, tenant)
  local key = P .. 'running:' .. tenant
  local weight, concurrent, virtual_time = share_of(tenant)
  local running = call('HLEN', key)
  local since = call('HGET', key, number)
  if since then
    set_virtual_time(tenant, virtual_time + math.max(0, now - tonumber(since)) / 1000 / weight)
    call('HDEL', key, number)
  end
  call('ZREM', P .. 'leases', number)
  local is_last = running <= (since and 1 or 0)
  if is_last then call('SREM', P .. 'active', tenant) end
  return running >= concurrent, is_last
end

local function move(number, tenant, from, to)
  call('ZREM', P .. 'tasks:' .. tenant .. ':' .. from, number)
  call('ZADD', P .. 'tasks:' .. tenant .. ':' .. to, number, number)
  call('HSET', key_of(number), 'state', to)
end

-- A task whose state was 'waiting' cannot be claimed any more.
local function unready(number, tenant)
  call('ZREM', P .. 'ready:' .. tenant, number)
  call('ZREM', P .. 'paused', number)
  call('HDEL', key_of(number), 'not_before')
  place(tenant)
end

-- A task is over.
local function over(number)
  call('ZADD', P .. 'ended', now, number)
  call('HSET', key_of(number), 'ended_at', string.format('%d', now))
end

-- A claim that ended by itself: the task waits again, at the head, since it has the lowest number; or is cancelled, where
-- somebody asked for that.
local function give_back(number, tenant, cancel)
  leave(number, tenant)
  call('HDEL', key_of(number), 'host', 'cancel', 'token')
  if cancel then
    move(number, tenant, 'running', 'cancelled')
    over(number)
    place(tenant)
  else
    move(number, tenant, 'running', 'waiting')
    ready(number, tenant)
  end
end

-- The newest task that had this content and was not cancelled.
local function known_of(tenant, app, content)
  for _, number in ipairs(call('ZREVRANGE', P .. 'known:' .. tenant .. ':' .. app .. ':' .. content, 0, -1)) do
    if call('HGET', key_of(number), 'state') ~= 'cancelled' then return number end
  end
  return nil
end

local function news() call('PUBLISH', P .. 'news', '') end

-- State and epoch must be those of a claim that is held; answers the tenant and whether a cancellation was asked for.
local function held(number, epoch)
  local task = call('HMGET', key_of(number), 'state', 'epoch', 'tenant', 'cancel')
  if task[1] == 'running' and task[2] == epoch then return task[3], task[4] end
  return nil
end
