-- ARGV: name, what is told, how long a word counts in milliseconds, then for each limit: its name, what it allows, how much of
-- it is wished for. Answers the number of words about streams, what is held of each limit from now on, and for each other host
-- its name and what it tells. All that hosts hold of a limit is never more than the limit: what is granted is what others leave.
local held, others = {}, {}
local beats = call('HGETALL', P .. 'beats')
for at = 1, #beats, 2 do
  local host = beats[at]
  if host ~= ARGV[2] then
    local seen, parts = beats[at + 1]:match('^(%d+) (.*)$')
    if now - tonumber(seen) >= tonumber(ARGV[4]) then
      call('HDEL', P .. 'beats', host)
      call('HDEL', P .. 'told', host)
    else
      for part, amount in parts:gmatch('([^=,]+)=(%d+)') do held[part] = (held[part] or 0) + tonumber(amount) end
      table.insert(others, { host, call('HGET', P .. 'told', host) or '' })
    end
  end
end
local granted, parts = {}, {}
for at = 5, #ARGV, 3 do
  local left = math.max(0, tonumber(ARGV[at + 1]) - (held[ARGV[at]] or 0))
  local part = string.format('%d', math.min(left, tonumber(ARGV[at + 2])))
  table.insert(granted, part)
  table.insert(parts, ARGV[at] .. '=' .. part)
end
call('HSET', P .. 'beats', ARGV[2], string.format('%d', now) .. ' ' .. table.concat(parts, ','))
-- Most of the time nothing happens, and what is not written need not be kept.
if call('HGET', P .. 'told', ARGV[2]) ~= ARGV[3] then call('HSET', P .. 'told', ARGV[2], ARGV[3]) end
return { tonumber(call('GET', P .. 'words') or 0), granted, others }
