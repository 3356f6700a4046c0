-- ARGV: tenant, app, content. Answers number and fields of the newest task that had it and was not cancelled.
local number = known_of(ARGV[2], ARGV[3], ARGV[4])
if not number then return { '', {} } end
return { number, call('HGETALL', key_of(number)) }
