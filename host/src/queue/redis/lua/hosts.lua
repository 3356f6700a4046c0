-- ARGV: how long a host without a word is listed, in milliseconds.
-- Answers for each host: what is told of it, and the milliseconds since its last word. Forgets those that are long gone.
local listed = {}
local hosts = call('HGETALL', P .. 'hosts')
for at = 1, #hosts, 2 do
  local seen, card = hosts[at + 1]:match('^(%d+) %S+ (.*)$')
  local ago = now - tonumber(seen)
  if ago > tonumber(ARGV[2]) then
    call('HDEL', P .. 'hosts', hosts[at])
  else
    table.insert(listed, { card, string.format('%d', ago) })
  end
end
return listed
