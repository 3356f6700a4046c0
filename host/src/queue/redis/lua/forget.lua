-- ARGV: age in milliseconds, limit. Answers a number and the fields for each task.
local forgotten = {}
local before = now - tonumber(ARGV[2])
for _, number in ipairs(call('ZRANGEBYSCORE', P .. 'ended', '-inf', before, 'LIMIT', 0, tonumber(ARGV[3]))) do
  local task = key_of(number)
  local fields = call('HGETALL', task)
  local found = call('HMGET', task, 'tenant', 'app', 'content', 'batch', 'state')
  local tenant = found[1]
  call('ZREM', P .. 'ended', number)
  -- An earlier version has put here what is parked, too.
  if found[5] ~= 'parked' then
    call('ZREM', P .. 'known:' .. tenant .. ':' .. found[2] .. ':' .. found[3], number)
    call('LREM', P .. 'batch:' .. found[4], 1, number)
    call('ZREM', P .. 'tasks:' .. tenant .. ':' .. found[5], number)
    call('DEL', task)
    table.insert(forgotten, { number, fields })
  end
end
return forgotten
