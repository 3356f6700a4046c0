-- ARGV: tenant, app, content. Answers the fields of the newest task that had it and was not cancelled, its number first.
for _, number in ipairs(call('ZREVRANGE', P .. 'known:' .. ARGV[2] .. ':' .. ARGV[3] .. ':' .. ARGV[4], 0, -1)) do
  if call('HGET', key_of(number), 'state') ~= 'cancelled' then
    return { number, call('HGETALL', key_of(number)) }
  end
end
return { '', {} }
