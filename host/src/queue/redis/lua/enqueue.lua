-- ARGV: batch, tenant, app, generation or '', empty checkpoint, what becomes of known content ('refuse' | 'take', or 'replay':
-- it is no news of the content), most tasks that may wait or run, then for each file: job, work, content.
-- Answers the numbers of the tasks, and -1; or none and, of a file whose content is refused, its index, and number and fields
-- of the task that had it; or how many wait and run, and -2, where that leaves no room.
local batch, tenant, app, generation, checkpoint, known = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local room = tonumber(ARGV[8])
local batch_key = P .. 'batch:' .. batch
if call('EXISTS', batch_key) == 1 then return { call('LRANGE', batch_key, 0, -1), -1, '', {} } end
local files = (#ARGV - 8) / 3
for file = 1, known == 'refuse' and files or 0 do
  local number = known_of(tenant, app, ARGV[8 + file * 3])
  if number then return { {}, file - 1, number, call('HGETALL', key_of(number)) } end
end
local waiting = call('ZCARD', P .. 'tasks:' .. tenant .. ':waiting')
local running = call('ZCARD', P .. 'tasks:' .. tenant .. ':running')
if waiting + running + files > room then return { { waiting, running }, -2, '', {} } end
local last = call('INCRBY', P .. 'last', files)
if last > 274877906943 then return redis.error_reply('NUMBERS a task number has 38 bits, and all are used up') end
join(tenant)
call('SADD', P .. 'tenants', tenant)
local pinned = generation ~= '' and { 'generation', generation } or {}
local numbers = {}
for file = 1, files do
  local number = string.format('%d', last - files + file)
  local at = 8 + (file - 1) * 3
  numbers[file] = number
  call('HSET', key_of(number), 'job', ARGV[at + 1], 'work', ARGV[at + 2], 'tenant', tenant, 'app', app, 'content', ARGV[at + 3],
    'batch', batch, 'state', 'waiting', 'epoch', '0', 'attempts', '0', 'checkpoint', checkpoint,
    'enqueued_at', string.format('%d', now), unpack(pinned))
  if known ~= 'replay' then call('ZADD', P .. 'known:' .. tenant .. ':' .. app .. ':' .. ARGV[at + 3], number, number) end
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
return { numbers, -1, '', {} }
