-- The end of a claim. ARGV from `at` on: number, epoch, state, reason or '', failed attempts, pause in milliseconds or -1,
-- checkpoint.
-- Answers 'kept' or 'fenced' ('kept' again where this very claim was ended before: the answer was lost), then the tenant,
-- whether something may be claimed now that could not be before, and whether only of this tenant, since it had as many as it
-- may.
local function finish(at)
  local number, epoch, state, reason = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local failed, pause = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local task = key_of(number)
  local tenant, cancel = held(number, epoch)
  if not tenant then
    return call('HGET', task, 'ended_epoch') == epoch and 'kept' or 'fenced'
  end
  local was_full, is_last = leave(number, tenant)
  call('HDEL', task, 'host', 'cancel', 'reason', 'token')
  if failed > 0 then call('HINCRBY', task, 'attempts', failed) end
  -- Somebody who asked for a cancellation meanwhile gets it, unless there is nothing left to cancel.
  if (state == 'waiting' or state == 'parked') and cancel then state = 'cancelled' end
  call('ZREM', P .. 'tasks:' .. tenant .. ':running', number)
  call('ZADD', P .. 'tasks:' .. tenant .. ':' .. state, number, number)
  local changed = { 'state', state, 'checkpoint', ARGV[at + 6], 'ended_epoch', epoch }
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
    -- What is parked waits for a person, however long.
    if state ~= 'parked' then call('ZADD', P .. 'ended', now, number) end
    if is_last then place(tenant) end
  end
  -- Whoever looked before found nothing of this tenant where it had as many running as it may.
  return 'kept', tenant, was_full or state == 'waiting', state ~= 'waiting'
end
