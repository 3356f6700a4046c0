-- ARGV: tenant, app, since when (milliseconds), generation or '-'. The newest word counts. Answers 1 where this was it.
local field = ARGV[2] .. ' ' .. ARGV[3]
local before = call('HGET', P .. 'live', field)
if before and tonumber(before:match('^(%d+) ')) > tonumber(ARGV[4]) then return 0 end
call('HSET', P .. 'live', field, ARGV[4] .. ' ' .. ARGV[5])
return 1
