-- ARGV: host, longest pause in milliseconds. Answers how many tasks the host held.
local freed = 0
for _, number in ipairs(call('ZRANGE', P .. 'leases', 0, -1)) do
  local task = call('HMGET', key_of(number), 'host', 'tenant', 'cancel')
  if task[1] == ARGV[2] then
    -- What it used before it ended is charged as far as it can be known: until its last renewal.
    call('HDEL', P .. 'running:' .. task[2], number)
    give_back(number, task[2], task[3])
    freed = freed + 1
  end
end
-- A pause that ends later than any can was given by another clock.
local latest = now + tonumber(ARGV[3])
for _, number in ipairs(call('ZRANGEBYSCORE', P .. 'paused', '(' .. string.format('%d', latest), '+inf')) do
  call('ZADD', P .. 'paused', latest, number)
  call('HSET', key_of(number), 'not_before', string.format('%d', latest))
end
news()
return freed
