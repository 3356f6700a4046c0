-- ARGV: batch, tenant, app, generation or '', empty checkpoint, then for each file: job, work, content.
-- Answers the numbers of the tasks.
local batch, tenant, app, generation, checkpoint = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local batch_key = P .. 'batch:' .. batch
if call('EXISTS', batch_key) == 1 then return call('LRANGE', batch_key, 0, -1) end
local files = (#ARGV - 6) / 3
local last = call('INCRBY', P .. 'last', files)
if last > 274877906943 then return redis.error_reply('NUMBERS a task number has 38 bits, and all are used up') end
join(tenant)
call('SADD', P .. 'tenants', tenant)
local pinned = generation ~= '' and { 'generation', generation } or {}
local numbers = {}
for file = 1, files do
  local number = string.format('%d', last - files + file)
  local at = 6 + (file - 1) * 3
  numbers[file] = number
  call('HSET', key_of(number), 'job', ARGV[at + 1], 'work', ARGV[at + 2], 'tenant', tenant, 'app', app, 'content', ARGV[at + 3],
    'batch', batch, 'state', 'waiting', 'epoch', '0', 'attempts', '0', 'checkpoint', checkpoint,
    'enqueued_at', string.format('%d', now), unpack(pinned))
  call('ZADD', P .. 'known:' .. tenant .. ':' .. app .. ':' .. ARGV[at + 3], number, number)
end
-- So many at once as Lua can hand over.
for first = 1, files, 1000 do
  local upto, scored = math.min(first + 999, files), {}
  for file = first, upto do
    table.insert(scored, numbers[file])
    table.insert(scored, numbers[file])
  end
  call('RPUSH', batch_key, unpack(numbers, first, upto))
  call('ZADD', P .. 'tasks:' .. tenant .. ':waiting', unpack(scored))
  call('ZADD', P .. 'ready:' .. tenant, unpack(scored))
end
place(tenant)
news()
return numbers
