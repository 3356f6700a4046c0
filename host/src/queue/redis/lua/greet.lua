-- ARGV: name, id of the data directory, what is told of the host (JSON), how long a word counts in milliseconds.
-- Answers '' or, where another host goes by that name, the milliseconds since its last word.
local before = call('HGET', P .. 'hosts', ARGV[2])
if before then
  local seen, id = before:match('^(%d+) (%S+) ')
  local ago = now - tonumber(seen)
  if id ~= ARGV[3] and ago < tonumber(ARGV[5]) then return tostring(ago) end
end
call('HSET', P .. 'hosts', ARGV[2], string.format('%d', now) .. ' ' .. ARGV[3] .. ' ' .. ARGV[4])
return ''
