-- ARGV: number, epoch, state, reason or '', failed attempts, pause in milliseconds or -1, checkpoint.
-- Answers 'kept' or 'fenced'; 'kept' again where this very claim was ended before: the answer was lost.
local number, epoch, state, reason, failed, pause = ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local task = key_of(number)
local tenant, cancel = held(number, epoch)
if not tenant then
  return call('HGET', task, 'ended_epoch') == epoch and 'kept' or 'fenced'
end
local was_full = leave(number, tenant)
call('HDEL', task, 'host', 'cancel', 'reason', 'token')
if failed > 0 then call('HINCRBY', task, 'attempts', failed) end
-- Somebody who asked for a cancellation meanwhile gets it, unless there is nothing left to cancel.
if state == 'waiting' and cancel then state = 'cancelled' end
call('ZREM', P .. 'tasks:' .. tenant .. ':running', number)
call('ZADD', P .. 'tasks:' .. tenant .. ':' .. state, number, number)
local changed = { 'state', state, 'checkpoint', ARGV[8], 'ended_epoch', epoch }
if reason ~= '' then
  table.insert(changed, 'reason')
  table.insert(changed, reason)
end
if state ~= 'waiting' then
  table.insert(changed, 'ended_at')
  table.insert(changed, string.format('%d', now))
end
call('HSET', task, unpack(changed))
if state == 'waiting' then
  ready(number, tenant, pause >= 0 and now + pause or nil)
else
  call('ZADD', P .. 'ended', now, number)
  place(tenant)
end
-- Whoever looked before found nothing of this tenant where it had as many running as it may.
if was_full or state == 'waiting' then news() end
return 'kept'
