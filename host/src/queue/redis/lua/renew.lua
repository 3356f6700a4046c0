-- ARGV: number, epoch, lease in milliseconds. Answers 'held', 'cancel' or 'fenced'.
local number = ARGV[2]
local tenant, cancel = held(number, ARGV[3])
if not tenant then return 'fenced' end
charge(number, tenant)
call('ZADD', P .. 'leases', now + tonumber(ARGV[4]), number)
return cancel and 'cancel' or 'held'
