-- ARGV: tenant, stream, state, reason. The last word counts, and is later than the one before, whatever became of the clock.
-- Answers since when it counts.
local field = ARGV[2] .. ' ' .. ARGV[3]
local before = call('HGET', P .. 'said', field)
if before then now = math.max(now, tonumber(before:match('^(%d+) ')) + 1) end
call('INCR', P .. 'words')
call('HSET', P .. 'said', field, string.format('%d', now) .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
return string.format('%d', now)
